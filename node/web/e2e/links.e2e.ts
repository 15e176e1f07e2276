/** Doors that do not open, devices that are not there, and who may be whom in one browser. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WIRE, type Command, type Reply } from "../src/protocol/words";
import { ID } from "../src/testids";
import { mediaFlows } from "./facts";
import { RealNode } from "./node";
import { FAKE_DEVICE, FAKE_UI, Person, startChromium } from "./people";

/** The shortest life the node gives a link. */
const SHORTEST_MS = 60_000;

let node: RealNode;
let browser: Browser;
let expert: Person;
let short: { link: string; until: number };

beforeAll(async () => {
  node = await RealNode.fresh();
  browser = await startChromium();
  expert = await Person.at(browser, "expert", node.demo);
  await expert.signIn(node.demo);
  short = await linkFor(SHORTEST_MS); // the last test opens it when it has expired
});
afterAll(async () => {
  await browser?.close();
  await node?.end();
});

/** Asks the node as the expert, beside the page. */
function ask(command: Command): Promise<Reply> {
  return expert.page.evaluate(
    ({ command, hello }) =>
      new Promise<Reply>((tell) => {
        const socket = new WebSocket(`wss://${location.host}/ws`);
        socket.onopen = () => socket.send(JSON.stringify(hello));
        socket.onmessage = ({ data }) => {
          const frame = JSON.parse(data as string);
          if (frame.kind === "welcome") {
            socket.send(JSON.stringify({ kind: "ask", ask: 1, request: crypto.randomUUID(), command }));
          }
          if (frame.kind !== "answered") return;
          tell(frame.reply);
          socket.close();
        };
      }),
    { command, hello: { kind: "hello", version: WIRE } },
  );
}

/** A link of its own to the demo case. */
async function linkFor(life: number): Promise<{ link: string; until: number }> {
  const known = await links();
  expect(await ask({ kind: "tenant", command: { kind: "invite", case: node.demo.case, life } })).toMatchObject({
    kind: "done",
  });
  const until = Date.now() + life;
  const fresh = (await links()).find((one) => !known.includes(one));
  const reply = await ask({ kind: "link", case: node.demo.case, link: fresh ?? "" });
  expect(reply.kind).toBe("link");
  return { link: node.demo.url + (reply as { path: string }).path, until };
}

/** The demo case's links, as a fresh look at the tenant shows them. */
function links(): Promise<string[]> {
  return expert.page.evaluate(
    ({ of, hello }) =>
      new Promise<string[]>((tell) => {
        const socket = new WebSocket(`wss://${location.host}/ws`);
        socket.onopen = () => socket.send(JSON.stringify(hello));
        socket.onmessage = ({ data }) => {
          const frame = JSON.parse(data as string);
          if (frame.kind === "welcome") socket.send(JSON.stringify({ kind: "watch", topic: { kind: "tenant" }, after: 0 }));
          if (frame.kind !== "shown") return;
          const own = frame.view.view.cases.find((one: { case: string }) => one.case === of);
          tell(own.links.map((one: { link: string }) => one.link));
          socket.close();
        };
      }),
    { of: node.demo.case, hello: { kind: "hello", version: WIRE } },
  );
}

/** Somebody new, who leaves again. */
async function visit(act: (person: Person) => Promise<void>, at = browser, permissions?: string[]): Promise<void> {
  const person = await Person.at(at, "visitor", node.demo, permissions ? { permissions } : {});
  try {
    await act(person);
    expect(person.strangers).toEqual([]);
  } catch (fault) {
    await person.photograph(expect.getState().currentTestName?.replaceAll(/\W+/g, "-") ?? "links");
    throw fault;
  } finally {
    await person.context.close();
  }
}

/** The expert decides about whoever knocks now; those who went away stay listed as such. */
function atDoor(what: typeof ID.admit | typeof ID.reject): Promise<void> {
  const knocks = expert.page.getByTestId(ID.knock).filter({ hasNotText: "Verbindung weg" });
  return knocks.last().getByTestId(what).click();
}

/** The page says what is the matter. */
async function isSorry(person: Person, kind: string): Promise<void> {
  await person.sees(ID.sorry);
  expect(await person.get(ID.sorry).getAttribute("data-kind")).toBe(kind);
  expect(await person.page.getByRole("heading", { level: 1 }).innerText()).not.toMatch(/^[a-z-]+$/);
}

const secret = () => new URL(node.demo.guest).hash.slice(1);
const swap = (letter: string) => (letter === "A" ? "B" : "A");

test.each([
  ["forged in its middle", () => secret().replace(/^(.{20})(.)/, (_, head: string, one: string) => head + swap(one))],
  ["truncated", () => secret().slice(0, -7)],
  ["of something else", () => "hello"],
])("a link that is %s", async (_name, make) => {
  await visit(async (person) => {
    await person.page.goto(`${node.demo.url}/room#${make()}`);
    await isSorry(person, "forged");
  });
});

