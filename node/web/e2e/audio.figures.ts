/**
 * How long nobody is heard when the node that carries a call is killed: two people in browsers of
 * their own, each at another node, again and again.
 *
 * `FIGURES_TRIALS` says how often, `FIGURES_SECONDS` when to stop in any case, `FIGURES_OUT` where the
 * milliseconds go: from the kill until the later of the two hears again.
 */
import { writeFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ID } from "../src/testids";
import { countSockets, mediaFlows } from "./facts";
import { RealNode } from "./node";
import { Person, startChromium } from "./people";

const TRIALS = Number(process.env["FIGURES_TRIALS"] ?? 20);
const END = Date.now() + 1000 * Number(process.env["FIGURES_SECONDS"] ?? 1200);
const OUT = process.env["FIGURES_OUT"];
/** Nobody waits longer to hear the other: then a call is lost. */
const LOST_MS = 60_000;
/** How long a cluster may take until it stands another death. */
const WHOLE_MS = 120_000;

let nodes: RealNode;
let browsers: Browser[] = [];
let expert: Person;
let guest: Person;

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

const both = <T>(act: (person: Person) => Promise<T>) => Promise.all([act(expert), act(guest)]);

declare global {
  interface Window {
    /** When sound last came, and every time it came after a pause: when it had ceased. */
    konsilHeard: { last: number; pauses: { from: number; to: number }[] };
  }
}

/** From here on the page notes when no packet of sound came for longer than a few of them take. */
const listen = (person: Person) =>
  person.page.evaluate(() => {
    const heard = (window.konsilHeard = { last: Date.now(), pauses: [] as { from: number; to: number }[] });
    const counts = new Map<string, number>();
    const look = async () => {
      let rose = false;
      for (const [number, call] of window.konsilCalls.entries()) {
        if (call.connectionState === "closed") continue;
        (await call.getStats()).forEach((entry) => {
          if (entry.type !== "inbound-rtp" || entry.kind !== "audio") return;
          const name = `${number} ${entry.id}`;
          if (entry.packetsReceived > (counts.get(name) ?? 0)) rose = true;
          counts.set(name, entry.packetsReceived);
        });
      }
      const now = Date.now();
      if (rose && now - heard.last > 200) heard.pauses.push({ from: heard.last, to: now });
      if (rose) heard.last = now;
      setTimeout(look, 20);
    };
    void look();
  });

/** When this person heard again after a moment; 0 before. A pause that began later is another one. */
const back = (person: Person, since: number) =>
  person.page.evaluate((moment) => {
    const pause = window.konsilHeard.pauses.find(({ from, to }) => to > moment && from < moment + 1000);
    return pause?.to ?? 0;
  }, since);

async function meet(): Promise<void> {
  await both((person) => person.context.addInitScript(countSockets));
  await expert.signIn({ ...nodes.demo, url: nodes.address(1) });
  await expert.openRoom();
  await guest.knock(nodes.demo.guest.replace(nodes.address(1), nodes.address(2)), "Familie Groß");
  await expert.click(ID.admit);
  await guest.sees(ID.room);
  await both((person) => mediaFlows(person.page, "frames"));
  await both(listen);
}

/** Kills the node that carries the call, and gives the milliseconds until both hear again. */
async function trial(): Promise<number> {
  const whole = { timeout: WHOLE_MS, interval: 500, message: "any one node may die" };
  await expect.poll(() => nodes.mayDie(1), whole).toBe(true);
  const sockets = (person: Person) => person.page.evaluate(() => window.konsilSockets);
  await both((person) => expect.poll(() => sockets(person), { timeout: WHOLE_MS }).toBe(2));
  await both((person) => mediaFlows(person.page, "frames"));
  let carrier = 0;
  const carried = { timeout: WHOLE_MS, interval: 500, message: "a node carries the call" };
  await expect.poll(() => (carrier = nodes.carrier(1)), carried).toBeGreaterThan(0);
  const killed = Date.now();
  process.kill(nodes.process(carrier), "SIGKILL");
  const again = (person: Person) => back(person, killed);
  const waited = { timeout: LOST_MS, interval: 100, message: "both hear again" };
  await both((person) => expect.poll(() => again(person), waited).toBeGreaterThan(0));
  const heard = Math.max(...(await both(again)));
  nodes.revive(carrier);
  return heard - killed;
}

test("a call goes on when its node is killed", async () => {
  await meet();
  const took: number[] = [];
  while (took.length < TRIALS && Date.now() < END) {
    took.push(await trial());
    console.log(`audio back, trial ${took.length}: ${took.at(-1)} ms`);
    if (OUT) writeFileSync(OUT, JSON.stringify(took));
  }
  expect(took.length, "trials").toBeGreaterThan(0);
});
