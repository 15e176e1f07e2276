/** What the cluster says, as keys of sentences; and how much each sentence weighs. */
import type { Occurrence, ShardState, Verdict } from "../protocol/operator";

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
};

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
};

/** The key of what happened. */
export const happenedKey = (what: Occurrence): string =>
  what.kind === "drain" && !what.on ? "happened-undrain" : HAPPENINGS[what.kind];

/** What a sentence needs beside its key. */
export function valuesOf(of: Verdict | Occurrence): Record<string, string | number> {
  const plain = Object.entries(of).filter(([key, value]) => key !== "kind" && typeof value !== "boolean");
  return Object.fromEntries(plain) as Record<string, string | number>;
}
