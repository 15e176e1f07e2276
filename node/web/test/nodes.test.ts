/** Several nodes: the warm line, going on elsewhere, nothing lost and nothing doubled, no storm. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Follower } from "../src/link/follower";
import { Link, type LinkState } from "../src/link/link";
import { Nodes } from "../src/link/nodes";
import type { Cut, Reply, ToBrowser, ToNode } from "../src/protocol/words";

class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  /** Nodes that accept nothing. */
  static dead = new Set<string>();
  /** Nodes that accept and never say a word. */
  static mute = new Set<string>();
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly at = Date.now();
  readonly sent: ToNode[] = [];
  readonly node: string;
  constructor(url: string) {
    this.node = url.slice("wss://".length, -"/ws".length);
    Socket.all.push(this);
    setTimeout(() => (Socket.dead.has(this.node) ? this.lose() : this.#open()), 5);
  }
  #open(): void {
    if (this.readyState !== 0 || Socket.mute.has(this.node)) return;
    this.readyState = 1;
    this.onopen?.();
  }
  send(text: string): void {
    const frame = JSON.parse(text) as ToNode;
    this.sent.push(frame);
    if (Socket.mute.has(this.node)) return;
    if (frame.kind === "hello" || frame.kind === "arrive") setTimeout(() => this.#greet(), 5);
    if (frame.kind === "ping") setTimeout(() => this.take({ kind: "pong" }), 5);
  }
  #greet(): void {
    this.take({ ...WELCOME, node: `node_${this.node}` });
    this.take({ kind: "nodes", nodes: [...serving] });
    this.take({ kind: "ticket", ticket: `t-${this.node}` });
  }
  close(): void {
    this.readyState = 3;
  }
  take(frame: ToBrowser): void {
    if (this.readyState === 1 && !Socket.mute.has(this.node)) this.onmessage?.({ data: JSON.stringify(frame) });
  }
  lose(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.();
  }
  of<K extends ToNode["kind"]>(kind: K): Extract<ToNode, { kind: K }>[] {
    return this.sent.filter((frame): frame is Extract<ToNode, { kind: K }> => frame.kind === kind);
  }
}

let serving: readonly string[];
const NODES = ["https://a", "https://b", "https://c"];
const WELCOME = {
  kind: "welcome", version: 1, tenant: "tenant_1", person: "person_1", session: "session_1",
  role: "expert", name: "E", case: null, node: "node_a", now: 0,
} as const satisfies ToBrowser;
const ROOM = { kind: "room", room: "room_1" } as const;
const knock = { kind: "room", room: "room_1", command: { kind: "knock" } } as const;
const locked = (seq: number): ToBrowser => ({
  kind: "happened", topic: ROOM, seq, at: 0, event: { kind: "room", event: { kind: "locked" } },
});
const done: Reply = { kind: "done", seq: 9 };

