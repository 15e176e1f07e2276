/**
 * The operator's desk: the whole picture, and the figures of every second.
 *
 * # Invariants
 * - **E1** At most one question is under way; a page that nobody looks at asks nothing.
 * - **E2** The whole picture is fetched only when its revision changed.
 */
import { SvelteMap } from "svelte/reactivity";
import * as node from "../link/operator";
import type { Figures, NodeSight, Overview, ShardSight, ShardState } from "../protocol/operator";
import { put } from "./series";
import { STATE_ORDER } from "./words";

/** What is drawn of a node's last minutes. */
export interface History {
  readonly sockets: readonly number[];
  readonly calls: readonly number[];
  readonly lag: readonly number[];
}

const EMPTY: History = { sockets: [], calls: [], lag: [] };
const EVERY_MS = 1000;
/** So many questions without an answer mean that the node is gone. */
const PATIENT = 2;

/** The operator's desk. */
export class Desk {
  door = $state<"checking" | "open" | "closed">("checking");
  /** The page was opened by a link that no longer opens it. */
  used = $state(false);
  picture = $state.raw<Overview | null>(null);
  stale = $state(false);
  /** The node whose shards are highlighted. */
  lit = $state<number | null>(null);
  readonly #figures = new SvelteMap<number, Figures>();
  readonly #histories = new SvelteMap<number, History>();
  readonly #peaks = new Map<number, number>();
  #now = $state(0);
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  /** The clock of the node that answers. */
  get now(): number {
    return this.#now;
  }

  /** Opens the page, by a link when there is one, and looks on from then on. */
  async open(link: string | null): Promise<void> {
    clearTimeout(this.#timer);
    this.#ended = false;
    this.used = link !== null && (await node.enter(link)).kind === "closed";
    await this.#look();
    this.#again();
  }

  /** Gives the cookie back. */
  async leave(): Promise<void> {
    await node.leave();
    this.end();
    this.door = "closed";
    this.used = false;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  figures(of: NodeSight): Figures {
    return this.#figures.get(of.figures.number) ?? of.figures;
  }

  history(number: number): History {
    return this.#histories.get(number) ?? EMPTY;
  }

  /** What people call a node. */
  name(number: number): string {
    return this.picture?.nodes.find((one) => one.figures.number === number)?.name ?? `n${number}`;
  }

  /** How many shards are in each state. */
  get states(): Record<ShardState, number> {
    const counts = Object.fromEntries(STATE_ORDER.map((state) => [state, 0])) as Record<ShardState, number>;
    for (const { state } of this.picture?.shards ?? []) counts[state] += 1;
    return counts;
  }

  /** What a drained node still has, and how much of it is gone, from 0 to 1. */
  left(of: NodeSight): { calls: number; shards: number; gone: number } {
    const { calls, primaries, twins, number } = this.figures(of);
    const shards = primaries + twins;
    const whole = Math.max(calls + shards, this.#peaks.get(number) ?? 0);
    this.#peaks.set(number, whole);
    return { calls, shards, gone: whole === 0 ? 1 : 1 - (calls + shards) / whole };
  }

  /** Relieves a node, or does not after all; the refusal when the cluster says no. */
  async drain(number: number, on: boolean): Promise<node.Answer<null>> {
    if (on) this.#peaks.delete(number);
    const answer = await node.drain(number, on);
    if (answer.kind === "told") await this.#look();
    return answer;
  }

  #again(): void {
    clearTimeout(this.#timer); // E1
    if (!this.#ended && this.door === "open") this.#timer = setTimeout(() => void this.#tick(), EVERY_MS);
  }

  async #tick(): Promise<void> {
    if (globalThis.document?.visibilityState !== "hidden") await this.#glance(); // E1
    this.#again();
  }

  async #glance(): Promise<void> {
    const answer = await node.glance();
    if (this.#heard(answer.kind) && answer.kind === "told") {
      this.#now = answer.value.now;
      this.#note(answer.value.figures);
      if (answer.value.revision !== this.picture?.revision) await this.#look(true); // E2
    }
  }

  async #look(noted = false): Promise<void> {
    const answer = await node.look();
    if (!this.#heard(answer.kind) || answer.kind !== "told") return;
    this.door = "open";
    this.picture = answer.value;
    this.#now = answer.value.now;
    if (!noted) this.#note(answer.value.nodes.map((one) => one.figures));
  }

  /** Whether the door is open; an unanswered question leaves it as it was. */
  #heard(kind: node.Answer<unknown>["kind"]): boolean {
    if (kind === "closed") this.door = "closed";
    this.#failures = kind === "silent" ? this.#failures + 1 : 0;
    this.stale = this.#failures >= PATIENT;
    if (kind === "silent" && this.door === "checking") this.door = "open"; // and goes on asking
    return kind !== "closed";
  }

  #note(figures: readonly Figures[]): void {
    for (const one of figures) {
      const { sockets, calls, lag } = this.history(one.number);
      this.#figures.set(one.number, one);
      this.#histories.set(one.number, {
        sockets: put(sockets, one.sockets),
        calls: put(calls, one.calls),
        lag: put(lag, one.lag),
      });
    }
  }
}

/** Whether a node has a copy of a shard, and which. */
export function shareOf(shard: ShardSight, number: number): "serves" | "keeps" | null {
  if (shard.primary === number) return "serves";
  return shard.twin === number ? "keeps" : null;
}
