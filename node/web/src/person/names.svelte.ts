/** Names of people: events carry ids alone, so names are asked for once, in one go, and kept. */
import { SvelteMap } from "svelte/reactivity";
import type { Link } from "../link/link";
import type { PersonId, Topic } from "../protocol/words";

const GATHER_MS = 20;
const AT_ONCE = 200;

/** The people a page knows by name. */
export class Names {
  readonly #link: Link;
  readonly #known = new SvelteMap<PersonId, string>();
  readonly #asked = new Set<PersonId>();
  #wanted = new Map<PersonId, Topic>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** The name, or an empty text until it is known. */
  of(person: PersonId): string {
    return this.#known.get(person) ?? "";
  }

  /** Takes a name in that was told anyway. */
  learn(person: PersonId, name: string): void {
    this.#asked.add(person);
    this.#known.set(person, name);
  }

  /** Somebody came in, perhaps by another name than before: asks again. */
  renew(topic: Topic, person: PersonId): void {
    this.#asked.delete(person);
    this.want(topic, [person]);
  }

  /** Asks for those not yet known, as somebody who shares this topic with them. */
  want(topic: Topic, people: Iterable<PersonId>): void {
    for (const person of people) {
      if (!this.#asked.has(person)) this.#wanted.set(person, topic);
    }
    if (this.#wanted.size > 0) this.#timer ??= setTimeout(() => this.#ask(), GATHER_MS);
  }

  #ask(): void {
    this.#timer = undefined;
    const groups = new Map<Topic, PersonId[]>();
    for (const [person, topic] of this.#wanted) {
      this.#asked.add(person);
      groups.set(topic, [...(groups.get(topic) ?? []), person]);
    }
    this.#wanted = new Map();
    for (const [topic, people] of groups) void this.#askOf(topic, people);
  }

  async #askOf(topic: Topic, people: PersonId[]): Promise<void> {
    for (let from = 0; from < people.length; from += AT_ONCE) {
      const some = people.slice(from, from + AT_ONCE);
      const reply = await this.#link.ask({ kind: "names", topic, people: some });
      // Who has no name yet (a guest who never came) is asked for again with the next want.
      for (const person of some) this.#asked.delete(person);
      if (reply.kind === "names") for (const { person, name } of reply.names) this.learn(person, name);
    }
  }
}
