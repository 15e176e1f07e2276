/**
 * What shows another node whose page this is. Cookies do not travel between hosts, tickets do:
 * signed, good for two minutes, handed out anew in good time. They are kept in memory alone.
 */

/** A little less than the node's own bound, so that none expires on its way. */
const LIFE_MS = 110_000;

/** The newest ticket. */
export class Tickets {
  #ticket: string | null = null;
  #at = 0;

  take(ticket: string): void {
    this.#ticket = ticket;
    this.#at = Date.now();
  }

  /** It was refused. */
  drop(): void {
    this.#ticket = null;
  }

  /** The ticket, as long as it is good. */
  get now(): string | null {
    return Date.now() - this.#at < LIFE_MS ? this.#ticket : null;
  }
}
