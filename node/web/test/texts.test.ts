/** No sentence is missing in any language, none is unused, and every no has one. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FluentBundle, FluentResource } from "@fluent/bundle";
import { describe, expect, test } from "vitest";
import { CONVERSATION_REFUSALS } from "../src/conversation/words";
import { FILE_REFUSALS } from "../src/file/words";
import { CUTS, FAULTS } from "../src/link/words";
import { HINDRANCES, MEDIA_REFUSALS } from "../src/media/words";
import { HAPPENINGS, STATES, VERDICTS } from "../src/operator/words";
import { ROOM_REFUSALS } from "../src/room/words";
import { SESSION_REFUSALS, VAULT_REFUSALS } from "../src/session/words";
import { TENANT_REFUSALS } from "../src/tenant/words";

const ROOT = new URL("../", import.meta.url).pathname;
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

const LANGUAGES = ["de", "en"] as const;
/** Everything said in a language: what every page says, and what the operator's page says. */
const textsOf = (language: string) => `${read(`texts/${language}.ftl`)}\n${read(`texts/operator/${language}.ftl`)}`;
const bundles = Object.fromEntries(
  LANGUAGES.map((language) => {
    const bundle = new FluentBundle(language, { useIsolating: false });
    expect(bundle.addResource(new FluentResource(textsOf(language)))).toEqual([]);
    return [language, bundle];
  }),
);
const keysOf = (language: string) =>
  [...textsOf(language).matchAll(/^([a-z][a-z-]*) = /gm)].map((match) => match[1]!);

const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => /\.(ts|svelte)$/.test(path) && !path.endsWith("testids.ts"))
  .map((path) => read(join("src", path)));
const everything = sources.join("\n");

const WORDS = read("src/protocol/words.ts") + read("src/protocol/operator.ts");

/** The values of an enum as `protocol` generated them. */
function values(name: string): string[] {
  const words = WORDS;
  const line = new RegExp(`export type ${name} = ([^;]*);`).exec(words)?.[1] ?? "";
  return [...line.matchAll(/"([A-Za-z]+)"/g)].map((match) => match[1]!);
}

describe.each(LANGUAGES)("%s", (language) => {
  const keys = keysOf(language);

  test("has every key once, and the same keys as German", () => {
    expect(new Set(keys).size).toBe(keys.length);
    expect([...keys].sort()).toEqual([...keysOf("de")].sort());
  });

  test("has every key that is said", () => {
    const said = [...everything.matchAll(/say\(\s*"([^"]+)"/g)].map((match) => match[1]!);
    expect(said.filter((key) => !bundles[language]!.hasMessage(key))).toEqual([]);
  });

  test("has no key that nobody uses", () => {
    const unused = keys.filter((key) => !everything.includes(`"${key}"`) && !isTab(key));
    expect(unused).toEqual([]);
  });

  test("formats every sentence without a fault", () => {
    const all = { count: 2, number: 1, name: "A", names: "A, B", title: "T", expert: "E", time: "1", until: "2", since: "3",
      shards: 3, nodes: 3, calls: 1, sockets: 2, all: 256, counts: "C", site: "S", country: "DE", release: "1",
      which: "1", why: "W", primary: "a", twin: "b", state: "s", epoch: 1, shard: 4, by: "B", files: 2, countries: "DE",
      newest: "2", behind: "A", speaks: 1, needs: 2, knows: 2, what: "file", entry: 3 };
    for (const key of keys) {
      const faults: Error[] = [];
      bundles[language]!.formatPattern(bundles[language]!.getMessage(key)!.value!, all, faults);
      expect(faults, key).toEqual([]);
    }
  });
});

/** The panel's tabs are said by their own names. */
const isTab = (key: string) => ["chat", "files", "people"].includes(key);

test.each([
  ["RoomRefusal", ROOM_REFUSALS],
  ["ConversationRefusal", CONVERSATION_REFUSALS],
  ["TenantRefusal", TENANT_REFUSALS],
  ["SessionRefusal", SESSION_REFUSALS],
  ["VaultRefusal", VAULT_REFUSALS],
  ["FileRefusal", FILE_REFUSALS],
  ["MediaRefusal", MEDIA_REFUSALS],
  ["Fault", FAULTS],
  ["Cut", CUTS],
] as [string, Record<string, string>][])("every %s has a sentence", (name, map) => {
  expect(Object.keys(map).sort()).toEqual(values(name).sort());
  for (const key of Object.values(map)) {
    for (const language of LANGUAGES) expect(bundles[language]!.hasMessage(key), key).toBe(true);
  }
});

test.each([
  ["Verdict", VERDICTS],
  ["Occurrence", HAPPENINGS],
] as [string, Record<string, string>][])("every %s has a sentence", (name, map) => {
  const line = new RegExp(`export type ${name} = ([^;]*);`).exec(WORDS)?.[1] ?? "";
  const kinds = [...line.matchAll(/"kind": "([A-Za-z]+)"/g)].map((match) => match[1]!);
  expect(Object.keys(map).sort()).toEqual(kinds.sort());
  for (const key of Object.values(map)) expect(keysOf("de")).toContain(key);
});

test("every state of a shard has a word", () => {
  expect(Object.keys(STATES).sort()).toEqual(values("ShardState").sort());
  for (const key of Object.values(STATES)) expect(keysOf("de")).toContain(key);
});

test("every hindrance of a device has a sentence", () => {
  for (const key of Object.values(HINDRANCES)) expect(keysOf("de")).toContain(key);
});

test("German sentences are short and formal", () => {
  const sentences = textsOf("de").split("\n").filter((line) => / = /.test(line))
    .flatMap((line) => line.slice(line.indexOf("=") + 1).split(/[.!?:](?:\s|$)/));
  expect(sentences.filter((one) => one.trim().split(/\s+/).length > 16)).toEqual([]);
  expect(textsOf("de")).not.toMatch(/\b(du|dein|deine|dich|dir)\b/i);
});
