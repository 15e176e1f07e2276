/** What goes wrong on the way: reloads, no network, a node that stops, a node that is killed. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { ID } from "../src/testids";
import { FLOW_MS, mediaFlows } from "./facts";
import { RealNode } from "./node";
import { journey, meet, Person, startChromium } from "./people";

let node: RealNode;
let browsers: Browser[] = [];
let expert: Person;
let guest: Person;
const said: string[] = [];

beforeAll(async () => {
  node = await RealNode.fresh();
  browsers = [await startChromium(), await startChromium()];
  expert = await Person.at(browsers[0]!, "expert", node.demo);
  guest = await Person.at(browsers[1]!, "guest", node.demo);
  await meet(expert, guest, node.demo);
});
afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await node?.end();
});

const step = journey(() => [expert, guest]);
const both = <T>(act: (person: Person) => Promise<T>) => Promise.all([act(expert), act(guest)]);

/** One says it, both read it. */
async function say(person: Person, text: string): Promise<void> {
  await person.says(text);
  said.push(text);
  await everythingIsThereOnce();
}

/** Nothing lost, nothing doubled, everything in order, on both sides. */
async function everythingIsThereOnce(): Promise<void> {
  const polled = { timeout: FLOW_MS, message: "what was said" };
  await both((person) => expect.poll(() => person.lines(), polled).toEqual(said));
}

/** Who sits in the room, as the lead sees it. */
async function seats(): Promise<string[]> {
  await expert.panel(ID.people);
  const seen = () =>
    expert.page.getByTestId(ID.person).evaluateAll((all) => all.map((one) => one.getAttribute("data-session") ?? ""));
  await expect.poll(seen).toHaveLength(2);
  const sessions = await seen();
  await expert.panel(ID.chat);
  return sessions;
}

step("a guest who reloads keeps the seat, the call and the conversation", async () => {
  await both((person) => mediaFlows(person.page));
  await say(expert, "eins");
  await say(guest, "zwei");
  const before = await seats();
  await guest.page.reload();
  await guest.sees(ID.room); // without asking, without knocking
  await both((person) => mediaFlows(person.page));
  expect(await seats()).toEqual(before);
  await everythingIsThereOnce();
});

step("an expert who reloads leads on", async () => {
  await expert.page.reload();
  await expert.sees(ID.room);
  await both((person) => mediaFlows(person.page));
  await everythingIsThereOnce();
  expect(await seats()).toHaveLength(2);
});

step("what was written while the network went away survives the page and arrives once", async () => {
  const address = guest.page.url();
  await guest.context.setOffline(true); // frames may still go out; no answer comes back
  for (const text of ["drei, ohne Netz", "vier, ohne Netz"]) {
    await guest.says(text);
    said.push(text);
  }
  await guest.message("vier, ohne Netz").getByTestId(ID.messageState).waitFor();
  await guest.page.goto("about:blank");
  await guest.context.setOffline(false);
  await guest.page.goto(address);
  await guest.sees(ID.room);
  await everythingIsThereOnce();
  await both((person) => mediaFlows(person.page));
});

step("what was written without a node survives the page and arrives once", async () => {
  const address = guest.page.url();
  await node.stop();
  await guest.sees(ID.reconnecting);
  for (const text of ["fünf, ohne Knoten", "sechs, ohne Knoten"]) {
    await guest.says(text);
    said.push(text);
  }
  await guest.page.goto("about:blank"); // nothing of it has left this browser
  await node.start();
  await guest.page.goto(address);
  await guest.sees(ID.room);
  await everythingIsThereOnce();
  await both((person) => mediaFlows(person.page));
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  step(`both come back by themselves after the node got ${signal}`, async () => {
    const before = await seats();
    await node.stop(signal);
    await both((person) => person.sees(ID.reconnecting));
    for (const person of [guest, expert]) await person.says(`${signal}: ohne Knoten`);
    const started = Date.now();
    await node.start();
    const up = Date.now();
    await both((person) => person.gone(ID.reconnecting));
    await both((person) => mediaFlows(person.page));
    console.log(`${signal}: started in ${up - started} ms, media again ${Date.now() - up} ms later`);
    // Two who wrote at once are in one order for both; which, the node decides.
    said.push(`${signal}: ohne Knoten`, `${signal}: ohne Knoten`);
    await everythingIsThereOnce();
    expect(await seats()).toEqual(before);
    await say(expert, `${signal}: wieder da`);
    await say(guest, `${signal}: ich auch`);
  });
}

step("a reload after all this shows the same from disk", async () => {
  await both((person) => person.page.reload());
  await both((person) => person.sees(ID.room));
  await everythingIsThereOnce();
  await both((person) => mediaFlows(person.page));
});
