/**
 * How long to wait before the next try. The first is nearly at once, because a node that died is
 * replaced within a second; later ones spread out, so that a thousand browsers do not knock in step.
 */

const FIRST_MS = 250;
const LAST_MS = 10_000;

/** Milliseconds before try number `tries` (0 is the first), jittered by `chance` in 0..1. */
export function pause(tries: number, chance: number = Math.random()): number {
  const span = Math.min(LAST_MS, FIRST_MS * 2 ** tries);
  return Math.round(span / 2 + (span / 2) * chance);
}
