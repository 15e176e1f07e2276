/** People in Chromium: each in a process of their own, or sharing one. */
import { existsSync, mkdirSync } from "node:fs";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Locator,
  type Page,
} from "playwright-core";
import { expect, test } from "vitest";
import { ID } from "../src/testids";
import { keepCalls } from "./facts";
import type { Demo } from "./node";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const WAIT_MS = 15_000;
const PICTURES = new URL("../test-results/", import.meta.url).pathname;

/** What every start needs; nothing goes to the network but to the node. */
const PLAIN = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--allow-loopback-in-peer-connection",
  "--ignore-certificate-errors",
];
/** A camera that shows green and a microphone that beeps. */
export const FAKE_DEVICE = "--use-fake-device-for-media-stream";
/** The browser's own questions are answered with yes. */
export const FAKE_UI = "--use-fake-ui-for-media-stream";

/** Starts Chromium. */
export async function startChromium(extra: string[] = [FAKE_DEVICE, FAKE_UI]): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(
      `${CHROMIUM} is missing: install it with \`apt-get install chromium\`, or name another in CHROMIUM.`,
    );
  }
  return chromium.launch({ executablePath: CHROMIUM, args: [...PLAIN, ...extra], headless: true });
}

/** A person at a browser. */
export class Person {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #name: string;
  /** What the console complained about, and requests to anybody but the node. */
  readonly complaints: string[] = [];
  readonly strangers: string[] = [];

  private constructor(name: string, context: BrowserContext, page: Page, origin: string) {
    this.#name = name;
    this.context = context;
    this.page = page;
    const host = new URL(origin).host;
    page.on("console", (line) => {
      if (line.type() === "error") this.complaints.push(`${line.text()} (${line.location().url})`);
    });
    page.on("pageerror", (fault) => this.complaints.push(String(fault)));
    const ask = (url: string) => {
      const { protocol, host: asked } = new URL(url);
      if (protocol !== "blob:" && protocol !== "data:" && asked !== host) this.strangers.push(url);
    };
    context.on("request", (request) => ask(request.url()));
    page.on("websocket", (socket) => ask(socket.url()));
  }

  /** Sits down at a browser. */
  static async at(
    browser: Browser,
    name: string,
    demo: Demo,
    options: BrowserContextOptions = {},
  ): Promise<Person> {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      permissions: ["camera", "microphone", "clipboard-read", "clipboard-write"],
      locale: "de-DE",
      viewport: { width: 1280, height: 800 },
      ...options,
    });
    context.setDefaultTimeout(WAIT_MS);
    await context.addInitScript(keepCalls);
    return new Person(name, context, await context.newPage(), demo.url);
  }

  /** The control, or the first of several. */
  get(id: string): Locator {
    return this.page.getByTestId(id).first();
  }

  click = (id: string): Promise<void> => this.get(id).click();
  sees = (id: string): Promise<void> => this.get(id).waitFor();
  gone = (id: string): Promise<void> => this.get(id).waitFor({ state: "hidden" });

  /** A picture for a human who wants to know why. */
  async photograph(title: string): Promise<void> {
    mkdirSync(PICTURES, { recursive: true });
    await this.page.screenshot({ path: `${PICTURES}${title}-${this.#name}.png` }).catch(() => undefined);
  }

  /** Signs in as an expert and sees the start page. */
  async signIn(demo: Demo, login = demo.login): Promise<void> {
    await this.page.goto(demo.url);
    await this.get(ID.login).fill(login);
    await this.get(ID.password).fill(demo.password);
    await this.click(ID.signIn);
    await this.sees(ID.caseTitle);
  }

  /** From the start page into the room. */
  async openRoom(): Promise<void> {
    await this.click(ID.openRoom);
    await this.join();
    await this.sees(ID.room);
  }

  /** Presses the lobby's button, once it is ready. */
  join = (): Promise<void> => this.click(ID.join);

  /** Opens a guest link, gives a name and knocks. */
  async knock(link: string, name: string): Promise<void> {
    await this.page.goto(link);
    await this.get(ID.name).fill(name);
    await this.join();
  }

  /** Opens a part of the panel unless it is open. */
  async panel(id: typeof ID.chat | typeof ID.files | typeof ID.people): Promise<void> {
    if ((await this.get(id).getAttribute("aria-expanded")) !== "true") await this.click(id);
  }

  /** Writes and sends. */
  async says(text: string): Promise<void> {
    await this.get(ID.chatInput).fill(text);
    await this.click(ID.chatSend);
  }

  /** A message by its words. */
  message(text: string): Locator {
    return this.page.getByTestId(ID.message).filter({ hasText: text });
  }

  /** Waits until this was said, once. */
  async reads(text: string): Promise<void> {
    await this.message(text).first().waitFor();
    expect(await this.message(text).count(), text).toBe(1);
  }

  /** Every message's words, in the order of the page. */
  lines(): Promise<string[]> {
    return this.page.getByTestId(ID.messageText).allInnerTexts();
  }
}

/** From two empty browsers into one call. */
export async function meet(expert: Person, guest: Person, demo: Demo): Promise<void> {
  await expert.signIn(demo);
  await expert.openRoom();
  await guest.knock(demo.guest, "Familie Groß");
  await expert.click(ID.admit);
  await guest.sees(ID.room);
}

/** Tests that build on one another: after the first that fails the rest is not tried. */
export function journey(people: () => (Person | undefined)[]): typeof test {
  let broken: string | null = null;
  const step = (name: string, act: () => Promise<void>) =>
    test(name, async ({ skip }) => {
      if (broken) skip(`after “${broken}” failed`);
      try {
        await act();
      } catch (fault) {
        broken = name;
        const title = name.replaceAll(/\W+/g, "-");
        for (const person of people()) {
          await person?.photograph(title);
          console.error(person?.page.url(), person?.complaints);
        }
        throw fault;
      }
    });
  return step as unknown as typeof test;
}
