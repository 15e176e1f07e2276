/** The operator's page: what is drawn of a cluster, what is asked of the node, and how often. */
import { render } from "svelte/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cluster, type Kind } from "../e2e/cluster";
import { Desk, shareOf } from "../src/operator/desk.svelte";
import Happenings from "../src/operator/Happenings.svelte";
import NodeCard from "../src/operator/NodeCard.svelte";
import { area, HIGH, line, POINTS, put, top, WIDE } from "../src/operator/series";
import Shards from "../src/operator/Shards.svelte";
import Verdicts from "../src/operator/Verdicts.svelte";
import { happenedKey, STATE_ORDER, STATES } from "../src/operator/words";
import type { Live, Overview } from "../src/protocol/operator";
import { alsoSay, speak } from "../src/text/text.svelte";
import german from "../texts/operator/de.ftl?raw";
import english from "../texts/operator/en.ftl?raw";

let tick: number;
let kind: Kind;
let status: number;
let asked: string[];
let bodies: unknown[];

const live = ({ revision, now, nodes }: Overview): Live => ({ revision, now, figures: nodes.map((one) => one.figures) });

async function answer(url: string, options: RequestInit): Promise<Response> {
  const what = url.split("/").at(-1)!;
  asked.push(what);
  if (options.body) bodies.push(JSON.parse(options.body as string));
  if (status === 0) throw new TypeError("no network");
  if (status === 409) return new Response(JSON.stringify({ kind: "refused", why: "last" }), { status });
  if (status !== 200) return new Response("{}", { status });
  const picture = cluster(kind, tick, 1_800_000_000_000);
  return new Response(JSON.stringify(what === "live" ? live(picture) : picture));
}

