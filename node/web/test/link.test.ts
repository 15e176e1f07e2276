/** The socket: hello, resume from the own position, the same request on every try, acknowledging. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Link, type LinkState } from "../src/link/link";
import type { Follower } from "../src/link/follower";
import type { Cut, ToBrowser, ToNode } from "../src/protocol/words";

class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  static get last(): Socket {
    return Socket.all.at(-1)!;
  }
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: ToNode[] = [];
  constructor() {
    Socket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as ToNode);
  }
  close(): void {
    this.readyState = 3;
  }
  take(frame: ToBrowser): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  welcome(): void {
    this.readyState = 1;
    this.onopen?.();
    this.take(WELCOME);
  }
  lose(): void {
    this.readyState = 3;
    this.onclose?.();
  }
  of<K extends ToNode["kind"]>(kind: K): Extract<ToNode, { kind: K }>[] {
    return this.sent.filter((frame): frame is Extract<ToNode, { kind: K }> => frame.kind === kind);
  }
}

const WELCOME: ToBrowser = {
  kind: "welcome", version: 1, tenant: "tenant_1", person: "person_1", session: "session_1",
  role: "expert", name: "E", case: null, node: "node_1", now: 0,
};
const ROOM = { kind: "room", room: "room_1" } as const;
const locked = (seq: number): ToBrowser => ({
  kind: "happened", topic: ROOM, seq, at: 0, event: { kind: "room", event: { kind: "locked" } },
});
const knock = { kind: "room", room: "room_1", command: { kind: "knock" } } as const;

let states: [LinkState, Cut | null][];
let over: boolean;
let link: Link;

function follower(): Follower & { readonly seqs: number[] } {
  const seqs: number[] = [];
  const note = () => undefined;
  return { seqs, shown: (seq) => seqs.push(seq), happened: (seq) => seqs.push(seq), noted: note, notShown: note };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  Socket.all = [];
  states = [];
  over = false;
  link = new Link("wss://node/ws", {
    state: (state, why) => states.push([state, why]),
    welcome: () => undefined,
    unwelcome: () => Promise.resolve(over),
  });
});

afterEach(() => {
  link.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("says hello first, and watches only after the welcome", () => {
  link.watch(ROOM, follower());
  Socket.last.welcome();
  expect(Socket.last.sent.map((frame) => frame.kind)).toEqual(["hello", "watch"]);
});

test("ignores what is not above its own position (F1)", () => {
  const room = follower();
  link.watch(ROOM, room);
  Socket.last.welcome();
  for (const seq of [3, 2, 3, 4]) Socket.last.take(locked(seq));
  expect(room.seqs).toEqual([3, 4]);
});

test("after a loss resumes every topic from its own position (F3)", async () => {
  link.watch(ROOM, follower());
  Socket.last.welcome();
  Socket.last.take(locked(7));
  Socket.last.lose();
  await vi.advanceTimersByTimeAsync(300);
  expect(Socket.all).toHaveLength(2);
  Socket.last.welcome();
  expect(Socket.last.of("watch")).toEqual([{ kind: "watch", topic: ROOM, after: 7 }]);
});

test("what it folded of another generation counts for nothing (F1)", async () => {
  const room = follower();
  link.watch(ROOM, room);
  Socket.last.welcome();
  Socket.last.take(locked(7));
  Socket.last.take({ kind: "generation", topic: ROOM, generation: 1 });
  Socket.last.take(locked(3));
  expect(room.seqs).toEqual([7, 3]);
  Socket.last.take({ kind: "generation", topic: ROOM, generation: 1 });
  Socket.last.lose();
  await vi.advanceTimersByTimeAsync(300);
  Socket.last.welcome();
  expect(Socket.last.of("watch")).toEqual([]);
  expect(Socket.last.of("watchIn")).toEqual([{ kind: "watchIn", topic: ROOM, after: 3, generation: 1 }]);
});

test("an unanswered ask is asked again under the same request, and answered once (L1, L2)", async () => {
  const answer = vi.fn();
  void link.ask(knock).then(answer);
  Socket.last.welcome();
  const first = Socket.last.of("ask")[0]!;
  Socket.last.lose();
  await vi.advanceTimersByTimeAsync(300);
  Socket.last.welcome();
  const second = Socket.last.of("ask")[0]!;
  expect(second.request).toBe(first.request);
  Socket.last.take({ kind: "answered", ask: second.ask, reply: { kind: "done", seq: 1 } });
  Socket.last.take({ kind: "answered", ask: second.ask, reply: { kind: "done", seq: 2 } });
  await vi.advanceTimersByTimeAsync(0);
  expect(answer.mock.calls).toEqual([[{ kind: "done", seq: 1 }]]);
});

test("a fault that may pass is tried again; a refusal is not", async () => {
  Socket.last.welcome();
  const reply = link.ask(knock);
  const first = Socket.last.of("ask")[0]!;
  Socket.last.take({ kind: "answered", ask: first.ask, reply: { kind: "faulted", fault: "restarted" } });
  await vi.advanceTimersByTimeAsync(300);
  const second = Socket.last.of("ask")[1]!;
  expect(second.request).toBe(first.request);
  const refused = { kind: "refused", refusal: { kind: "room", why: "locked" } } as const;
  Socket.last.take({ kind: "answered", ask: second.ask, reply: refused });
  expect(await reply).toEqual(refused);
});

test("a fleeting ask ends with its socket", async () => {
  Socket.last.welcome();
  const reply = link.ask(knock, true);
  Socket.last.lose();
  expect(await reply).toEqual({ kind: "faulted", fault: "stopping" });
});

test("acknowledges every half of the bound, and soon when idle", async () => {
  link.watch(ROOM, follower());
  Socket.last.welcome();
  for (let seq = 1; seq <= 31; seq += 1) Socket.last.take(locked(seq));
  expect(Socket.last.of("ack")).toEqual([{ kind: "ack", frames: 32 }]);
  Socket.last.take(locked(32));
  await vi.advanceTimersByTimeAsync(1000);
  expect(Socket.last.of("ack").at(-1)).toEqual({ kind: "ack", frames: 33 });
});

test("pauses longer and longer while nobody answers, and hurries when asked to", async () => {
  for (let tries = 0; tries < 6; tries += 1) {
    Socket.last.lose();
    await vi.advanceTimersByTimeAsync(250 * 2 ** tries);
  }
  expect(Socket.all).toHaveLength(7);
  Socket.last.lose();
  await vi.advanceTimersByTimeAsync(0);
  link.hurry();
  expect(Socket.all).toHaveLength(8);
});

test.each(["sessionOver", "version"] as const)("is over after %s", async (why) => {
  Socket.last.welcome();
  Socket.last.take({ kind: "bye", why });
  Socket.last.lose();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states.at(-1)).toEqual(["over", why]);
  expect(Socket.all).toHaveLength(1);
});

test("asks by other means why it is not welcome", async () => {
  over = true;
  Socket.last.lose();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states.at(-1)).toEqual(["over", "sessionOver"]);
});

test("gives up a socket that no longer answers", async () => {
  Socket.last.welcome();
  void link.ask(knock);
  await vi.advanceTimersByTimeAsync(12_000);
  expect(states.map(([state]) => state)).toContain("away");
  expect(Socket.all.length).toBeGreaterThan(1);
});
