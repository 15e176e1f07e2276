/** Reads the vectors that the Rust side reads too, so that the two folds cannot drift apart. */
import { readFileSync } from "node:fs";
import type { Role } from "../src/protocol/words";

/** One life of an actor: what happened, and what one watcher sees afterwards. */
export interface Life<Event, View> {
  readonly name: string;
  readonly by: { readonly person: string; readonly session: string; readonly role: Role };
  readonly events: readonly { readonly seq: number; readonly at: number; readonly event: Event }[];
  readonly state: View;
}

/** The lives of one word. */
export function lives<Event, View>(word: string): Life<Event, View>[] {
  const file = new URL(`../../../protocol/vectors/${word}/folds.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Life<Event, View>[];
}
