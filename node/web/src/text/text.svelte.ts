/**
 * Texts in the reader's language. German comes with the page, English is fetched when wanted.
 *
 * Nothing is remembered on the device unless the reader chooses a language by hand.
 */
import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";
import german from "../../texts/de.ftl?raw";

/** The languages that exist. */
export type Language = "de" | "en";

const KEPT = "konsil.language";

let language = $state<Language>("de");
let bundle = $state.raw(bundleOf("de", german));

/** A sentence. An unknown key is shown as itself, which a test rules out. */
export function say(key: string, values?: Record<string, FluentVariable>): string {
  const pattern = bundle.getMessage(key)?.value;
  return pattern ? bundle.formatPattern(pattern, values) : key;
}

let more: Readonly<Record<Language, () => Promise<string>>> | null = null;

/** A page that has texts of its own says so before it speaks first. */
export function alsoSay(texts: Readonly<Record<Language, () => Promise<string>>>): void {
  more = texts;
}

/** The language that is shown now. */
export const spoken = (): Language => language;

/** Shows another language; `keep` when the reader chose it by hand. */
export async function speak(to: Language, keep = false): Promise<void> {
  if (keep) remember(to); // at once: whoever leaves the page meanwhile has chosen all the same
  const texts = to === "de" ? german : (await import("../../texts/en.ftl?raw")).default;
  bundle = bundleOf(to, more ? `${texts}\n${await more[to]()}` : texts);
  language = to;
  document.documentElement.lang = to;
}

/** Starts with the reader's own choice, or with the browser's first language that exists. */
export function speakFirst(): Promise<void> {
  const wanted = remembered() ?? navigator.languages.map((one) => one.slice(0, 2)).find(exists);
  return speak(wanted ?? "de");
}

/** The reader's own habits of writing time and numbers, in the language that is shown. */
const habits = (): string => navigator.languages.find((one) => one.startsWith(language)) ?? language;

/** A time of day. */
export const clock = (at: number): string =>
  new Intl.DateTimeFormat(habits(), { hour: "2-digit", minute: "2-digit" }).format(at);

/** A time of day to the second. */
export const instant = (at: number): string => new Intl.DateTimeFormat(habits(), { timeStyle: "medium" }).format(at);

/** A count as people write it. */
export const count = (of: number): string => new Intl.NumberFormat(habits()).format(of);

/** A day and a time. */
export const moment = (at: number): string =>
  new Intl.DateTimeFormat(habits(), { dateStyle: "medium", timeStyle: "short" }).format(at);

/** A day. */
export const day = (at: number): string =>
  new Intl.DateTimeFormat(habits(), { dateStyle: "full" }).format(at);

/** A length of bytes as people say it. */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const options = { style: "unit", unit: units[step]!, maximumFractionDigits: step > 1 ? 1 : 0 } as const;
  return new Intl.NumberFormat(habits(), options).format(count / 1000 ** step);
}

function bundleOf(locale: Language, texts: string): FluentBundle {
  // Isolating marks (U+2068) would end up in texts people copy.
  const made = new FluentBundle(locale, { useIsolating: false });
  made.addResource(new FluentResource(texts));
  return made;
}

function exists(one: string): one is Language {
  return one === "de" || one === "en";
}

function remembered(): Language | undefined {
  try {
    const kept = localStorage.getItem(KEPT) ?? "";
    return exists(kept) ? kept : undefined;
  } catch {
    return undefined; // storage is forbidden: nothing was remembered
  }
}

function remember(to: Language): void {
  try {
    localStorage.setItem(KEPT, to);
  } catch {
    // Storage is forbidden: the choice holds for this page.
  }
}
