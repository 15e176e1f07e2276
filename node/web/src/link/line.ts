/**
 * One socket to one node: the first frame, the acknowledgements, the pulse, the end.
 *
 * # Invariants
 * - **N1** A line tells of its end once, and of nothing afterwards.
 * - **N2** What came is acknowledged well before the node's bound, and soon when it is quiet.
 */
import { ACK_EVERY, type Cut, type ToBrowser, type ToNode } from "../protocol/words";
import { socketOf } from "./nodes";
import { Pulse } from "./pulse";

/** The node's first frame. */
export type Welcome = Extract<ToBrowser, { kind: "welcome" }>;

/** Whom a line tells. */
export interface Ear {
  hear(line: Line, frame: ToBrowser): void;
  /** It is over; `why` as far as the node said, or null. */
  ended(line: Line, why: Cut | null): void;
  /** Since when the oldest ask on this line waits. */
  waits(line: Line): number | null;
}

/** Acknowledged well before the node's bound, so that one slow moment is not a cut. */
const ACK_AT = ACK_EVERY / 2;
const ACK_IDLE_MS = 500;

/** One socket to one node. */
export class Line {
  readonly node: string;
  readonly #ear: Ear;
  readonly #socket: WebSocket;
  #welcome: Welcome | null = null;
  #why: Cut | null = null;
  #pulse: Pulse | null = null;
  #over = false;
  #frames = 0;
  #acked = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #openTimer: ReturnType<typeof setTimeout> | undefined;

  /** Opens a line and says `first`; gives up after `patience` when nobody says welcome. */
  constructor(node: string, first: ToNode, ear: Ear, patience: number | null = null) {
    this.node = node;
    this.#ear = ear;
    if (patience !== null) this.#openTimer = setTimeout(() => this.#end(), patience);
    const socket = new WebSocket(socketOf(node));
    this.#socket = socket;
    socket.onopen = () => {
      if (!this.#over) socket.send(JSON.stringify(first));
    };
    socket.onmessage = ({ data }) => {
      if (!this.#over) this.#take(JSON.parse(data as string) as ToBrowser);
    };
    socket.onclose = () => this.#end();
  }

  /** What the node said first; null as long as it did not. */
  get welcome(): Welcome | null {
    return this.#welcome;
  }

  /** Sends when the line is welcome. */
  send(frame: ToNode): boolean {
    if (!this.#welcome || this.#over || this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Something makes one doubt that anybody is there; `now` asks without waiting. */
  doubt(now = false): void {
    this.#pulse?.doubt(now);
  }

  /** Ends the line without a word to anybody. */
  close(): void {
    this.#over = true;
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#openTimer);
    this.#pulse?.stop();
    this.#socket.close();
  }

  #take(frame: ToBrowser): void {
    this.#count();
    this.#pulse?.heard(frame.kind === "pong");
    if (frame.kind === "welcome") {
      clearTimeout(this.#openTimer);
      this.#welcome = frame;
    } else if (frame.kind === "nodes") {
      // Who tells of nodes knows how to answer a ping, too.
      this.#pulse ??= new Pulse({
        ping: () => this.send({ kind: "ping" }),
        waits: () => this.#ear.waits(this),
        dead: () => this.#end(),
      });
    } else if (frame.kind === "bye") {
      this.#why = frame.why;
    }
    this.#ear.hear(this, frame);
  }

  #end(): void {
    if (this.#over) return; // N1
    this.close();
    this.#ear.ended(this, this.#why);
  }

  #count(): void {
    this.#frames += 1;
    if (this.#frames - this.#acked >= ACK_AT) this.#ack();
    else this.#ackTimer ??= setTimeout(() => this.#ack(), ACK_IDLE_MS);
  }

  #ack(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.send({ kind: "ack", frames: this.#frames })) this.#acked = this.#frames;
  }
}
