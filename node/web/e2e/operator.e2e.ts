/**
 * The operator's page in a real browser, against the real node: the one-time link, the lone node,
 * and, with answers as a bigger cluster would give them, every state by axe, by keyboard, in both
 * languages, light, dark, narrow and in forced colours.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { ID } from "../src/testids";
import { cluster, type Kind } from "./cluster";
import { RealNode } from "./node";
import { journey, Person, startChromium } from "./people";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 640 };

let node: RealNode;
let browser: Browser;
let operator: Person;

beforeAll(async () => {
  node = await RealNode.fresh();
  browser = await startChromium();
  operator = await Person.at(browser, "operator", node.demo);
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});

const step = journey(() => [operator]);

/** A fresh one-time link, as whoever may read the node's data folder prints it. */
function link(): string {
  return /https:\/\/\S+/.exec(node.order(1, "page"))![0];
}

async function violations(person: Person): Promise<string[]> {
  await person.page.evaluate(AXE); // not a script of the page: its policy stays in force
  const found = await person.page.evaluate(async (tags) => {
    const { axe } = window as unknown as { axe: { run(options: object): Promise<AxeResults> } };
    return (await axe.run({ runOnly: { type: "tag", values: tags } })).violations;
  }, TAGS);
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => `${id}: ${html} ${any[0]?.message ?? ""}`));
}

