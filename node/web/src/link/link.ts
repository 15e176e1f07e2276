/**
 * The way to the nodes: connect, resume, ask, and go on elsewhere when a node is gone.
 *
 * There is one line that works and, when there are several nodes, a warm one to another node: met
 * and welcome, watching nothing. When the working line ends, or its node no longer answers, the
 * warm one takes over at once, and another warm one is opened by and by.
 *
 * # Invariants
 * - **F1** Positions of one topic only rise: an event not above the topic's own is ignored. They do
 *   so within one generation; when a node names another one, the topic begins anew.
 * - **F3** After a loss every watched topic is asked for again from its own position.
 * - **F4** Only the working line is watched and asked on; frames of topics from any other line are
 *   ignored.
 * - **F5** A move that the node asks for is no loss: the state stays open, and asks that only this
 *   line can answer are waited for a moment.
 *
 * Screens never touch a socket; they follow topics and ask.
 */
import { WIRE, type Command, type Cut, type Reply, type Seq, type ToBrowser, type ToNode, type Topic } from "../protocol/words";
import { Asks } from "./asks";
import { topicKey, type Follower } from "./follower";
import { Line, type Ear, type Welcome } from "./line";
import { nodeOf, Nodes } from "./nodes";
import { pause } from "./pause";
import { Tickets } from "./tickets";
import { Warm } from "./warm";

export type { Welcome } from "./line";

/** Where the link stands. */
export type LinkState = "connecting" | "open" | "away" | "over";

/** A signal of the call. */
export type Signal = Extract<ToBrowser, { kind: "signal" }>;

/** What a link tells its owner. */
export interface Owner {
  state(state: LinkState, why: Cut | null): void;
  /** A line is welcome: the first, the next after a loss, or one to another node. */
  welcome(welcome: Welcome): void;
  signal?(signal: Signal): void;
  /** The node refused the socket without a word; true when the session is over. */
  unwelcome(): Promise<boolean>;
}

/** An answer this late means the line is dead and nobody said so. */
const SILENCE_MS = 10_000;
/** Where there are other nodes to try, one that does not say welcome is not waited for longer. */
const WELCOME_MS = 4000;
/** Asked to move, a browser goes within this time: never all at once. */
const MOVE_MS = 2000;
/** Asks under way are waited for so long before a move. */
const FINISH_MS = 1500;
/** After these the same browser would only be cut again. */
const FINAL: ReadonlySet<Cut> = new Set<Cut>(["version", "sessionOver"]);

interface Watched {
  readonly topic: Topic;
  readonly follower: Follower;
  seq: Seq;
  /** To which the position belongs; 0 as long as no node has named one. */
  generation: number;
}

/** A browser's link to whichever node answers. */
export class Link {
  readonly #owner: Owner;
  readonly #nodes: Nodes;
  readonly #tickets = new Tickets();
  readonly #watched = new Map<string, Watched>();
  readonly #asks: Asks;
  readonly #warm: Warm;
  readonly #ear: Ear = {
    hear: (line, frame) => this.#hear(line, frame),
    ended: (line, why) => void this.#lose(line, why),
    waits: (line) => (line === this.#line ? this.#asks.oldest() : null),
  };
  #line: Line | null = null;
  #state: LinkState = "connecting";
  #tries = 0;
  #tryTimer: ReturnType<typeof setTimeout> | undefined;
  #moveTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #pulse: ReturnType<typeof setInterval>;

