/**
 * Whether anything arrives: looks at the count of packets now and then, and closely as soon as it
 * stands still.
 */

const CALM_MS = 400;
const CLOSE_MS = 120;
/** Standing still for so long, it is not looked at closely any more. */
const ATTENTION_MS = 2000;

/** Listens to one connection until stopped. */
export class Hearing {
  readonly #packets: () => Promise<number>;
  readonly #tell: (quiet: number) => void;
  #count = -1;
  #last = Date.now();
  /** Until then it is looked closely, whatever comes. */
  #closeUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** `tell` is told after every look for how many milliseconds nothing came. */
  constructor(packets: () => Promise<number>, tell: (quiet: number) => void) {
    this.#packets = packets;
    this.#tell = tell;
    this.#again(CLOSE_MS);
  }

  /** Somebody has a reason to doubt, for so many milliseconds. */
  closely(span: number): void {
    this.#closeUntil = Date.now() + span;
    this.#again(0);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #again(after: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), after);
  }

  async #look(): Promise<void> {
    const count = await this.#packets().catch(() => this.#count);
    if (this.#stopped) return;
    const now = Date.now();
    if (count !== this.#count) this.#last = now;
    this.#count = count;
    const quiet = now - this.#last;
    const closely = now < this.#closeUntil || (quiet > 0 && quiet < ATTENTION_MS);
    this.#again(closely ? CLOSE_MS : CALM_MS);
    this.#tell(quiet);
  }
}
