/**
 * Any node serves anyone: a call between two people at different nodes goes on when the node that
 * carries it is relieved, and when the next one is killed. Nobody reloads, nothing is lost, nothing
 * is doubled, and nobody reads of it.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { ID } from "../src/testids";
import { countSockets, FLOW_MS, mediaFlows } from "./facts";
import { RealNode } from "./node";
import { journey, Person, startChromium } from "./people";

/** A killed node is stood in for in about a second; this machine may be busy. */
const GAP_MS = 8000;
/** A second socket is opened a little after the first. */
const WARM_MS = 15_000;

let nodes: RealNode;
let browsers: Browser[] = [];
let expert: Person;
let guest: Person;
const said: string[] = [];

beforeAll(async () => {
  nodes = await RealNode.several(3);
  browsers = [await startChromium(), await startChromium()];
  expert = await Person.at(browsers[0]!, "expert", { ...nodes.demo, url: nodes.address(1) });
  guest = await Person.at(browsers[1]!, "guest", { ...nodes.demo, url: nodes.address(2) });
});
afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await nodes?.end();
});

const step = journey(() => [expert, guest]);
const both = <T>(act: (person: Person) => Promise<T>) => Promise.all([act(expert), act(guest)]);

interface Seen {
  gap: number;
  signs: number;
}
declare global {
  interface Window {
    konsilSeen: Seen;
  }
}

/** From here on the page notes how long no packet came, and whether it spoke of trouble. */
const note = (person: Person) =>
  person.page.evaluate((bar) => {
    const seen = (window.konsilSeen = { gap: 0, signs: 0 });
    let [last, count] = [Date.now(), -1];
    setInterval(async () => {
      let packets = 0;
      for (const call of window.konsilCalls.filter((one) => one.connectionState !== "closed")) {
        (await call.getStats()).forEach((entry) => {
          if (entry.type === "inbound-rtp" && entry.kind === "audio") packets += entry.packetsReceived;
        });
      }
      seen.gap = Math.max(seen.gap, Date.now() - last);
      if (packets !== count && packets > 0) last = Date.now();
      count = packets;
      if (document.querySelector(`[data-testid="${bar}"]`)) seen.signs += 1;
    }, 50);
  }, ID.reconnecting);

/** The node that carries the call, and one that does not. */
function carrier(ask: number): { carrier: number; other: number } {
  const found = nodes.carrier(ask);
  return { carrier: found, other: [1, 2, 3].find((one) => one !== found && one !== relieved)! };
}
let relieved = 0;

/** Each says something; both read everything said so far, once. */
async function talk(about: string): Promise<void> {
  await both((person) => person.says(`${about}, ${person === expert ? "Expertin" : "Gast"}`));
  said.push(`${about}, Expertin`, `${about}, Gast`);
  const polled = { timeout: FLOW_MS, message: "what was said" };
  await both((person) => expect.poll(async () => (await person.lines()).sort(), polled).toEqual([...said].sort()));
}

step("two people meet, each at a node of their own, and their pages keep a second socket warm", async () => {
  await both((person) => person.context.addInitScript(countSockets));
  await expert.signIn({ ...nodes.demo, url: nodes.address(1) });
  await expert.openRoom();
  await guest.knock(nodes.demo.guest.replace(nodes.address(1), nodes.address(2)), "Familie Groß");
  await expert.click(ID.admit);
  await guest.sees(ID.room);
  await both((person) => mediaFlows(person.page));
  const sockets = (person: Person) => person.page.evaluate(() => window.konsilSockets);
  await both((person) => expect.poll(() => sockets(person), { timeout: WARM_MS }).toBe(2));
  await talk("am Anfang");
});

step("the node that carries the call is relieved: both go on", async () => {
  const { carrier: from, other } = carrier(1);
  expect(from).toBeGreaterThan(0);
  await both(note);
  nodes.order(other, "drain", `node-${from}`);
  relieved = from;
  await talk("während des Umzugs");
  await expect.poll(() => carrier(other).carrier, { timeout: FLOW_MS, interval: 500 }).not.toBe(from);
  await both((person) => mediaFlows(person.page));
  await talk("nach dem Umzug");
  const seen = await both((person) => person.page.evaluate(() => window.konsilSeen));
  console.log(`relieved: gaps of ${seen.map(({ gap }) => gap).join(" and ")} ms`);
  for (const { gap, signs } of seen) expect([gap < GAP_MS, signs]).toEqual([true, 0]);
});

/** Whether any one node may die, and each has something to lose. */
function mayDie(ask: number): boolean {
  const status = nodes.order(ask, "status");
  return nodes.mayDie(ask) && !/ 0 +0 .*draining/.test(status)
    && [1, 2, 3].every((of) => new RegExp(`node-${of} .* yes +[1-9]`).test(status));
}

step("the node that carries the call is killed: both go on", async () => {
  // Of two nodes without a witness neither may die: the third is taken back first.
  nodes.order(relieved, "drain", "--undo", `node-${relieved}`);
  relieved = 0;
  await expect.poll(() => mayDie(1), { timeout: 60_000, interval: 500 }).toBe(true);
  const find = () => carrier(1);
  await expect.poll(() => find().carrier, { timeout: FLOW_MS, interval: 500 }).toBeGreaterThan(0);
  const { carrier: from } = find();
  await both(note);
  process.kill(nodes.process(from), "SIGKILL");
  await talk("ohne den Knoten");
  await both((person) => mediaFlows(person.page));
  const seen = await both((person) => person.page.evaluate(() => window.konsilSeen));
  console.log(`killed: gaps of ${seen.map(({ gap }) => gap).join(" and ")} ms`);
  for (const { gap } of seen) expect(gap).toBeLessThan(GAP_MS);
  await both((person) => expect.poll(() => person.get(ID.connection).getAttribute("data-state")).toBe("connected"));
  await both((person) => person.sees(ID.room));
  await talk("und weiter");
});
