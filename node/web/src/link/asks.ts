/**
 * What was asked and not yet answered.
 *
 * # Invariants
 * - **L1** Every ask is answered once, by the node or by giving up.
 * - **L2** A retry carries the request of the first try, so what was done is not done twice.
 */
import type { Command, Fault, Reply, ToNode } from "../protocol/words";
import { newRequest } from "./id";
import { pause } from "./pause";

/** How often a fault that may pass is tried again before the person hears of it. */
const TRIES = 6;

/** Faults after which asking again under the same request makes sense. */
const PASSING: ReadonlySet<Fault> = new Set<Fault>(["busy", "restarted", "timeout", "stopping"]);

/** One ask under way. */
interface Ask {
  readonly request: string;
  readonly command: Command;
  /** Of use only on this socket: dropped, not repeated, when the socket goes. */
  readonly fleeting: boolean;
  readonly answer: (reply: Reply) => void;
  tries: number;
  sentAt: number | null;
}

/** The asks of one browser, across sockets. */
export class Asks {
  #last = 0;
  readonly #open = new Map<number, Ask>();
  readonly #send: (frame: ToNode) => boolean;

  constructor(send: (frame: ToNode) => boolean) {
    this.#send = send;
  }

  /** Asks; a fleeting ask is not repeated after the socket is lost. */
  ask(command: Command, fleeting: boolean, request = newRequest()): Promise<Reply> {
    return new Promise((answer) => {
      this.#put({ request, command, fleeting, answer, tries: 0, sentAt: null });
    });
  }

  /** Takes an answer in; a fault that may pass is asked again after a pause. */
  answered(number: number, reply: Reply): void {
    const ask = this.#open.get(number);
    if (!ask) return;
    this.#open.delete(number);
    const passing = reply.kind === "faulted" && PASSING.has(reply.fault);
    if (passing && !ask.fleeting && ask.tries < TRIES) {
      ask.sentAt = null;
      setTimeout(() => this.#put(ask), pause(ask.tries++));
    } else {
      ask.answer(reply);
    }
  }

  /** The socket is gone: fleeting asks end here, the others wait for the next one. */
  lost(): void {
    for (const [number, ask] of [...this.#open]) {
      ask.sentAt = null;
      if (ask.fleeting) {
        this.#open.delete(number);
        ask.answer({ kind: "faulted", fault: "stopping" });
      }
    }
  }

  /** A new socket is welcome: what was not asked on it yet is asked again, in its order. */
  again(): void {
    for (const [number, ask] of this.#open) {
      if (ask.sentAt === null) this.#go(number, ask);
    }
  }

  /** Since when the oldest sent ask has waited, or null. */
  oldest(): number | null {
    let oldest: number | null = null;
    for (const { sentAt } of this.#open.values()) {
      if (sentAt !== null && (oldest === null || sentAt < oldest)) oldest = sentAt;
    }
    return oldest;
  }

  #put(ask: Ask): void {
    const number = ++this.#last;
    this.#open.set(number, ask);
    this.#go(number, ask);
  }

  #go(number: number, ask: Ask): void {
    const { request, command } = ask;
    if (this.#send({ kind: "ask", ask: number, request, command })) {
      ask.sentAt = Date.now();
    } else if (ask.fleeting) {
      this.#open.delete(number);
      ask.answer({ kind: "faulted", fault: "stopping" });
    }
  }
}
