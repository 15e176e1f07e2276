/** Which page ends a visit; the doors themselves are tried in real browsers. */
import { expect, test } from "vitest";
import { farewell } from "../src/room/farewell";
import type { Visit } from "../src/room/visit.svelte";

const at = (place: object | null, rest: object = {}) =>
  farewell({ astray: false, no: null, place, ...rest } as unknown as Visit);
const place = (rest: object) => ({ linkState: "open", why: null, refusal: null, welcome: null, room: null, ...rest });

test("a visit that goes on has no such page", () => {
  expect(at(null)).toBe(null);
  expect(at(place({}))).toBe(null);
});

test("an administrator is told why there is no access", () => {
  for (const refusal of [{ kind: "room", why: "notForAdministrators" }, { kind: "rights", why: "notAllowed" }]) {
    expect(at(place({ refusal }))).toMatchObject({ kind: "administrator", back: "start" });
  }
});

test("only those who work here are sent to the start page when the session is over", () => {
  const over = { linkState: "over", why: "sessionOver" };
  expect(at(place({ ...over, welcome: { role: "customer" } }))).toMatchObject({ kind: "session", back: null });
  expect(at(place({ ...over, welcome: { role: "expert" } }))).toMatchObject({ kind: "session", back: "start" });
  expect(at(place({ linkState: "over", why: "version" }))).toMatchObject({ kind: "version", back: "again" });
});

test.each([
  ["linkExpired", "expired"],
  ["linkRevoked", "revoked"],
  ["caseClosed", "closed"],
  ["notFound", "forged"],
])("a link that is refused with %s", (why, kind) => {
  expect(at(null, { no: { kind: "refused", refusal: { kind: "tenant", why } } })).toMatchObject({ kind });
});
