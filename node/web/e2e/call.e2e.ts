/** A whole consultation between two browsers that share nothing but the node. */
import { readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { ID } from "../src/testids";
import { inbound, isSilent, mediaFlows, showsFakeCamera } from "./facts";
import { RealNode } from "./node";
import { journey, Person, startChromium } from "./people";

let node: RealNode;
let browsers: Browser[] = [];
let expert: Person;
let guest: Person;

beforeAll(async () => {
  node = await RealNode.fresh();
  browsers = [await startChromium(), await startChromium()];
  expert = await Person.at(browsers[0]!, "expert", node.demo);
  guest = await Person.at(browsers[1]!, "guest", node.demo);
});
afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await node?.end();
});

const step = journey(() => [expert, guest]);
const both = <T>(act: (person: Person) => Promise<T>) => Promise.all([act(expert), act(guest)]);

step("the expert signs in and opens the room", async () => {
  await expert.signIn(node.demo);
  await expert.openRoom();
});

step("the guest knocks and waits", async () => {
  await guest.knock(node.demo.guest, "Familie Groß");
  await guest.sees(ID.waiting);
  expect(await guest.get(ID.queuePlace).innerText()).toContain("1");
  expect(await guest.page.url()).not.toContain("#"); // the secret leaves the address bar
  await expert.sees(ID.knock);
  await expect.poll(() => expert.get(ID.knock).innerText()).toContain("Familie Groß");
});

step("the expert lets the guest wait, with a sentence", async () => {
  await expert.click(ID.hold);
  await expert.get(ID.holdText).fill("Ich hole noch die Unterlagen.");
  await expert.click(ID.holdSend);
  await guest.sees(ID.holdMessage);
  expect(await guest.get(ID.holdMessage).innerText()).toBe("Ich hole noch die Unterlagen.");
});

step("the expert lets the guest in", async () => {
  await expert.click(ID.admit);
  await guest.sees(ID.room);
  await expert.gone(ID.knock);
});

step("both see and hear each other", async () => {
  await both((person) => mediaFlows(person.page));
  await both((person) => showsFakeCamera(person.page, ID.remoteVideo));
  await both(async (person) => {
    await expect.poll(() => person.get(ID.connection).getAttribute("data-state")).toBe("connected");
    expect((await inbound(person.page)).energy).toBeGreaterThan(0);
  });
});

step("what is written arrives, is read, and the other sees the typing", async () => {
  await expert.says("Guten Tag, Familie Groß!");
  await guest.reads("Guten Tag, Familie Groß!");
  await expert.message("Guten Tag, Familie Groß!").getByTestId(ID.read).waitFor();
  await guest.get(ID.chatInput).pressSequentially("Guten");
  await expect.poll(() => expert.get(ID.typing).innerText()).toContain("Familie Groß");
  await guest.says("Guten Tag!");
  await expert.reads("Guten Tag!");
  const said = ["Guten Tag, Familie Groß!", "Guten Tag!"];
  await both(async (person) => expect(await person.lines()).toEqual(said));
});

step("a message is changed and taken back", async () => {
  const own = guest.message("Guten Tag!").last();
  await own.getByTestId(ID.edit).click();
  await guest.page.keyboard.press("ControlOrMeta+A");
  await guest.page.keyboard.type("Guten Abend!");
  await guest.page.keyboard.press("Enter");
  await expert.reads("Guten Abend!");
  await guest.message("Guten Abend!").getByTestId(ID.erase).click();
  await expert.message("Guten Abend!").waitFor({ state: "detached" });
  expect(await expert.lines()).toEqual(["Guten Tag, Familie Groß!", "Diese Nachricht wurde gelöscht."]);
});

step("files go both ways, byte for byte", async () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 251));
  const send = async (from: Person, to: Person, name: string) => {
    await from.get(ID.fileInput).setInputFiles({ name, mimeType: "application/octet-stream", buffer: bytes });
    const row = to.page.getByTestId(ID.fileRow).filter({ hasText: name });
    await row.waitFor();
    const [download] = await Promise.all([to.page.waitForEvent("download"), row.getByRole("link").last().click()]);
    expect(download.suggestedFilename()).toBe(name);
    expect(readFileSync(await download.path()).equals(bytes), name).toBe(true);
  };
  await send(guest, expert, "Unterlagen für Groß.bin");
  await send(expert, guest, "Angebot.bin");
  await guest.panel(ID.files);
  await expect.poll(() => guest.page.getByTestId(ID.fileRow).count()).toBe(2);
  await guest.panel(ID.chat);
});

step("a shared screen is a second picture and goes away", async () => {
  await expert.click(ID.share);
  await guest.sees(ID.shareVideo);
  await showsFakeCamera(guest.page, ID.remoteVideo); // the camera stays beside it
  const shared = guest.page.locator(`video[data-testid="${ID.shareVideo}"]`);
  await expect.poll(() => shared.evaluate((video: HTMLVideoElement) => video.videoWidth)).toBeGreaterThan(0);
  const then = await shared.evaluate((video: HTMLVideoElement) => video.currentTime);
  await expect.poll(() => shared.evaluate((video: HTMLVideoElement) => video.currentTime)).toBeGreaterThan(then);
  await expert.click(ID.share);
  await guest.gone(ID.shareVideo);
  await showsFakeCamera(guest.page, ID.remoteVideo);
});

step("the lead mutes; the guest is silent, knows it, and can speak again", async () => {
  await expert.panel(ID.people);
  await expert.click(ID.mute);
  await expect.poll(() => guest.get(ID.microphone).getAttribute("aria-pressed")).toBe("false");
  await guest.sees(ID.toast);
  await isSilent(expert.page);
  await guest.click(ID.microphone);
  await expect.poll(() => guest.get(ID.microphone).getAttribute("aria-pressed")).toBe("true");
  await expert.sees(ID.mute);
  await mediaFlows(expert.page);
});

step("the guest leaves and comes back", async () => {
  await guest.click(ID.leave);
  await guest.sees(ID.sorry);
  expect(await guest.get(ID.sorry).getAttribute("data-kind")).toBe("left");
  await expect.poll(() => expert.page.getByTestId(ID.person).count()).toBe(1);
  await guest.page.getByRole("button", { name: "Noch einmal versuchen" }).click();
  await guest.join();
  await expert.click(ID.admit);
  await guest.sees(ID.room);
  await both((person) => mediaFlows(person.page));
});

step("the expert ends it for everybody", async () => {
  await expert.click(ID.leave);
  await expert.click(ID.confirmEnd);
  await both(async (person) => {
    await person.sees(ID.sorry);
    expect(await person.get(ID.sorry).getAttribute("data-kind")).toBe("ended");
  });
});

step("nobody else was asked and nothing was wrong", async () => {
  expect([...expert.strangers, ...guest.strangers]).toEqual([]);
  expect(guest.complaints).toEqual([]);
});