test("no link at all, a room that does not exist, and a page that is not for guests", async () => {
  await visit(async (person) => {
    await person.page.goto(`${node.demo.url}/room`);
    await isSorry(person, "astray");
    await person.page.goto(`${node.demo.url}/room/room_${"0".repeat(26)}`);
    await isSorry(person, "session"); // nobody is signed in here
    await person.knock(node.demo.guest, "Neugierig");
    await person.sees(ID.waiting);
    await person.page.goto(`${node.demo.url}/room/room_${"0".repeat(26)}`);
    await isSorry(person, "unknown");
    await person.page.goto(node.demo.url);
    await isSorry(person, "guest");
    await person.click(ID.signInInstead);
    await person.sees(ID.login);
  });
  await expert.page.goto(`${node.demo.url}/room/room_${"0".repeat(26)}`);
  await isSorry(expert, "unknown");
  await expert.page.goto(node.demo.url);
  await expert.sees(ID.openRoom);
});

test("a guest who is not let in, and one who is removed, read so", async () => {
  await expert.openRoom();
  await visit(async (person) => {
    await person.knock(node.demo.guest, "Zu früh");
    await atDoor(ID.reject);
    await isSorry(person, "rejected");
  });
  await visit(async (person) => {
    await person.knock(node.demo.guest, "Herr Kurz");
    await atDoor(ID.admit);
    await person.sees(ID.room);
    await expert.panel(ID.people);
    await expert.click(ID.remove);
    await isSorry(person, "removed");
  });
});

test("a camera that is forbidden keeps nobody out", async () => {
  const strict = await startChromium([FAKE_DEVICE]);
  try {
    await visit(async (person) => {
      await person.page.goto(node.demo.guest);
      await person.sees(ID.deviceProblem);
      expect(await person.get(ID.deviceProblem).innerText()).toContain("darf dieses Gerät nicht benutzen");
      await person.get(ID.name).fill("Ohne Kamera");
      await person.join();
      await atDoor(ID.admit);
      await person.sees(ID.room);
      await mediaFlows(person.page, "frames");
      await person.says("Ich sehe Sie, Sie mich nicht.");
      await expert.panel(ID.chat);
      await expert.reads("Ich sehe Sie, Sie mich nicht.");
      await person.click(ID.leave);
      await isSorry(person, "left");
    }, strict, []);
  } finally {
    await strict.close();
  }
});

test("no camera and no microphone keep nobody out", async () => {
  const bare = await startChromium([FAKE_UI]);
  try {
    await visit(async (person) => {
      await person.page.goto(node.demo.guest);
      await person.sees(ID.deviceProblem);
      expect(await person.get(ID.deviceProblem).innerText()).toContain("Wir finden kein Gerät");
      await person.get(ID.name).fill("Ohne Geräte");
      await person.join();
      await atDoor(ID.admit);
      await person.sees(ID.room);
      await mediaFlows(person.page);
      await person.click(ID.leave);
      await isSorry(person, "left");
    }, bare);
  } finally {
    await bare.close();
  }
});

test("an expert who opens a guest link is asked first", async () => {
  await visit(async (person) => {
    await person.signIn(node.demo, "oeztuerk@demo.example");
    await person.page.goto(node.demo.guest);
    await person.sees(ID.staff);
    expect(await person.get(ID.staff).innerText()).toContain("Deniz Öztürk");
    expect(await person.page.getByTestId(ID.name).count()).toBe(0);
    await person.page.goto(node.demo.url);
    await person.sees(ID.caseTitle); // still signed in
    await person.page.goto(node.demo.guest);
    await person.click(ID.guestAnyway);
    await person.get(ID.name).fill("Probe");
    await person.join();
    await person.sees(ID.waiting);
    await person.page.goto(node.demo.url);
    await isSorry(person, "guest");
  });
  const second = await expert.context.newPage();
  await second.goto(node.demo.guest);
  await second.getByTestId(ID.staffGoOn).click();
  await second.getByTestId(ID.join).waitFor();
  expect(second.url()).toContain("/room/room_");
  await second.close();
});

test("a guest is put out when the link is revoked, and the link opens nothing any more", async () => {
  await expert.page.goto(node.demo.url);
  const { link } = await linkFor(SHORTEST_MS * 60);
  await visit(async (person) => {
    await person.knock(link, "Frau Lang");
    await atDoor(ID.admit);
    await person.sees(ID.room);
    await expert.page.goto(node.demo.url);
    await expert.click(ID.revokeLink);
    await isSorry(person, "session");
    await person.page.goto(link);
    await isSorry(person, "revoked");
  });
});

test("the link of a closed consultation", async () => {
  await expert.get(ID.caseTitle).fill("Nur kurz");
  await expert.click(ID.newCase);
  const fresh = expert.page.getByTestId(ID.case).filter({ hasText: "Nur kurz" });
  await fresh.getByTestId(ID.copyLink).click();
  const link = await fresh.getByTestId(ID.linkField).inputValue();
  expect(await expert.page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  await fresh.getByTestId(ID.closeCase).click();
  await expert.page.getByRole("dialog").getByRole("button", { name: "Beratung schließen" }).click();
  await fresh.waitFor({ state: "detached" });
  await visit(async (person) => {
    await person.page.goto(link);
    await isSorry(person, "closed");
  });
});

test("a link that has expired", async () => {
  await visit(async (person) => {
    const kind = async () => {
      await person.page.goto("about:blank");
      await person.page.goto(short.link);
      await person.page.getByTestId(ID.sorry).or(person.get(ID.name)).first().waitFor();
      return (await person.page.getByTestId(ID.sorry).count()) === 0 ? "open" : "shut";
    };
    const left = Math.max(0, short.until - Date.now());
    await expect.poll(kind, { timeout: left + 10_000, interval: 2000 }).toBe("shut");
    await isSorry(person, "expired");
  });
});
