/** A call that lasts: the tracks are announced, carried over, and shown under their names. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { joinCall } from "../src/media/join";
import type { CallWorld } from "../src/media/call";
import type { Flow, Peer, PeerOptions, Source } from "../src/media/peer";

class FakePeer {
  static all: FakePeer[] = [];
  static get last(): FakePeer {
    return FakePeer.all.at(-1)!;
  }
  flow: Flow = "connecting";
  closed = false;
  packets = 0;
  readonly mids = new Map<Source, string>();
  constructor(readonly options: PeerOptions) {
    FakePeer.all.push(this);
  }
  async start(tracks: object): Promise<void> {
    for (const source of Object.keys(tracks) as Source[]) this.mids.set(source, String(this.mids.size));
  }
  async publish(source: Source): Promise<void> {
    if (!this.mids.has(source)) this.mids.set(source, String(this.mids.size));
  }
  async unpublish(): Promise<void> {}
  mid(source: Source): string | null {
    return this.mids.get(source) ?? null;
  }
  async packetsReceived(): Promise<number> {
    return this.packets;
  }
  close(): void {
    this.closed = true;
  }
  to(flow: Flow): void {
    this.flow = flow;
    this.options.onFlow?.(flow);
  }
}

const track = (id: string) => ({ id }) as MediaStreamTrack;
let world: { [K in keyof CallWorld]: ReturnType<typeof vi.fn> };
const settle = () => vi.advanceTimersByTimeAsync(1);
const join = () =>
  joinCall(world as unknown as CallWorld, (options) => new FakePeer(options) as unknown as Peer);

beforeEach(() => {
  vi.useFakeTimers();
  FakePeer.all = [];
  world = { offer: vi.fn(), publish: vi.fn(async () => true), shows: vi.fn(), speaks: vi.fn(), state: vi.fn(), silent: vi.fn() };
});
afterEach(() => void vi.useRealTimers());

test("the first offer carries what is there, and the list is announced once", async () => {
  const call = join();
  call.send("camera", track("c"), true);
  call.send("microphone", track("m"), false);
  await settle();
  expect(world.publish.mock.calls).toEqual([
    [[{ mid: "0", source: "camera", on: true }, { mid: "1", source: "microphone", on: false }]],
  ]);
});

test("muting announces without a new line", async () => {
  const call = join();
  call.send("microphone", track("m"), true);
  await settle();
  call.send("microphone", track("m"), false);
  await settle();
  expect(world.publish).toHaveBeenLastCalledWith([{ mid: "0", source: "microphone", on: false }]);
  expect(world.publish).toHaveBeenCalledTimes(2);
});

test("a line shows whom the node says, and another in turn", async () => {
  const call = join();
  await settle();
  FakePeer.last.options.onShown?.("5", track("t"), "session_a camera");
  FakePeer.last.options.onShown?.("5", track("t"), "session_b camera");
  FakePeer.last.options.onShown?.("5", track("t"), null);
  expect(world.shows.mock.calls.map(([session, , shown]) => [session, shown !== null])).toEqual([
    ["session_a", true], ["session_a", false], ["session_b", true], ["session_b", false],
  ]);
  call.close();
});

test("a call that is gone begins anew with the live tracks", async () => {
  const call = join();
  call.send("camera", track("c"), true);
  await settle();
  call.hear({ kind: "gone" });
  await settle();
  expect(FakePeer.all.map((peer) => peer.closed)).toEqual([true, false]);
  expect(FakePeer.last.mid("camera")).toBe("0");
  expect(world.publish).toHaveBeenCalledTimes(2);
});

test("after a move a flowing connection is kept, a silent one is not", async () => {
  const call = join();
  call.send("camera", track("c"), true);
  await settle();
  FakePeer.last.to("flowing");
  FakePeer.last.options.onShown?.("5", track("t"), "session_a camera");
  const pulse = setInterval(() => (FakePeer.all[0]!.packets += 1), 100);
  call.renew();
  await vi.advanceTimersByTimeAsync(700);
  expect(FakePeer.all).toHaveLength(1);
  expect(world.publish).toHaveBeenCalledTimes(2);
  clearInterval(pulse);
  call.renew();
  await vi.advanceTimersByTimeAsync(900);
  expect(FakePeer.all).toHaveLength(2);
});

test("what arrives late after a move does not make its silence innocent", async () => {
  const call = join();
  call.send("camera", track("c"), true);
  await settle();
  FakePeer.last.to("flowing");
  FakePeer.last.options.onShown?.("5", track("t"), "session_a camera");
  await vi.advanceTimersByTimeAsync(1000);
  call.renew();
  for (const after of [10, 130, 130]) {
    FakePeer.all[0]!.packets += 1; // they were on their way when the node died
    await vi.advanceTimersByTimeAsync(after);
  }
  await vi.advanceTimersByTimeAsync(800);
  expect(FakePeer.all).toHaveLength(2);
  call.close();
});

test("what was shown stays until the new connection shows it, or a moment has passed", async () => {
  const call = join();
  await settle();
  for (const one of ["a", "b"]) FakePeer.last.options.onShown?.(one, track(one), `session_${one} camera`);
  call.hear({ kind: "gone" });
  await settle();
  expect(world.shows.mock.calls.filter(([, , shown]) => shown === null)).toEqual([]);
  FakePeer.last.options.onShown?.("5", track("n"), "session_a camera");
  await vi.advanceTimersByTimeAsync(5000);
  expect(world.shows.mock.calls.filter(([, , shown]) => shown === null)).toEqual([["session_b", "camera", null]]);
  call.close();
});

test("a silence without a reason makes the link ask, and only much later a new connection", async () => {
  const call = join();
  call.send("camera", track("c"), true);
  await settle();
  FakePeer.last.to("flowing");
  FakePeer.last.options.onShown?.("5", track("t"), "session_a camera");
  await vi.advanceTimersByTimeAsync(3000);
  expect(FakePeer.all).toHaveLength(1);
  expect(world.silent.mock.calls.length).toBeGreaterThan(0);
  expect(world.silent.mock.calls.length).toBeLessThan(6);
  await vi.advanceTimersByTimeAsync(2500);
  expect(FakePeer.all).toHaveLength(2);
  call.close();
});

test("a connection that is lost is tried again until the call is closed", async () => {
  const call = join();
  await settle();
  FakePeer.last.to("lost");
  await vi.advanceTimersByTimeAsync(300);
  expect(FakePeer.all).toHaveLength(2);
  call.close();
  FakePeer.last.to("lost");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakePeer.all).toHaveLength(2);
});
