/** Short news at the edge of the screen: what was refused, what was copied. */
import { say } from "../text/text.svelte";
import { noKey } from "../text/no";
import type { Reply } from "../protocol/words";

/** One piece of news. */
export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

/** Long enough to read twice; nothing is said here alone that a person must not miss. */
const STAYS_MS = 7000;

let last = 0;
let shown = $state.raw<readonly Toast[]>([]);

/** What is shown now. */
export const toasts = (): readonly Toast[] => shown;

/** Tells something. The same words twice are told once. */
export function tell(text: string, bad = false): void {
  const id = ++last;
  shown = [...shown.filter((one) => one.text !== text), { id, text, bad }].slice(-3);
  setTimeout(() => dismiss(id), STAYS_MS);
}

/** Takes a piece of news away. */
export function dismiss(id: number): void {
  shown = shown.filter((one) => one.id !== id);
}

/** Whether a reply says yes; a no is told. */
export function agreed(reply: Reply): boolean {
  if (reply.kind !== "refused" && reply.kind !== "faulted") return true;
  tell(say(noKey(reply)), true);
  return false;
}
