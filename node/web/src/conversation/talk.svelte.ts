/**
 * One conversation on one page: the fold, what is on its way, and what can be asked of it.
 *
 * A message is shown at once, kept in the outbox until the node has it, and sent again under the
 * same id after a loss or a reload: none lost, none doubled.
 */
import { Shelf } from "../file/shelf.svelte";
import { newId } from "../link/id";
import type { Link } from "../link/link";
import * as outbox from "../link/outbox";
import { pause } from "../link/pause";
import type {
  ConversationCommand,
  ConversationId,
  FileId,
  Message,
  MessageId,
  PersonId,
  Refusal,
  Reply,
  Seq,
} from "../protocol/words";
import { noKey } from "../text/no";
import type { Names } from "../person/names.svelte";
import {
  emptyConversation,
  fold,
  hear,
  lastSeq,
  prepend,
  show,
  TYPING_MS,
  unread,
  type Conversation,
} from "./conversation";

/** A message on its way, or one that was refused. */
export interface Outgoing extends outbox.Unsent {
  /** The key of the sentence that says why it failed. */
  readonly problem: string | null;
}

const TYPE_EVERY_MS = 3000;
const SETTLED_MS = 2000;
/** How often a conversation that is not open for this person is looked at again. */
const LOOKS = 5;