let states: [LinkState, Cut | null][];
let welcomes: number;
let seqs: number[];
let link: Link;
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const open = () => Socket.all.filter((one) => one.readyState === 1);
const at = (node: string) => open().find((one) => one.node === node)!;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  Socket.all = [];
  Socket.dead.clear();
  Socket.mute.clear();
  [states, welcomes, seqs, serving] = [[], 0, [], NODES];
  link = new Link("wss://a/ws", {
    state: (state, why) => states.push([state, why]),
    welcome: () => void (welcomes += 1),
    unwelcome: () => Promise.resolve(false),
  });
  const follower: Follower = {
    shown: (seq) => seqs.push(seq), happened: (seq) => seqs.push(seq),
    noted: () => undefined, notShown: () => undefined,
  };
  link.watch(ROOM, follower);
});
afterEach(() => {
  link.close();
  expect(open(), "nothing is left open").toEqual([]);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** The link works at a and is warm somewhere else. */
async function warmed(): Promise<Socket> {
  await pass(3000);
  expect(open()).toHaveLength(2);
  return open().find((one) => one.node !== "a")!;
}

test("keeps one warm line to another node: shown the ticket, watching nothing, acknowledging (H1)", async () => {
  const warm = await warmed();
  expect(warm.sent[0]).toEqual({ kind: "arrive", version: 1, ticket: "t-a" });
  await pass(60_000);
  expect(open()).toHaveLength(2);
  expect(warm.of("watch")).toEqual([]);
  expect(warm.of("ack").length).toBeGreaterThan(0);
  expect(welcomes).toBe(1);
});

test("when the node dies the warm line takes over at once, from the cursors, without a fault (F3)", async () => {
  const warm = await warmed();
  at("a").take(locked(7));
  const reply = link.ask(knock);
  const asked = at("a").of("ask")[0]!;
  at("a").lose();
  expect(warm.of("watch")).toEqual([{ kind: "watch", topic: ROOM, after: 7 }]);
  const again = warm.of("ask")[0]!;
  expect(again.request).toBe(asked.request);
  warm.take({ kind: "answered", ask: again.ask, reply: done });
  expect(await reply).toEqual(done);
  warm.take(locked(7));
  warm.take(locked(8));
  expect(seqs).toEqual([7, 8]);
  expect(states).toEqual([["open", null]]);
  expect(welcomes).toBe(2);
});

test("what is asked while the line is welcomed is asked once (L1)", async () => {
  const warm = await warmed();
  link.close();
  let again: Link | null = null;
  again = new Link("wss://a/ws", {
    state: () => undefined,
    welcome: () => void again?.ask(knock, true),
    unwelcome: async () => false,
  });
  await pass(3000);
  expect(warm.readyState).toBe(3);
  const requests = open().flatMap((one) => one.of("ask")).map((one) => one.request);
  expect(requests.length).toBe(1);
  again.close();
});

test("another warm line is opened by and by, not to the dead node", async () => {
  await warmed();
  Socket.dead.add("a");
  at("a").lose();
  const before = Date.now();
  await pass(5000);
  expect(open()).toHaveLength(2);
  expect(new Set(open().map(({ node }) => node))).toEqual(new Set(["b", "c"]));
  expect(Socket.all.filter((one) => one.at >= before).length).toBeLessThan(5);
});

test("when the warm line's node dies, the next warm line is to another one", async () => {
  for (let round = 0; round < 6; round += 1) {
    const warm = await warmed();
    const before = Socket.all.length;
    warm.lose();
    await pass(4000);
    const next = Socket.all.slice(before).map(({ node }) => node);
    expect(next.length).toBe(1);
    expect(next).not.toContain(warm.node);
    await pass(20_000); // nothing is held against it for ever
  }
  expect(welcomes).toBe(1);
});

test("what a line other than the working one says of a topic is not heard (F4)", async () => {
  const warm = await warmed();
  warm.take(locked(5));
  expect(seqs).toEqual([]);
});

test("a node that hangs is left within a second while something is asked (S1)", async () => {
  const warm = await warmed();
  Socket.mute.add("a");
  const before = Date.now();
  void link.ask(knock);
  while (warm.of("ask").length === 0 && Date.now() - before < 5000) await pass(20);
  expect(Date.now() - before).toBeLessThan(1100);
  expect(states).toEqual([["open", null]]);
});

test("an actor that takes its time is no reason to leave its node (S1)", async () => {
  await warmed();
  void link.ask(knock);
  await pass(8000);
  const pings = at("a").of("ping").length;
  expect(pings).toBeGreaterThan(3);
  expect(pings).toBeLessThan(20);
  expect(welcomes).toBe(1);
});

test("a call that hears nothing makes the link ask; a node that is there stays", async () => {
  const warm = await warmed();
  link.doubt();
  await pass(2000);
  expect(welcomes).toBe(1);
  Socket.mute.add("a");
  link.doubt();
  await pass(1000);
  expect(welcomes).toBe(2);
  expect(warm.of("watch")).toHaveLength(1);
});

test("a node that is relieved is left within seconds, not all at once, and nobody sees it (F5)", async () => {
  const moments = new Set<number>();
  for (let round = 0; round < 8; round += 1) {
    await pass(4000);
    const working = open().find((one) => one.of("watch").length > 0)!;
    const before = Date.now();
    working.take({ kind: "move" });
    while (working.readyState === 1 && Date.now() - before < 5000) await pass(10);
    expect(working.readyState).toBe(3);
    moments.add(Date.now() - before);
  }
  expect(moments.size).toBeGreaterThan(4);
  expect(states).toEqual([["open", null]]);
});

test("of two nodes one is relieved: its pages go to the other and stay there", async () => {
  serving = ["https://b"];
  await pass(4000);
  expect(open().map(({ node }) => node).sort()).toEqual(["a", "b"]);
  at("a").take({ kind: "move" });
  await pass(4000);
  expect(open().map(({ node }) => node)).toEqual(["b"]);
  await pass(60_000);
  expect(open().map(({ node }) => node)).toEqual(["b"]);
  expect(Socket.all).toHaveLength(2);
  expect(states).toEqual([["open", null]]);
});

test("a move waits a moment for what only this line can answer (F5)", async () => {
  const warm = await warmed();
  vi.spyOn(Math, "random").mockReturnValue(0);
  const reply = link.ask(knock, true);
  at("a").take({ kind: "move" });
  await pass(100);
  expect(warm.of("watch")).toEqual([]);
  at("a").take({ kind: "answered", ask: at("a").of("ask")[0]!.ask, reply: done });
  await pass(100);
  expect(warm.of("watch")).toHaveLength(1);
  expect(await reply).toEqual(done);
  vi.restoreAllMocks();
});

test("when nobody answers the pauses grow and are jittered (H2)", async () => {
  await warmed();
  for (const node of ["a", "b", "c"]) Socket.dead.add(node);
  for (const one of [...open()]) one.lose();
  await pass(0);
  expect(states.at(-1)?.[0]).toBe("away");
  const before = Socket.all.length;
  await pass(60_000);
  const tries = Socket.all.slice(before).map((one) => one.at);
  expect(tries.length).toBeGreaterThan(5);
  expect(tries.length).toBeLessThan(20);
  Socket.dead.clear();
  await pass(15_000);
  expect(states.at(-1)).toEqual(["open", null]);
});

test("a ticket that is refused ends nothing: the cookie at home decides", async () => {
  await warmed();
  Socket.dead.add("a");
  const warm = open().find((one) => one.node !== "a")!;
  at("a").lose();
  await pass(10);
  // The node it went to dies as well; the third one refuses the ticket.
  warm.lose();
  await pass(0);
  const third = Socket.all.find((one) => one.readyState === 0 && one.node !== "a") ?? Socket.all.at(-1)!;
  third.readyState = 1;
  third.take({ kind: "bye", why: "sessionOver" });
  third.lose();
  Socket.dead.clear();
  await pass(20_000);
  expect(states.map(([state]) => state)).not.toContain("over");
  expect(states.at(-1)).toEqual(["open", null]);
});

test("a page that is hidden gives its warm line up, unless somebody is in a call", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("document", document);
  link.close();
  link = new Link("wss://a/ws", { state: () => undefined, welcome: () => undefined, unwelcome: async () => false });
  await warmed();
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  await pass(40_000);
  expect(open()).toHaveLength(1);
  link.steady = true;
  await pass(3000);
  expect(open()).toHaveLength(2);
});

test("whoever saves data has no warm line, and goes on elsewhere all the same", async () => {
  vi.stubGlobal("navigator", { connection: { saveData: true } });
  await pass(10_000);
  expect(open()).toHaveLength(1);
  Socket.dead.add("a");
  at("a").lose();
  await pass(1500);
  expect(open().map(({ node }) => node === "a")).toEqual([false]);
  expect(states.map(([state]) => state)).toEqual(["open", "away", "open"]);
});

test("only whole origins are nodes, and who failed comes last (D1, D2)", () => {
  const kept = new Map<string, string>();
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, to: string) => void kept.set(key, to) };
  const nodes = new Nodes("https://a", storage);
  nodes.learn([...NODES, "https://b", "ftp://x", "https://c/path", "javascript:alert(1)"]);
  expect(nodes.elsewhere("https://a")).toBe(true);
  nodes.failed("https://b");
  for (let round = 0; round < 20; round += 1) expect(nodes.pick(["https://a"], true)).toBe("https://c");
  expect(nodes.pick([], false)).toBe("https://a");
  expect(nodes.pick(NODES, true)).toBe(null);
  expect(new Nodes("https://a", storage).serves("https://c")).toBe(true);
  kept.set("konsil-nodes", "no list");
  expect(new Nodes("https://a", storage).elsewhere("https://a")).toBe(false);
});
