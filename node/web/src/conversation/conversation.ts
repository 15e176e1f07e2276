/**
 * A conversation as this browser knows it: messages in the journal's order, the same for
 * everybody. Mirrors `actors/src/conversation.rs`.
 */
import type {
  ConversationEvent,
  ConversationNote,
  ConversationView,
  Message,
  MessageId,
  PersonId,
  Seq,
  Time,
} from "../protocol/words";

/** How long a person counts as typing after the last sign of it (`limits::TYPING`). */
export const TYPING_MS = 6000;

/** What this browser knows of a conversation. */
export interface Conversation {
  readonly people: readonly PersonId[];
  readonly messages: readonly Message[];
  /** There are messages before these. */
  readonly earlier: boolean;
  readonly reads: ReadonlyMap<PersonId, Seq>;
  /** When each person was last seen typing. */
  readonly typing: ReadonlyMap<PersonId, Time>;
}

/** A conversation nothing is known of yet. */
export const emptyConversation: Conversation = {
  people: [],
  messages: [],
  earlier: false,
  reads: new Map(),
  typing: new Map(),
};

/** Takes in what the node shows: all changes since the own position, or the last page. */
export function show(talk: Conversation, view: ConversationView): Conversation {
  const fresh = talk.messages.length === 0;
  return {
    people: view.people,
    messages: view.continues ? merge(talk.messages, view.messages) : view.messages,
    earlier: view.continues && !fresh ? talk.earlier : view.earlier,
    reads: new Map(view.reads.map(({ person, upto }) => [person, upto])),
    typing: talk.typing,
  };
}

/** Takes in a page of messages before those already known. */
export function prepend(talk: Conversation, messages: Message[], earlier: boolean): Conversation {
  return { ...talk, messages: merge(messages, talk.messages), earlier };
}

/** Folds one event. */
export function fold(talk: Conversation, seq: Seq, at: Time, event: ConversationEvent): Conversation {
  switch (event.kind) {
    case "opened":
      return talk;
    case "joined":
      return { ...talk, people: [...talk.people.filter((one) => one !== event.person), event.person] };
    case "withdrawn":
      return { ...talk, people: talk.people.filter((one) => one !== event.person) };
    case "said": {
      const { message, by, text, files } = event;
      const said: Message = {
        message, seq, changed: seq, by, at, text, files, edited: false, erased: false,
      };
      const typing = new Map(talk.typing);
      typing.delete(by);
      return { ...talk, typing, messages: merge(talk.messages, [said]) };
    }
    case "edited":
      return change(talk, event.message, { text: event.text, edited: true, changed: seq });
    case "erased":
      return change(talk, event.message, { text: "", files: [], erased: true, changed: seq });
    case "read": {
      const upto = Math.max(event.upto, talk.reads.get(event.by) ?? 0);
      return { ...talk, reads: new Map(talk.reads).set(event.by, upto) };
    }
  }
}

/** Folds one note. */
export function hear(talk: Conversation, note: ConversationNote): Conversation {
  return { ...talk, typing: new Map(talk.typing).set(note.by, note.at) };
}

/** Whether somebody else than the writer has read this message. */
export function isRead(talk: Conversation, message: Message): boolean {
  for (const [person, upto] of talk.reads) {
    if (person !== message.by && upto >= message.seq) return true;
  }
  return false;
}

/** The position up to which a reader of everything has read. */
export const lastSeq = (talk: Conversation): Seq => talk.messages.at(-1)?.seq ?? 0;

/** How many messages of others this person has not read. */
export function unread(talk: Conversation, me: PersonId): number {
  const upto = talk.reads.get(me) ?? 0;
  return talk.messages.filter((one) => one.by !== me && !one.erased && one.seq > upto).length;
}

function change(talk: Conversation, id: MessageId, to: Partial<Message>): Conversation {
  const messages = talk.messages.map((one) => (one.message === id ? { ...one, ...to } : one));
  return { ...talk, messages };
}

/** Later knowledge wins; the order is that of being said. */
function merge(old: readonly Message[], fresh: readonly Message[]): readonly Message[] {
  const last = old.at(-1);
  if (fresh.length === 1 && (!last || fresh[0]!.seq > last.seq)) return [...old, fresh[0]!];
  const all = new Map(old.map((one) => [one.message, one]));
  for (const one of fresh) {
    if ((all.get(one.message)?.changed ?? -1) <= one.changed) all.set(one.message, one);
  }
  return [...all.values()].sort((a, b) => a.seq - b.seq);
}
