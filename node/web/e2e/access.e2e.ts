/**
 * Everybody gets through: every page and state by axe (WCAG 2.2 A and AA), light, dark, narrow and
 * in forced colours; nothing overflows at 320 px; the whole way by keyboard alone; in both languages;
 * and nobody but the node is asked for anything.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { ID } from "../src/testids";
import { RealNode } from "./node";
import { journey, Person, startChromium } from "./people";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 320, height: 640 };
/** With KONSIL_PICTURES every look leaves a picture in `test-results`. */
const PICTURES = process.env["KONSIL_PICTURES"] !== undefined;

let node: RealNode;
let browser: Browser;
let expert: Person;
let guest: Person;

beforeAll(async () => {
  node = await RealNode.fresh();
  browser = await startChromium();
  expert = await Person.at(browser, "expert", node.demo);
  guest = await Person.at(browser, "guest", node.demo);
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});

const step = journey(() => [expert, guest]);

/** Looks at a page in all four ways and leaves it as it was. */
async function look(person: Person, title: string): Promise<void> {
  const { page } = person;
  const ways = [
    { name: "light", size: WIDE, media: { colorScheme: "light", forcedColors: "none" } },
    { name: "dark", size: WIDE, media: { colorScheme: "dark", forcedColors: "none" } },
    { name: "forced", size: WIDE, media: { colorScheme: "light", forcedColors: "active" } },
    { name: "narrow", size: NARROW, media: { colorScheme: "light", forcedColors: "none" } },
    { name: "narrow-dark", size: NARROW, media: { colorScheme: "dark", forcedColors: "none" } },
  ] as const;
  for (const { name, size, media } of ways) {
    await page.setViewportSize(size);
    await page.emulateMedia(media);
    // Colours are judged where they come to rest, not on their way.
    await page.evaluate(async () => {
      for (let round = 0; round < 2; round += 1) await new Promise(requestAnimationFrame);
      await Promise.allSettled(document.getAnimations().map((one) => one.finished));
    });
    if (PICTURES) await person.photograph(`look-${title}-${name}`);
    expect(await violations(page), `${title}, ${name}`).toEqual([]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${title}, ${name}: overflow`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
}

/** What axe finds, in few words. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE); // not a script of the page: its policy stays in force
  const found = await page.evaluate(async (tags) => {
    const { axe } = window as unknown as { axe: { run(options: object): Promise<AxeResults> } };
    return (await axe.run({ runOnly: { type: "tag", values: tags } })).violations;
  }, TAGS);
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => `${id}: ${html} ${any[0]?.message ?? ""}`));
}

/** Presses the tab key until this control, or one inside it, has the focus. */
async function tabTo(person: Person, id: string): Promise<void> {
  const here = () =>
    person.page.evaluate((id) => document.activeElement?.closest(`[data-testid="${id}"]`) !== null, id);
  for (let tries = 0; tries < 60; tries += 1) {
    if (await here()) return;
    await person.page.keyboard.press("Tab");
  }
  throw new Error(`the tab key never leads to ${id}`);
}

/** Goes to the toolbar, which is one tab stop, and walks it by arrow keys. */
async function arrowTo(person: Person, id: string): Promise<void> {
  await tabTo(person, ID.toolbar);
  for (let tries = 0; tries < 12; tries += 1) {
    if ((await person.page.evaluate(() => document.activeElement?.getAttribute("data-testid"))) === id) return;
    await person.page.keyboard.press("ArrowRight");
  }
  throw new Error(`the arrow keys never lead to ${id}`);
}

async function press(person: Person, id: string): Promise<void> {
  await tabTo(person, id);
  await person.page.keyboard.press("Enter");
}

async function type(person: Person, id: string, text: string): Promise<void> {
  await tabTo(person, id);
  await person.page.keyboard.type(text);
}

step("sign-in, by keyboard alone", async () => {
  await expert.page.goto(node.demo.url);
  await expert.sees(ID.login);
  await press(expert, ID.signIn);
  await expert.page.getByRole("alert").waitFor();
  await look(expert, "sign-in");
  await type(expert, ID.login, node.demo.login);
  await type(expert, ID.password, node.demo.password);
  await expert.page.keyboard.press("Enter");
  await expert.sees(ID.openRoom);
});

step("the start page, by keyboard alone", async () => {
  await press(expert, ID.newCase);
  await type(expert, ID.caseTitle, "Altersvorsorge-Beratung für Familie Hinterhuber-Öztürk-Wolkenstein");
  await expert.page.keyboard.press("Enter");
  await expect.poll(() => expert.page.getByTestId(ID.case).count()).toBe(2);
  await press(expert, ID.copyLink);
  await expert.sees(ID.linkField);
  await look(expert, "start");
});

step("the lobbies", async () => {
  await guest.page.goto(node.demo.guest);
  await guest.sees(ID.selfVideo);
  await press(guest, ID.join);
  await guest.page.locator("#name-problem").waitFor();
  await look(guest, "lobby-guest");
  const demo = expert.page.getByTestId(ID.case).filter({ hasText: "Familie Groß" });
  await demo.getByTestId(ID.openRoom).focus();
  await expert.page.keyboard.press("Enter");
  await expert.sees(ID.selfVideo);
  await look(expert, "lobby-expert");
});

step("the waiting page and the knock, by keyboard alone", async () => {
  await type(guest, ID.name, "Familie Groß");
  await guest.page.keyboard.press("Enter");
  await guest.sees(ID.waiting);
  await type(guest, ID.chatInput, "Wir sind da.");
  await guest.page.keyboard.press("Enter");
  await press(expert, ID.join);
  await expert.sees(ID.room);
  await expert.sees(ID.knock);
  await look(expert, "room-knock");
  await press(expert, ID.hold);
  await expert.page.getByRole("dialog").waitFor();
  await look(expert, "hold-dialog");
  await press(expert, ID.holdSend);
  await guest.sees(ID.holdMessage);
  await look(guest, "waiting");
  await press(expert, ID.admit);
  await guest.sees(ID.room);
});

step("the room: chat, files, people, a shared screen, by keyboard alone", async () => {
  await guest.page.locator(`video[data-testid="${ID.remoteVideo}"]`).waitFor();
  await type(expert, ID.chatInput, "Guten Tag! Hier ist unser Angebot, wie besprochen.");
  await expert.page.keyboard.press("Enter");
  await guest.reads("Guten Tag! Hier ist unser Angebot, wie besprochen.");
  const file = { name: "Angebot-Baufinanzierung-2026-endgültig.txt", mimeType: "text/plain", buffer: Buffer.from("1") };
  await expert.get(ID.fileInput).setInputFiles(file);
  await guest.get(ID.fileRow).waitFor();
  await look(expert, "room-chat-expert");
  await look(guest, "room-chat-guest");
  await arrowTo(expert, ID.files);
  await expert.page.keyboard.press("Enter");
  await look(expert, "room-files");
  await arrowTo(expert, ID.people);
  await expert.page.keyboard.press("Enter");
  await expert.sees(ID.person);
  await look(expert, "room-people");
  await arrowTo(expert, ID.share);
  await expert.page.keyboard.press("Enter");
  await guest.sees(ID.shareVideo);
  await look(guest, "room-share-guest");
  await look(expert, "room-share-expert");
  await arrowTo(expert, ID.share);
  await expert.page.keyboard.press("Enter");
  await guest.gone(ID.shareVideo);
  await arrowTo(expert, ID.people);
  await expert.page.keyboard.press("Enter"); // closes the panel
  await look(expert, "room-bare");
});

step("the end, by keyboard alone", async () => {
  await arrowTo(expert, ID.leave);
  await expert.page.keyboard.press("Enter");
  await expert.sees(ID.confirmEnd);
  await look(expert, "leave-dialog");
  await press(expert, ID.confirmEnd);
  await guest.sees(ID.sorry);
  await look(guest, "ended-guest");
  await look(expert, "ended-expert");
});

step("the pages of doors that do not open", async () => {
  await guest.page.goto(`${node.demo.url}/room`);
  await guest.sees(ID.sorry);
  await look(guest, "astray");
  await guest.page.goto(node.demo.url);
  await guest.sees(ID.signInInstead);
  await look(guest, "guest-at-the-start-page");
  await expert.page.goto(node.demo.guest);
  await expert.sees(ID.staff);
  await look(expert, "staff");
});

step("German and English, and the choice is kept", async () => {
  const english = await Person.at(browser, "english", node.demo, { locale: "en-GB" });
  await english.page.goto(node.demo.url);
  await english.page.getByRole("button", { name: "Sign in" }).waitFor();
  await english.click(ID.language);
  await english.page.getByRole("button", { name: "Anmelden" }).waitFor();
  expect(await english.page.locator("html").getAttribute("lang")).toBe("de");
  await english.page.reload();
  await english.page.getByRole("button", { name: "Anmelden" }).waitFor();
  await english.click(ID.language);
  await english.page.getByRole("button", { name: "Sign in" }).waitFor();
  await english.page.goto(node.demo.guest);
  await english.page.getByText("Your name", { exact: true }).waitFor();
  expect(await english.page.locator("html").getAttribute("lang")).toBe("en");
  await look(english, "lobby-english");
  expect([...english.complaints, ...english.strangers]).toEqual([]);
  await english.context.close();
});

step("nobody else was asked, and no console complained", async () => {
  for (const person of [expert, guest]) {
    expect(person.strangers).toEqual([]);
    expect(person.complaints).toEqual([]);
  }
});