/** One conversation on one page. */
export class Talk {
  state = $state.raw<Conversation>(emptyConversation);
  outgoing = $state.raw<readonly Outgoing[]>([]);
  /** The conversation was shown: it can be read and written. */
  known = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  typing = $state.raw<readonly PersonId[]>([]);
  /** What is being written; kept here so that closing the panel loses nothing. */
  draft = $state("");
  readonly unread = $derived.by(() => unread(this.state, this.me));
  readonly files: Shelf;
  readonly id: ConversationId;
  readonly me: PersonId;
  readonly #link: Link;
  readonly #names: Names;
  readonly #stop: () => void;
  #looks = 0;
  #lookTimer: ReturnType<typeof setTimeout> | undefined;
  #typedAt = 0;
  #readAsked: Seq = 0;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(link: Link, names: Names, id: ConversationId, me: PersonId) {
    this.#link = link;
    this.#names = names;
    this.id = id;
    this.me = me;
    this.files = new Shelf(link, id);
    this.#stop = link.watch(
      { kind: "conversation", conversation: id },
      {
        shown: (_seq, view) => {
          if (view.kind === "conversation") this.#set(show(this.state, view.view));
          this.known = true;
          this.refusal = null;
        },
        happened: (seq, at, event) => {
          if (event.kind === "conversation") this.#set(fold(this.state, seq, at, event.event));
        },
        noted: (note) => {
          if (note.kind === "conversation") this.#hear(note.note.by);
        },
        notShown: (refusal) => {
          this.refusal = refusal;
          if (this.#looks < LOOKS) this.#lookTimer = setTimeout(() => this.#look(), pause(this.#looks++));
        },
      },
    );
    void this.#resume();
  }

  /** A seat was granted: the conversation may be open now, or a moment later. */
  openNow(): void {
    if (!this.refusal) return;
    this.#looks = 0;
    clearTimeout(this.#lookTimer);
    this.#look();
  }

  /** Says something; shown at once. */
  say(text: string, files: FileId[] = []): void {
    const message = newId("message");
    const unsent = { message, conversation: this.id, by: this.me, text, files, at: Date.now() };
    this.outgoing = [...this.outgoing, { ...unsent, problem: null }];
    void outbox.put(unsent);
    void this.#send(unsent);
    this.draft = "";
    this.#typedAt = 0;
  }

  /** Tries a failed message again, under its old id. */
  retry(one: Outgoing): void {
    this.#mark(one.message, null);
    void this.#send(one);
  }

  /** Gives a failed message up. */
  discard(message: MessageId): void {
    this.outgoing = this.outgoing.filter((one) => one.message !== message);
    void outbox.drop(message);
  }

  /** Changes an own message. */
  edit(message: MessageId, text: string): Promise<Reply> {
    return this.#ask({ kind: "edit", message, text });
  }

  /** Takes an own message back. */
  erase(message: MessageId): Promise<Reply> {
    return this.#ask({ kind: "erase", message });
  }

  /** The person is typing; told every few seconds at most. */
  type(): void {
    const now = Date.now();
    if (now - this.#typedAt < TYPE_EVERY_MS) return;
    this.#typedAt = now;
    void this.#ask({ kind: "type" }, true);
  }

  /** Everything shown was seen. */
  seen(): void {
    const upto = lastSeq(this.state);
    if (this.unread === 0 || upto <= this.#readAsked) return;
    this.#readAsked = upto;
    void this.#ask({ kind: "read", upto });
  }

  /** Fetches the page before the first message. */
  async earlier(): Promise<Reply | null> {
    const first = this.state.messages[0];
    if (!first) return null;
    const reply = await this.#ask({ kind: "earlier", before: first.message });
    if (reply.kind === "earlier") this.#set(prepend(this.state, reply.messages, reply.earlier));
    return reply;
  }

  /** Sends files up and says them in one message. */
  async attach(files: readonly File[]): Promise<void> {
    const ids = await Promise.all(files.map((file) => this.files.send(file)));
    const kept = ids.filter((id) => id !== null);
    if (kept.length > 0) this.say("", kept);
  }

  /** Tries a failed upload again. */
  async attachAgain(id: FileId): Promise<void> {
    const failed = this.files.rising.find((one) => one.id === id);
    const kept = failed ? await this.files.send(failed.file, id) : null;
    if (kept) this.say("", [kept]);
  }

  /** Every file that was said and not taken back, newest first. */
  get shared(): { file: FileId; said: Message }[] {
    const all = this.state.messages.flatMap((said) => said.files.map((file) => ({ file, said })));
    return all.reverse();
  }

  close(): void {
    clearTimeout(this.#typingTimer);
    clearTimeout(this.#lookTimer);
    this.#stop();
  }

  #look(): void {
    this.#link.look({ kind: "conversation", conversation: this.id });
  }

  #ask(command: ConversationCommand, fleeting = false): Promise<Reply> {
    return this.#link.ask({ kind: "conversation", conversation: this.id, command }, fleeting);
  }

  async #send(unsent: outbox.Unsent): Promise<void> {
    const { message, text, files } = unsent;
    const reply = await this.#ask({ kind: "say", message, text, files: [...files] });
    if (reply.kind === "refused" || reply.kind === "faulted") {
      this.#mark(message, noKey(reply));
      if (reply.kind === "refused") void outbox.drop(message);
    } else {
      void outbox.drop(message);
      this.#settle();
      // It is kept, but may lie beyond what is shown here.
      setTimeout(() => this.discard(message), SETTLED_MS);
    }
  }

  /** What is kept is no longer on its way. */
  #settle(): void {
    const known = new Set(this.state.messages.map((one) => one.message));
    if (this.outgoing.some((one) => known.has(one.message))) {
      this.outgoing = this.outgoing.filter((one) => !known.has(one.message));
    }
  }

  /** What an earlier page of this tab, or a dead battery, left behind. */
  async #resume(): Promise<void> {
    for (const one of await outbox.unsent(this.id, this.me)) {
      if (this.outgoing.some((known) => known.message === one.message)) continue;
      this.outgoing = [...this.outgoing, { ...one, problem: null }];
      void this.#send(one);
    }
    this.#settle(); // the answer may have been lost, not the message
  }

  #set(state: Conversation): void {
    this.state = state;
    this.#settle();
    const topic = { kind: "conversation", conversation: this.id } as const;
    this.#names.want(topic, [...state.people, ...state.messages.map((one) => one.by)]);
    void this.files.want(state.messages.flatMap((one) => one.files));
    this.#countTyping();
  }

  #hear(by: PersonId): void {
    // The own clock decides how long a sign lasts; the node's may differ.
    this.state = hear(this.state, { kind: "typing", by, at: Date.now() });
    this.#countTyping();
  }

  #countTyping(): void {
    clearTimeout(this.#typingTimer);
    const since = Date.now() - TYPING_MS;
    const typing = [...this.state.typing].filter(([who, at]) => who !== this.me && at > since);
    this.typing = typing.map(([who]) => who);
    if (typing.length > 0) this.#typingTimer = setTimeout(() => this.#countTyping(), 1000);
  }

  #mark(message: MessageId, problem: string | null): void {
    this.outgoing = this.outgoing.map((one) => (one.message === message ? { ...one, problem } : one));
  }
}