/** Looks at the page in every way and leaves it as it was. */
async function look(person: Person, title: string): Promise<void> {
  const { page } = person;
  const ways = [
    { name: "light", size: WIDE, media: { colorScheme: "light", forcedColors: "none" } },
    { name: "dark", size: WIDE, media: { colorScheme: "dark", forcedColors: "none" } },
    { name: "forced", size: WIDE, media: { colorScheme: "light", forcedColors: "active" } },
    { name: "narrow-dark", size: NARROW, media: { colorScheme: "dark", forcedColors: "none" } },
  ] as const;
  for (const { name, size, media } of ways) {
    await page.setViewportSize(size);
    await page.emulateMedia(media);
    await page.evaluate(async () => {
      for (let round = 0; round < 2; round += 1) await new Promise(requestAnimationFrame);
      await Promise.allSettled(document.getAnimations().map((one) => one.finished));
    });
    if (process.env["KONSIL_PICTURES"] !== undefined) await person.photograph(`operator-${title}-${name}`);
    expect(await violations(person), `${title}, ${name}`).toEqual([]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${title}, ${name}: overflow`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
}

/** From here on the page is told of this cluster; what it orders is noted. */
async function pretend(person: Person, kind: Kind): Promise<{ kind: Kind; ordered: unknown[] }> {
  const story = { kind, ordered: [] as unknown[] };
  let tick = 0;
  await person.page.unroute("**/api/operator/**");
  await person.page.route("**/api/operator/**", async (route) => {
    const what = new URL(route.request().url()).pathname.split("/").at(-1);
    tick += 1;
    const whole = cluster(story.kind, tick);
    if (what === "drain") {
      story.ordered.push(route.request().postDataJSON());
      story.kind = "draining";
      return route.fulfill({ status: 204 });
    }
    const { revision, now, nodes } = whole;
    return route.fulfill({ json: what === "live" ? { revision, now, figures: nodes.map((one) => one.figures) } : whole });
  });
  await person.page.reload();
  await person.sees(ID.operator);
  return story;
}

step("without a link the door stays shut, and says how to open it", async () => {
  await operator.page.goto(`${node.demo.url}/operator`);
  await operator.sees(ID.sorry);
  expect(await operator.page.locator("main").innerText()).toContain("konsil cluster page");
  await look(operator, "door");
  // The browser itself notes that the node said no.
  expect(operator.complaints.filter((one) => !one.includes("401"))).toEqual([]);
  operator.complaints.length = 0;
});

step("a link opens the page once, and leaves the address bar", async () => {
  const once = link();
  await operator.page.goto(once);
  await operator.sees(ID.operator);
  expect(new URL(operator.page.url()).hash).toBe("");
  const verdict = operator.get(ID.verdict);
  expect(await verdict.getAttribute("data-kind")).toBe("lone");
  expect(await operator.page.getByTestId(ID.nodeCard).count()).toBe(1);
  expect(await operator.get(ID.shards).locator("[data-shard]").count()).toBe(256);
  await operator.page.reload(); // the cookie stays
  await operator.sees(ID.operator);
  const other = await Person.at(browser, "other", node.demo, { locale: "en-GB" });
  await other.page.goto(once);
  await other.sees(ID.sorry);
  expect(await other.page.locator("main").innerText()).toContain("no longer good");
  await other.context.close();
});

step("the lone node's page, and the last node is not drained", async () => {
  await look(operator, "lone");
  await operator.click(ID.drain);
  await operator.get(ID.drainConfirm).click();
  await operator.get(ID.toast).waitFor();
  expect(await operator.get(ID.toast).innerText()).toContain("letzte Knoten");
  operator.complaints.length = 0; // 409, noted by the browser
});

step("somebody signs in, and the figures follow within seconds", async () => {
  const expert = await Person.at(browser, "expert", node.demo);
  await expert.signIn(node.demo);
  const sockets = () => operator.page.getByTestId(ID.nodeCard).locator(".spark").nth(1).locator("strong").innerText();
  await expect.poll(sockets, { timeout: 10_000 }).toBe("1");
  await expert.context.close();
  await expect.poll(sockets, { timeout: 10_000 }).toBe("0");
});

step("a calm cluster, by keyboard: what if, drain with a second question, progress, and back", async () => {
  const story = await pretend(operator, "calm");
  await look(operator, "calm");
  const card = operator.page.getByTestId(ID.nodeCard).nth(1);
  await card.getByTestId(ID.whatIf).locator("summary").focus();
  await operator.page.keyboard.press("Enter");
  await card.getByText("berlin-1 bedient 43 Shards mehr.").waitFor();
  await operator.page.keyboard.press("Tab");
  await operator.page.keyboard.press("Enter");
  await operator.page.getByRole("dialog").waitFor();
  await look(operator, "drain-dialog");
  await operator.page.keyboard.press("Escape");
  await operator.page.getByRole("dialog").waitFor({ state: "hidden" });
  expect(await card.getByTestId(ID.drain).evaluate((one) => one === document.activeElement)).toBe(true);
  await operator.page.keyboard.press("Enter");
  await card.getByTestId(ID.drainConfirm).focus();
  await operator.page.keyboard.press("Enter");
  await card.getByTestId(ID.drainLeft).waitFor();
  expect(story.ordered).toEqual([{ number: 2, on: true }]);
  expect(await card.getByTestId(ID.drainLeft).innerText()).toMatch(/Noch \d+ in Gesprächen und \d+ Shards\./);
  await look(operator, "draining");
  await card.getByTestId(ID.drainUndo).click();
  await expect.poll(() => story.ordered.length).toBe(2);
  expect(story.ordered[1]).toEqual({ number: 2, on: false });
});

step("a broken cluster, with every sentence and the table open", async () => {
  await pretend(operator, "broken");
  for (const summary of await operator.page.locator("summary").all()) await summary.click();
  expect(await operator.get(ID.verdict).getAttribute("data-kind")).toBe("stalled");
  await look(operator, "broken");
});

step("in English", async () => {
  await operator.click(ID.language);
  await operator.page.getByText("Nobody serves 29 shards.").waitFor();
  await look(operator, "english");
  await operator.click(ID.language);
});

step("the node goes away: the page says so and finds it again", async () => {
  await operator.page.unroute("**/api/operator/**");
  await operator.page.reload();
  await operator.sees(ID.operator);
  await node.stop();
  await operator.sees(ID.stale);
  operator.complaints.length = 0; // a node that is not there, noted by the browser
  await node.start();
  await operator.gone(ID.stale);
  operator.complaints.length = 0;
});

step("closing gives the cookie back", async () => {
  await operator.click(ID.operatorLeave);
  await operator.sees(ID.sorry);
  operator.complaints.length = 0;
  await operator.page.reload();
  await operator.sees(ID.sorry);
  expect(operator.complaints.filter((one) => !one.includes("401"))).toEqual([]);
  expect(operator.strangers).toEqual([]);
});
