/** Small pure things: ids, pauses, addresses, what the browser threw. */
import { expect, test } from "vitest";
import { linkInHash, roomInPath } from "../src/link/address";
import { conversationOf, letters, newId, roomOf } from "../src/link/id";
import { pause } from "../src/link/pause";
import { browserOf, hindrance } from "../src/media/hindrance";
import { noKey } from "../src/text/no";

test.each([
  [0n, "00000000000000000000000000"],
  [(1n << 128n) - 1n, "7zzzzzzzzzzzzzzzzzzzzzzzzz"],
  [0x0123456789abcdef0123456789abcdefn, "014d2pf2dbsqqg28t5cy4tqkff"],
])("the letters of %s", (bits, text) => {
  expect(letters(bits)).toBe(text);
});

test("an id is the moment, the version, the variant and the chance", () => {
  expect(newId("message", 1_800_000_000_000, new Uint8Array(10))).toBe("message_01mcc5rm00e008000000000000");
  expect(newId("file", 1, new Uint8Array(10).fill(255))).toBe("file_0000000001fzzvzzzzzzzzzzzz");
  const chance = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(newId("message", 1_800_000_000_000, chance)).toBe("message_01mcc5rm00e41861050r3gg28a");
});

test("ids sort by their moment and differ by chance", () => {
  expect(newId("message", 1) < newId("message", 2)).toBe(true);
  expect(newId("message", 1)).not.toBe(newId("message", 1));
});

test("a case, its room and its conversation share their letters", () => {
  expect(roomOf("case_01abc")).toBe("room_01abc");
  expect(conversationOf("room_01abc")).toBe("conversation_01abc");
});

test("pauses grow, are jittered, and end at ten seconds", () => {
  expect([0, 1, 2].map((tries) => pause(tries, 1))).toEqual([250, 500, 1000]);
  expect(pause(0, 0)).toBe(125);
  expect(pause(30, 1)).toBe(10_000);
});

test("a room is read from the path, a link from behind the hash", () => {
  const room = `room_${"0".repeat(26)}`;
  expect(roomInPath(`/room/${room}`)).toBe(room);
  for (const path of ["/room", "/room/", "/room/room_1", `/room/${room}/x`]) expect(roomInPath(path)).toBe(null);
  expect(linkInHash("#abc%2Bd")).toBe("abc+d");
  expect(linkInHash("")).toBe(null);
  expect(linkInHash("#%")).toBe("%");
});

test.each([
  ["NotAllowedError", "denied"],
  ["NotFoundError", "missing"],
  ["NotReadableError", "busy"],
  ["TypeError", "unsupported"],
])("%s is %s", (name, why) => {
  expect(hindrance(Object.assign(new Error(), { name }))).toBe(why);
});

test("browsers are told apart for the how-to alone", () => {
  expect(browserOf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36")).toBe("chromium");
  expect(browserOf("Mozilla/5.0 (X11; rv:153.0) Gecko/20100101 Firefox/153.0")).toBe("firefox");
  expect(browserOf("Mozilla/5.0 (iPhone; CPU iPhone OS 20_0) AppleWebKit Version/20 Safari/604.1")).toBe("ios");
  expect(browserOf("Mozilla/5.0 (Macintosh) AppleWebKit/605 Version/20 Safari/605")).toBe("safari");
});

test("any no has a sentence", () => {
  expect(noKey({ kind: "refused", refusal: { kind: "room", why: "full" } })).toBe("room-refused-full");
  expect(noKey({ kind: "faulted", fault: "busy" })).toBe("fault-busy");
});
