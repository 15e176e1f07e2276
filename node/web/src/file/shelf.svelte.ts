/** The files of one conversation: what is known of them, and those on their way up. */
import { SvelteMap } from "svelte/reactivity";
import { upload, type Upload } from "../link/http";
import { newId } from "../link/id";
import type { Link } from "../link/link";
import type { ConversationId, FileId, FileView } from "../protocol/words";
import { noKey } from "../text/no";

/** A file on its way up, or one that did not arrive. */
export interface Rising {
  readonly id: FileId;
  readonly file: File;
  readonly part: number;
  /** The key of the sentence that says why it failed. */
  readonly problem: string | null;
}

const AT_ONCE = 100;

/** The files of one conversation. */
export class Shelf {
  rising = $state.raw<readonly Rising[]>([]);
  readonly #link: Link;
  readonly #conversation: ConversationId;
  readonly #known = new SvelteMap<FileId, FileView>();
  readonly #asked = new Set<FileId>();
  readonly #uploads = new Map<FileId, Upload>();

  constructor(link: Link, conversation: ConversationId) {
    this.#link = link;
    this.#conversation = conversation;
  }

  /** What is known of a file, if anything yet. */
  of(file: FileId): FileView | undefined {
    return this.#known.get(file);
  }

  /** Asks for what is not known yet. */
  async want(files: readonly FileId[]): Promise<void> {
    const fresh = files.filter((one) => !this.#asked.has(one));
    fresh.forEach((one) => this.#asked.add(one));
    for (let from = 0; from < fresh.length; from += AT_ONCE) {
      const some = fresh.slice(from, from + AT_ONCE);
      const conversation = this.#conversation;
      const reply = await this.#link.ask({ kind: "files", conversation, files: some });
      if (reply.kind === "files") reply.files.forEach((one) => this.#known.set(one.file, one));
      else some.forEach((one) => this.#asked.delete(one));
    }
  }

  /** Sends a file up; resolves to its id once it is kept, or null. */
  async send(file: File, id: FileId = newId("file")): Promise<FileId | null> {
    this.rising = [...this.rising.filter((one) => one.id !== id), { id, file, part: 0, problem: null }];
    const rise = upload(this.#conversation, id, file, (part) => this.#change(id, { part }));
    this.#uploads.set(id, rise);
    const outcome = await rise.done;
    if (!this.#uploads.delete(id)) return null; // given up meanwhile
    if (!outcome.ok) {
      this.#change(id, { problem: noKey(outcome.no) });
      return null;
    }
    this.#asked.add(id);
    this.#known.set(id, outcome.value);
    this.#forget(id);
    return id;
  }

  /** Stops an upload, or takes a failed one off the list. */
  giveUp(id: FileId): void {
    const rise = this.#uploads.get(id);
    this.#uploads.delete(id);
    rise?.stop();
    this.#forget(id);
  }

  #change(id: FileId, to: Partial<Rising>): void {
    this.rising = this.rising.map((one) => (one.id === id ? { ...one, ...to } : one));
  }

  #forget(id: FileId): void {
    this.rising = this.rising.filter((one) => one.id !== id);
  }
}
