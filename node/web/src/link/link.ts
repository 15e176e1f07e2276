/**
 * The one socket: connect, resume, acknowledge, ask.
 *
 * # Invariants
 * - **F1** Positions of one topic only rise: an event not above the topic's own is ignored.
 * - **F3** After a loss every watched topic is asked for again from its own position.
 *
 * Screens never touch the socket; they follow topics and ask.
 */
import {
  ACK_EVERY,
  WIRE,
  type Command,
  type Cut,
  type Reply,
  type Seq,
  type ToBrowser,
  type ToNode,
  type Topic,
} from "../protocol/words";
import { Asks } from "./asks";
import { topicKey, type Follower } from "./follower";
import { pause } from "./pause";

/** Where the socket stands. */
export type LinkState = "connecting" | "open" | "away" | "over";

/** The node's first frame. */
export type Welcome = Extract<ToBrowser, { kind: "welcome" }>;

/** A signal of the call. */
export type Signal = Extract<ToBrowser, { kind: "signal" }>;

/** What a link tells its owner. */
export interface Owner {
  state(state: LinkState, why: Cut | null): void;
  welcome(welcome: Welcome): void;
  signal?(signal: Signal): void;
  /** The node refused the socket without a word; true when the session is over. */
  unwelcome(): Promise<boolean>;
}

/** Acknowledged well before the node's bound, so that one slow moment is not a cut. */
const ACK_AT = ACK_EVERY / 2;
const ACK_IDLE_MS = 500;
/** An answer this late means the socket is dead and nobody said so. */
const SILENCE_MS = 10_000;
/** After these the same browser would only be cut again. */
const FINAL: ReadonlySet<Cut> = new Set<Cut>(["version", "sessionOver"]);

interface Watched {
  readonly topic: Topic;
  readonly follower: Follower;
  seq: Seq;
}

/** A browser's link to whichever node answers. */
export class Link {
  readonly #url: string;
  readonly #owner: Owner;
  readonly #watched = new Map<string, Watched>();
  readonly #asks = new Asks((frame) => this.#send(frame));
  #socket: WebSocket | null = null;
  #state: LinkState = "connecting";
  #why: Cut | null = null;
  #tries = 0;
  #frames = 0;
  #acked = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #tryTimer: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setInterval> | undefined;

  constructor(url: string, owner: Owner) {
    this.#url = url;
    this.#owner = owner;
    this.#pulse = setInterval(() => this.#listenForSilence(), 1000);
    this.#connect();
  }

  /** Follows a topic until the returned function is called. */
  watch(topic: Topic, follower: Follower): () => void {
    const key = topicKey(topic);
    this.#watched.set(key, { topic, follower, seq: 0 });
    this.#send({ kind: "watch", topic, after: 0 });
    return () => {
      if (this.#watched.get(key)?.follower !== follower) return;
      this.#watched.delete(key);
      this.#send({ kind: "unwatch", topic });
    };
  }

  /** Asks to be shown a topic anew: after a change that uncovers what was hidden before. */
  look(topic: Topic): void {
    const watched = this.#watched.get(topicKey(topic));
    if (watched) this.#send({ kind: "watch", topic, after: watched.seq });
  }

  /** Asks something; survives the loss of the socket unless it is fleeting. */
  ask(command: Command, fleeting = false): Promise<Reply> {
    return this.#asks.ask(command, fleeting);
  }

  /** Tries at once instead of waiting: the network is back, or the person pressed a button. */
  hurry(): void {
    if (this.#state !== "away") return;
    clearTimeout(this.#tryTimer);
    this.#connect();
  }

  /** Ends the link for good. */
  close(): void {
    clearInterval(this.#pulse);
    this.#enter("over", null);
    this.#drop();
  }

  #connect(): void {
    this.#frames = 0;
    this.#acked = 0;
    this.#socket?.close(); // one try at a time: an overtaken one must not live on
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    let welcomed = false;
    socket.onopen = () => {
      if (this.#socket === socket) socket.send(JSON.stringify({ kind: "hello", version: WIRE }));
    };
    socket.onmessage = ({ data }) => {
      if (this.#socket !== socket) return;
      const frame = JSON.parse(data as string) as ToBrowser;
      welcomed ||= frame.kind === "welcome";
      this.#count();
      this.#take(frame);
    };
    socket.onclose = () => {
      if (this.#socket === socket) void this.#lose(welcomed);
    };
  }

  #take(frame: ToBrowser): void {
    switch (frame.kind) {
      case "welcome":
        this.#tries = 0;
        this.#enter("open", null);
        this.#owner.welcome(frame);
        for (const { topic, seq } of this.#watched.values()) {
          this.#send({ kind: "watch", topic, after: seq });
        }
        this.#asks.again();
        return;
      case "answered":
        return this.#asks.answered(frame.ask, frame.reply);
      case "signal":
        return this.#owner.signal?.(frame);
      case "bye":
        this.#why = frame.why;
        return;
      default: {
        const watched = this.#watched.get(topicKey(frame.topic));
        if (watched) tell(watched, frame);
      }
    }
  }

  async #lose(welcomed: boolean): Promise<void> {
    const why = this.#why;
    this.#why = null;
    this.#drop();
    if (this.#state === "over") return;
    if (why && FINAL.has(why)) return this.#enter("over", why);
    this.#enter("away", why);
    this.#tryTimer = setTimeout(() => this.#connect(), pause(this.#tries++));
    // A browser is not told why a socket was refused; the owner finds out by other means.
    if (!welcomed && (await this.#owner.unwelcome()) && this.#at("away")) {
      clearTimeout(this.#tryTimer);
      this.#drop();
      this.#enter("over", "sessionOver");
    }
  }

  #at(state: LinkState): boolean {
    return this.#state === state;
  }

  #drop(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#asks.lost();
  }

  #enter(state: LinkState, why: Cut | null): void {
    if (this.#state === state && why === null) return;
    this.#state = state;
    if (state === "over") clearInterval(this.#pulse);
    this.#owner.state(state, why);
  }

  /** Sends when the socket is welcome; otherwise the welcome sends it again. */
  #send(frame: ToNode): boolean {
    if (this.#state !== "open" || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #count(): void {
    this.#frames += 1;
    if (this.#frames - this.#acked >= ACK_AT) this.#ack();
    else this.#ackTimer ??= setTimeout(() => this.#ack(), ACK_IDLE_MS);
  }

  #ack(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#send({ kind: "ack", frames: this.#frames })) this.#acked = this.#frames;
  }

  /** Half a connection is worse than none: close it, and everything resumes elsewhere. */
  #listenForSilence(): void {
    const since = this.#asks.oldest();
    if (this.#state !== "open" || since === null || Date.now() - since < SILENCE_MS) return;
    void this.#lose(true);
  }
}

type Told = Extract<ToBrowser, { topic: Topic }>;

function tell(watched: Watched, frame: Told): void {
  switch (frame.kind) {
    case "shown":
      watched.seq = frame.seq;
      return watched.follower.shown(frame.seq, frame.view);
    case "happened":
      if (frame.seq <= watched.seq) return; // F1
      watched.seq = frame.seq;
      return watched.follower.happened(frame.seq, frame.at, frame.event);
    case "noted":
      return watched.follower.noted(frame.note);
    case "notShown":
      return watched.follower.notShown(frame.refusal);
  }
}
