/**
 * The warm line: to another node than the working one, met and welcome, watching nothing.
 *
 * It costs its node an idle session, so it is kept only where it is worth it: when there are several
 * nodes, the page is looked at or in a call, and the person does not save data.
 *
 * # Invariants
 * - **H1** There is one warm line at most, never to the node of the working line.
 * - **H2** It is opened after a pause that chance makes longer, and ever longer while none answers:
 *   a thousand browsers of a node that died do not knock in step.
 */
import type { ToBrowser } from "../protocol/words";
import type { Line } from "./line";
import type { Nodes } from "./nodes";
import { pause } from "./pause";
import type { Tickets } from "./tickets";

/** What the warm line needs of the link. */
export interface Hearth {
  open(node: string): Line | null;
  /** The working line, when there is one. */
  working(): Line | null;
}

/** The first one is opened a little after the page works. */
const FIRST_MS = 1000;
/** A hidden page gives its warm line up after so long: who looks back soon finds it. */
const HIDDEN_MS = 30_000;

/** Keeps a line warm. */
export class Warm {
  readonly #nodes: Nodes;
  readonly #tickets: Tickets;
  readonly #hearth: Hearth;
  readonly #looked = () => this.look();
  #line: Line | null = null;
  /** Nodes that turned out to be the working one under another name. */
  #same: string[] = [];
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hidden: ReturnType<typeof setTimeout> | undefined;
  #steady = false;
  #over = false;

  constructor(nodes: Nodes, tickets: Tickets, hearth: Hearth) {
    this.#nodes = nodes;
    this.#tickets = tickets;
    this.#hearth = hearth;
    globalThis.document?.addEventListener("visibilitychange", this.#looked);
  }

  set steady(on: boolean) {
    this.#steady = on;
    this.look();
  }

  /** Something changed: opens or closes what should be; `now` does not wait. */
  look(now = false): void {
    if (this.#over) return;
    const working = this.#hearth.working();
    if (this.#line && (this.#line.node === working?.node || !this.#mayGo(this.#line.node))) this.#drop(); // H1
    if (!this.#wanted()) return this.#cool();
    clearTimeout(this.#hidden);
    this.#hidden = undefined;
    if (this.#line || !working) return;
    if (now) clearTimeout(this.#timer);
    else if (this.#timer !== undefined) return;
    const wait = now ? 0 : FIRST_MS * Math.random() + pause(this.#tries); // H2
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  /** A frame on a line that is not the working one. */
  hear(line: Line, frame: ToBrowser): void {
    if (line !== this.#line) return;
    if (frame.kind === "move") {
      return this.ended(line);
    }
    if (frame.kind !== "welcome") return;
    if (frame.node === this.#hearth.working()?.welcome?.node) {
      this.#same.push(line.node);
      return this.#again();
    }
    this.#tries = 0;
    this.#same = [];
    this.#nodes.answers(line.node);
  }

  /** The warm line ended, or is about to: its node comes last when the next one is picked. */
  ended(line: Line): void {
    this.#nodes.failed(line.node);
    if (line === this.#line) this.#again();
  }

  /** Hands the warm line over, when it is welcome. */
  take(): Line | null {
    const line = this.#line;
    if (!line?.welcome) return null;
    this.#line = null;
    this.#same = [];
    return line;
  }

  close(): void {
    this.#over = true;
    globalThis.document?.removeEventListener("visibilitychange", this.#looked);
    clearTimeout(this.#hidden);
    clearTimeout(this.#timer);
    this.#drop();
  }

  #open(): void {
    this.#timer = undefined;
    const working = this.#hearth.working();
    if (this.#over || this.#line || !working || !this.#wanted()) return;
    const node = this.#nodes.pick([working.node, ...this.#same], this.#tickets.now !== null);
    if (node === null) {
      this.#same = [];
      return; // looked at again with the next news
    }
    this.#line = this.#hearth.open(node);
  }

  /** This one is of no use: another one, a little later. */
  #again(): void {
    this.#drop();
    this.#tries += 1;
    this.look();
  }

  #wanted(): boolean {
    const working = this.#hearth.working();
    if (!working || !this.#nodes.elsewhere(working.node) || saves()) return false;
    return this.#steady || globalThis.document?.visibilityState !== "hidden";
  }

  #mayGo(node: string): boolean {
    return node === this.#nodes.home || this.#nodes.serves(node);
  }

  /** Nobody looks: the line goes after a while. */
  #cool(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#hidden ??= setTimeout(() => {
      this.#hidden = undefined;
      if (!this.#wanted()) this.#drop();
    }, HIDDEN_MS);
  }

  #drop(): void {
    const line = this.#line;
    this.#line = null;
    line?.close();
  }
}

/** Whether the person asked the browser to save data. */
function saves(): boolean {
  const { connection } = (globalThis.navigator ?? {}) as { connection?: { saveData?: boolean } };
  return connection?.saveData === true;
}