async function opened(of: Kind): Promise<Desk> {
  kind = of;
  const desk = new Desk();
  await desk.open(null);
  return desk;
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", answer);
  vi.stubGlobal("navigator", { languages: ["de-DE"] });
  vi.stubGlobal("document", { documentElement: {}, visibilityState: "visible" });
  [tick, kind, status, asked, bodies] = [0, "calm", 200, [], []];
  alsoSay({ de: async () => german, en: async () => english });
  await speak("de");
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const text = (html: string) => html.replace(/<!--.*?-->/g, "").replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");
const drawn = (desk: Desk, part: typeof Verdicts | typeof Shards) =>
  render(part, { props: { desk, picture: desk.picture! } }).body;

describe("the desk", () => {
  test("fetches the whole once, and the figures every second (E2)", async () => {
    const desk = await opened("calm");
    await vi.advanceTimersByTimeAsync(10_500);
    desk.end();
    expect(asked.filter((one) => one === "cluster")).toHaveLength(1);
    expect(asked.filter((one) => one === "live")).toHaveLength(10);
    expect(desk.history(1).sockets.length).toBe(11);
  });

  test("fetches the whole again when its revision changed (E2)", async () => {
    const desk = await opened("draining");
    tick = 40;
    await vi.advanceTimersByTimeAsync(1100);
    expect(asked).toEqual(["cluster", "live", "cluster"]);
    expect(desk.picture?.revision).toBe(40);
    desk.end();
  });

  test("asks nothing while nobody looks (E1)", async () => {
    const desk = await opened("calm");
    (document as { visibilityState: string }).visibilityState = "hidden";
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toEqual(["cluster"]);
    desk.end();
  });

  test("a node that does not answer is said to, and its last figures stay", async () => {
    const desk = await opened("calm");
    status = 0;
    await vi.advanceTimersByTimeAsync(3500);
    expect(desk.stale).toBe(true);
    expect(text(drawn(desk, Verdicts))).toContain("antwortet gerade nicht");
    status = 200;
    await vi.advanceTimersByTimeAsync(1100);
    expect(desk.stale).toBe(false);
    desk.end();
  });

  test("without a cookie the door is closed, and nothing is asked any more", async () => {
    status = 401;
    const desk = new Desk();
    await desk.open("a used link");
    expect([desk.door, desk.used]).toEqual(["closed", true]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(["enter", "cluster"]);
    expect(bodies).toEqual([{ link: "a used link" }]);
  });

  test("a drain is asked for, measured from its beginning, and its refusal is told", async () => {
    const desk = await opened("draining");
    const node = () => desk.picture!.nodes[1]!;
    expect(desk.left(node()).gone).toBe(0);
    tick = 80;
    await vi.advanceTimersByTimeAsync(1100);
    expect(desk.left(node()).gone).toBeCloseTo(0.5, 1);
    tick = 400;
    await vi.advanceTimersByTimeAsync(1100);
    expect(desk.left(node())).toEqual({ calls: 0, shards: 0, gone: 1 });
    status = 409;
    expect(await desk.drain(2, true)).toEqual({ kind: "refused", why: "last" });
    expect(bodies).toEqual([{ number: 2, on: true }]);
    desk.end();
  });
});

describe("what is drawn", () => {
  test("the sentence that matters most comes first, as the heading", async () => {
    const desk = await opened("calm");
    expect(drawn(desk, Verdicts)).toMatch(/<h1[^>]*>\s*3 Knoten, alle Shards mit zwei Kopien\./);
    await speak("en");
    expect(text(drawn(desk, Verdicts))).toContain("3 nodes, all shards on two copies. Any one node may die.");
    desk.end();
    const broken = await opened("broken");
    expect(text(drawn(broken, Verdicts))).toContain("Nobody serves 29 shards.");
    expect(text(drawn(broken, Verdicts))).toContain("köln-1 does not answer.");
    broken.end();
  });

  test("releases that run side by side are told with the names of who is behind", async () => {
    const desk = await opened("upgrading");
    const said = text(drawn(desk, Verdicts));
    expect(said).toContain("die neueste ist 0.9.2. Noch zu aktualisieren: berlin-1 (0.9.1), frankfurt-1 (0.9.1).");
    await speak("en");
    expect(text(drawn(desk, Verdicts))).toContain("Until the last of them is, every node can go back.");
    desk.end();
  });

  test("what only a newer node knows is said to be unknown, and nothing breaks", async () => {
    const desk = await opened("calm");
    const picture = { ...desk.picture!, verdicts: [{ kind: "ofTomorrow" }] } as unknown as Overview;
    const html = render(Verdicts, { props: { desk, picture } }).body;
    expect(text(html)).toContain("das diese Seite nicht kennt. Laden Sie die Seite neu.");
    desk.end();
  });

  test("every shard is a field and a row, and the picture is told in words", async () => {
    const desk = await opened("broken");
    const html = drawn(desk, Shards);
    expect(html.match(/data-shard="/g)).toHaveLength(256);
    expect(html.match(/<th scope="row"/g)).toHaveLength(256);
    expect(html).toMatch(/aria-label="256 Shards\. zwei Kopien: 86\. wird kopiert: 21\. eine Kopie: 120\. ruht: 29\."/);
    desk.end();
  });

  test("a node tells how it does, what its death would mean, and how far its drain is", async () => {
    for (const [of, place, words] of [
      ["calm", 0, ["berlin-1", "antwortet", "leitet", "bedient 86 Shards", "unkritisch", "frankfurt-1 bedient 43 Shards mehr"]],
      ["broken", 2, ["antwortet nicht", "ist schon aus"]],
      ["broken", 0, ["kritisch", "86 Shards würden ruhen (Nr. 0, 3, 6,", "nichts mehr entscheiden"]],
      ["draining", 1, ["wird geleert", "Noch 209 in Gesprächen und 170 Shards.", "Doch nicht leeren"]],
    ] as const) {
      const desk = await opened(of);
      const node = desk.picture!.nodes[place]!;
      const props = { desk, node, whatIf: desk.picture!.whatIf[place] };
      const said = text(render(NodeCard, { props }).body);
      for (const word of words) expect(said, `${of}, ${place}`).toContain(word);
      desk.end();
    }
  });

  test("a node that was drained is empty when nobody misses what it has", async () => {
    const desk = await opened("draining");
    const node = desk.picture!.nodes[1]!;
    const figures = { ...node.figures, calls: 0, primaries: 0, twins: 0 };
    for (const [empty, word] of [[false, "Dateien werden noch"], [true, "Leer."]] as const) {
      desk.left = () => ({ calls: 0, shards: 0, gone: 1 });
      const props = { desk, node: { ...node, empty, figures }, whatIf: undefined };
      expect(text(render(NodeCard, { props }).body)).toContain(word);
    }
    desk.end();
  });

  test("what happened is told, newest first", async () => {
    const { happenings } = cluster("broken", 0, 1_800_000_000_000);
    const said = text(render(Happenings, { props: { happenings } }).body);
    expect(said).toContain("57 Shards werden von anderen Knoten bedient.");
    expect(said.indexOf("köln-1 antwortet nicht mehr.")).toBeLessThan(said.indexOf("berlin-1 leitet jetzt."));
    expect(text(render(Happenings, { props: { happenings: [] } }).body)).toContain("nichts geschehen");
    expect(happenedKey({ kind: "drain", name: "a", on: false })).toBe("happened-undrain");
  });

  test("nothing is styled inside the page: the policy forbids it", async () => {
    const desk = await opened("draining");
    const node = desk.picture!.nodes[1]!;
    const card = render(NodeCard, { props: { desk, node, whatIf: desk.picture!.whatIf[1] } }).body;
    for (const html of [drawn(desk, Verdicts), drawn(desk, Shards), card]) expect(html).not.toMatch(/ style=/);
    desk.end();
  });
});

test("a series is bounded, ends at the right edge, and does not make mountains of noise", () => {
  let series: readonly number[] = [];
  for (let value = 0; value < 300; value += 1) series = put(series, value);
  expect(series).toHaveLength(POINTS);
  const points = line(series).split(" ").map((point) => point.split(",").map(Number));
  expect(points[0]![0]).toBeCloseTo(0);
  expect(points.at(-1)![0]).toBe(WIDE);
  for (const [, y] of points) expect(y! >= 0 && y! <= HIGH).toBe(true);
  expect(top([0, 1])).toBeGreaterThan(4);
  expect(area([])).toBe("");
});

test("a node serves a shard, keeps it, or has nothing of it; every state has its place", () => {
  const shard = { shard: 1, epoch: 1, primary: 1, twin: 2, state: "whole" } as const;
  expect([1, 2, 3].map((number) => shareOf(shard, number))).toEqual(["serves", "keeps", null]);
  expect([...STATE_ORDER].sort()).toEqual(Object.keys(STATES).sort());
});
