/** Another browser engine: an expert in Chromium, a guest in Firefox. */
import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";
import { launch, type Browser as Firefox, type Page } from "puppeteer-core";
import { afterAll, beforeAll, expect } from "vitest";
import { ID } from "../src/testids";
import { colours, FLOW_MS, keepCalls, mediaFlows, showsFakeCamera, type Seen } from "./facts";
import { RealNode } from "./node";
import { journey, Person, startChromium } from "./people";

const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";

let node: RealNode;
let chromium: Browser;
let firefox: Firefox;
let expert: Person;
let guest: Page;

beforeAll(async () => {
  if (!existsSync(FIREFOX)) {
    throw new Error(
      `${FIREFOX} is missing: install it with \`apt-get install firefox-esr\`, or name another in FIREFOX.`,
    );
  }
  node = await RealNode.fresh();
  chromium = await startChromium();
  expert = await Person.at(chromium, "expert", node.demo);
  firefox = await launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    acceptInsecureCerts: true,
    defaultViewport: { width: 1280, height: 800 },
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.peerconnection.ice.loopback": true,
      "intl.accept_languages": "de-DE",
    },
  });
  guest = await firefox.newPage();
  await guest.evaluateOnNewDocument(keepCalls);
  guest.setDefaultTimeout(30_000);
});
afterAll(async () => {
  await firefox?.close();
  await chromium?.close();
  await node?.end();
});

const step = journey(() => [expert]);
const at = (id: string) => `[data-testid="${id}"]`;
const seen = () => guest as unknown as Seen;
const sees = (id: string) => guest.waitForSelector(at(id), { visible: true });

step("the guest comes in with Firefox", async () => {
  await expert.signIn(node.demo);
  await expert.openRoom();
  await guest.goto(node.demo.guest);
  await guest.locator(at(ID.name)).fill("Familie Groß");
  await guest.locator(`${at(ID.join)}:not(:disabled)`).click();
  await sees(ID.waiting);
  await expert.click(ID.admit);
  await sees(ID.room);
});

step("picture and sound arrive on both sides", async () => {
  await mediaFlows(expert.page);
  await mediaFlows(seen());
  await showsFakeCamera(seen(), ID.remoteVideo);
  const black = async () => (await colours(expert.page, ID.remoteVideo))?.black ?? 1;
  await expect.poll(black, { timeout: FLOW_MS }).toBeLessThan(0.9);
});

step("what is written goes both ways", async () => {
  await expert.says("Guten Tag, Firefox!");
  await guest.waitForSelector(`${at(ID.chatLog)} ::-p-text(Guten Tag, Firefox!)`);
  await guest.locator(at(ID.chatInput)).fill("Guten Tag, Chromium!");
  await guest.locator(at(ID.chatSend)).click();
  await expert.reads("Guten Tag, Chromium!");
  const lines = await guest.$$eval(at(ID.messageText), (all) => all.map((one) => one.textContent));
  expect(lines).toEqual(["Guten Tag, Firefox!", "Guten Tag, Chromium!"]);
});

step("a shared screen arrives in Firefox", async () => {
  await expert.click(ID.share);
  await sees(ID.shareVideo);
  const wide = () => guest.$eval(at(ID.shareVideo), (video) => (video as HTMLVideoElement).videoWidth);
  await expect.poll(wide, { timeout: FLOW_MS }).toBeGreaterThan(0);
  await expert.click(ID.share);
  await guest.waitForSelector(at(ID.shareVideo), { hidden: true });
});

step("a reload in Firefox comes straight back", async () => {
  await guest.reload();
  await sees(ID.room);
  await mediaFlows(seen());
  await mediaFlows(expert.page);
});
