/** What the cluster says, as keys of sentences; and how much each sentence weighs. */
import type { Behind, Occurrence, ShardState, Verdict } from "../protocol/operator";

export const VERDICTS: Record<Verdict["kind"], string> = {
  stalled: "verdict-stalled",
  leaderless: "verdict-leaderless",
  down: "verdict-down",
  solo: "verdict-solo",
  noSpareVoter: "verdict-no-spare-voter",
  draining: "verdict-draining",
  lone: "verdict-lone",
  safe: "verdict-safe",
  noFailover: "verdict-no-failover",
  missing: "verdict-missing",
  unlooked: "verdict-unlooked",
  abroad: "verdict-abroad",
  empty: "verdict-empty",
  mixed: "verdict-mixed",
  tooOld: "verdict-too-old",
  tooNew: "verdict-too-new",
};

/** How bad news is. */
export type Weight = "ok" | "calm" | "warn" | "bad";

export const WEIGHTS: Record<Verdict["kind"], Weight> = {
  stalled: "bad",
  leaderless: "bad",
  down: "bad",
  solo: "warn",
  noSpareVoter: "warn",
  draining: "calm",
  lone: "warn",
  safe: "ok",
  noFailover: "bad",
  missing: "warn",
  unlooked: "calm",
  abroad: "warn",
  empty: "calm",
  mixed: "calm",
  tooOld: "bad",
  tooNew: "bad",
};

/** The key of a verdict. A page that was open during an upgrade may hear of what only the next one knows. */
export const verdictKey = (of: Verdict): string => VERDICTS[of.kind] ?? "verdict-unknown";

/** How much it weighs. */
export const weightOf = (of: Verdict): Weight => WEIGHTS[of.kind] ?? "calm";

export const STATES: Record<ShardState, string> = {
  whole: "state-whole",
  moving: "state-moving",
  copying: "state-copying",
  solo: "state-solo",
  stalled: "state-stalled",
};

/** From best to worst: the order of the legend. */
export const STATE_ORDER = ["whole", "moving", "copying", "solo", "stalled"] as const satisfies ShardState[];

export const HAPPENINGS: Record<Occurrence["kind"], string> = {
  elected: "happened-elected",
  leaderless: "happened-leaderless",
  up: "happened-up",
  down: "happened-down",
  drain: "happened-drain",
  moved: "happened-moved",
  forced: "happened-forced",
  countries: "happened-countries",
  damaged: "happened-damaged",
  mended: "happened-mended",
};

/** The key of what happened. */
export const happenedKey = (what: Occurrence): string =>
  what.kind === "drain" && !what.on ? "happened-undrain" : HAPPENINGS[what.kind];

/** Names in one sentence, at most. */
const NAMES = 5;

/** Nodes and what they run, as one piece of a sentence. */
function listed(behind: readonly Behind[]): string {
  const names = behind.slice(0, NAMES).map((one) => `${one.name} (${one.release})`);
  return (behind.length > NAMES ? [...names, "…"] : names).join(", ");
}

/** What a sentence needs beside its key. */
export function valuesOf(of: Verdict | Occurrence): Record<string, string | number> {
  if (of.kind === "mixed") return { newest: of.newest, behind: listed(of.behind) };
  const plain = Object.entries(of).filter(([key, value]) => key !== "kind" && typeof value !== "boolean");
  return Object.fromEntries(plain) as Record<string, string | number>;
}