  /** A link that begins at the node of this socket. */
  constructor(url: string, owner: Owner) {
    this.#owner = owner;
    this.#nodes = new Nodes(nodeOf(url));
    this.#asks = new Asks((frame) => this.#send(frame));
    this.#warm = new Warm(this.#nodes, this.#tickets, {
      open: (node) => this.#open(node),
      working: () => (this.#state === "open" ? this.#line : null),
    });
    this.#pulse = setInterval(() => this.#listenForSilence(), 1000);
    this.#connect(this.#nodes.home);
  }

  /** Follows a topic until the returned function is called. */
  watch(topic: Topic, follower: Follower): () => void {
    const key = topicKey(topic);
    const watched = { topic, follower, seq: 0, generation: 0 };
    this.#watched.set(key, watched);
    this.#send(from(watched));
    return () => {
      if (this.#watched.get(key)?.follower !== follower) return;
      this.#watched.delete(key);
      this.#send({ kind: "unwatch", topic });
    };
  }

  /** Asks to be shown a topic anew: after a change that uncovers what was hidden before. */
  look(topic: Topic): void {
    const watched = this.#watched.get(topicKey(topic));
    if (watched) this.#send(from(watched));
  }

  /** Asks something; survives the loss of the line unless it is fleeting. */
  ask(command: Command, fleeting = false): Promise<Reply> {
    const reply = this.#asks.ask(command, fleeting);
    this.#line?.doubt();
    return reply;
  }

  /** Something else went silent: asks at once whether the node is still there. */
  doubt(): void {
    this.#line?.doubt(true);
  }

  /** Somebody is in a call: the warm line is kept also when the page is not looked at. */
  set steady(on: boolean) {
    this.#warm.steady = on;
  }

  /** Tries at once instead of waiting: the network is back, or the person pressed a button. */
  hurry(): void {
    this.#warm.look();
    if (this.#state !== "away") return;
    clearTimeout(this.#tryTimer);
    this.#connect(this.#next());
  }

  /** Ends the link for good. */
  close(): void {
    this.#enter("over", null);
    this.#drop();
  }

  /** Nothing more can be done here. */
  #over(why: Cut): void {
    this.#drop();
    this.#enter("over", why);
  }

  /** A line to this node; null when there is nothing to show it. */
  #open(node: string): Line | null {
    const first = this.#first(node);
    return first && new Line(node, first, this.#ear, this.#nodes.elsewhere(node) ? WELCOME_MS : null);
  }

  #first(node: string): ToNode | null {
    if (node === this.#nodes.home) return { kind: "hello", version: WIRE };
    const ticket = this.#tickets.now;
    return ticket === null ? null : { kind: "arrive", version: WIRE, ticket };
  }

  #connect(node: string): void {
    this.#line?.close(); // one try at a time: an overtaken one must not live on
    this.#line = this.#open(node) ?? this.#open(this.#nodes.home);
  }

  /** Whom to try next: the others while the ticket is good, the own node in any case. */
  #next(): string {
    const { home } = this.#nodes;
    return this.#nodes.pick([], this.#tickets.now !== null) ?? home;
  }

  #hear(line: Line, frame: ToBrowser): void {
    if (frame.kind === "nodes") {
      this.#nodes.learn(frame.nodes);
      return this.#warm.look();
    }
    if (frame.kind === "ticket") {
      this.#tickets.take(frame.ticket);
      return this.#warm.look();
    }
    if (line !== this.#line) return this.#warm.hear(line, frame); // F4
    switch (frame.kind) {
      case "welcome":
        return this.#welcomed(line);
      case "answered":
        return this.#asks.answered(frame.ask, frame.reply);
      case "signal":
        return this.#owner.signal?.(frame);
      case "move":
        this.#moveTimer ??= setTimeout(() => this.#moveOn(Date.now(), 0), Math.random() * MOVE_MS);
        return;
      case "bye":
      case "pong":
        return;
      default: {
        const watched = this.#watched.get(topicKey(frame.topic));
        if (watched) tell(watched, frame);
      }
    }
  }

  /** A line works from now on: everything goes on where it was (F3). */
  #welcomed(line: Line): void {
    this.#tries = 0;
    this.#nodes.answers(line.node);
    this.#enter("open", null);
    this.#owner.welcome(line.welcome!);
    for (const watched of this.#watched.values()) this.#send(from(watched));
    this.#asks.again();
    this.#warm.look();
  }

  /** The warm line takes over from the working one; false when there is none. */
  #takeOver(): boolean {
    const line = this.#warm.take();
    if (!line) return false;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = undefined;
    const before = this.#line;
    this.#line = line;
    before?.close();
    this.#asks.lost();
    this.#welcomed(line);
    return true;
  }

  /** The node asked us to go (F5): when a warm line is there and nothing is under way. */
  #moveOn(since: number, tries: number): void {
    this.#moveTimer = undefined;
    if (this.#state !== "open") return; // whoever is lost is on the way already
    const busy = this.#asks.oldest() !== null && Date.now() - since < FINISH_MS;
    if (!busy && this.#takeOver()) return;
    if (!busy) this.#warm.look(true);
    this.#moveTimer = setTimeout(() => this.#moveOn(since, busy ? tries : tries + 1), busy ? 50 : pause(tries));
  }

  async #lose(line: Line, why: Cut | null): Promise<void> {
    if (line !== this.#line) return this.#warm.ended(line);
    const welcomed = line.welcome !== null;
    // What another node says to a ticket is not the last word: the cookie at home decides.
    const abroad = !welcomed && line.node !== this.#nodes.home;
    if (abroad && why === "sessionOver") this.#tickets.drop();
    else if (why !== "slow") this.#nodes.failed(line.node);
    if (this.#state === "over") return;
    if (why && FINAL.has(why) && !abroad) return this.#over(why);
    if (welcomed && this.#takeOver()) return;
    this.#drop();
    this.#enter("away", abroad ? null : why);
    this.#tryTimer = setTimeout(() => this.#connect(this.#next()), pause(this.#tries++));
    // A browser is not told why a socket was refused; the owner finds out by other means.
    if (!welcomed && line.node === this.#nodes.home && (await this.#owner.unwelcome()) && this.#at("away")) {
      this.#over("sessionOver");
    }
  }

  #at(state: LinkState): boolean {
    return this.#state === state;
  }

  #drop(): void {
    clearTimeout(this.#tryTimer);
    clearTimeout(this.#moveTimer);
    this.#moveTimer = undefined;
    const line = this.#line;
    this.#line = null;
    line?.close();
    this.#asks.lost();
  }

  #enter(state: LinkState, why: Cut | null): void {
    if (this.#state === state && why === null) return;
    this.#state = state;
    if (state === "over") {
      clearInterval(this.#pulse);
      this.#warm.close();
    }
    this.#owner.state(state, why);
  }

  /** Sends when the line is welcome; otherwise the welcome sends it again. */
  #send(frame: ToNode): boolean {
    return this.#state === "open" && this.#line !== null && this.#line.send(frame);
  }

  /** Half a connection is worse than none: close it, and everything resumes elsewhere. */
  #listenForSilence(): void {
    const since = this.#asks.oldest();
    if (this.#state !== "open" || since === null || Date.now() - since < SILENCE_MS) return;
    const line = this.#line;
    line?.close();
    if (line) void this.#lose(line, null);
  }
}

/** A watch that goes on where the topic stands; a node of before is not told what it never named. */
function from({ topic, seq, generation }: Watched): ToNode {
  if (generation === 0) return { kind: "watch", topic, after: seq };
  return { kind: "watchIn", topic, after: seq, generation };
}

type Told = Extract<ToBrowser, { topic: Topic }>;

function tell(watched: Watched, frame: Told): void {
  switch (frame.kind) {
    case "generation":
      if (frame.generation !== watched.generation) watched.seq = 0;
      watched.generation = frame.generation;
      return;
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
