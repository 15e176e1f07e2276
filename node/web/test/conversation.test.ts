/** The conversation's fold against the vectors, resuming, pages and read marks. */
import { describe, expect, test } from "vitest";
import {
  emptyConversation, fold, isRead, prepend, show, unread, type Conversation,
} from "../src/conversation/conversation";
import type { ConversationEvent, ConversationView, Message } from "../src/protocol/words";
import { lives } from "./golden";

const said = (message: string, seq: number, by = "person_a"): Message => ({
  message, seq, changed: seq, by, at: seq * 1000, text: message, files: [], edited: false, erased: false,
});
const view = (messages: Message[], continues: boolean, earlier = false): ConversationView => ({
  case: "case_1", people: ["person_a", "person_b"], messages, continues, earlier, reads: [],
});
const ids = (talk: Conversation) => talk.messages.map((one) => one.message);

describe("the vectors", () => {
  test.each(lives<ConversationEvent, ConversationView>("conversation"))("$name", ({ events, state }) => {
    const talk = events.reduce((talk, { seq, at, event }) => fold(talk, seq, at, event), emptyConversation);
    expect(talk.messages).toEqual(state.messages);
    expect([...talk.people].sort()).toEqual([...state.people].sort());
    expect(talk.reads).toEqual(new Map(state.reads.map(({ person, upto }) => [person, upto])));
  });
});

test("a view that continues changes what it names and keeps the rest", () => {
  const before = show(emptyConversation, view([said("m1", 3), said("m2", 4)], false, true));
  const edited = { ...said("m1", 3), text: "other", edited: true, changed: 6 };
  const after = show(before, view([edited, said("m3", 7)], true));
  expect(ids(after)).toEqual(["m1", "m2", "m3"]);
  expect(after.messages[0]).toEqual(edited);
  expect(after.earlier).toBe(true);
});

test("a view that does not continue replaces everything", () => {
  const before = show(emptyConversation, view([said("m1", 3)], false));
  expect(ids(show(before, view([said("m9", 900)], false, true)))).toEqual(["m9"]);
});

test("an earlier page stands before, nothing is doubled, later knowledge wins", () => {
  const now = show(emptyConversation, view([{ ...said("m2", 4), text: "new", changed: 9 }], false, true));
  const paged = prepend(now, [said("m1", 3), said("m2", 4)], false);
  expect(ids(paged)).toEqual(["m1", "m2"]);
  expect(paged.messages[1]?.text).toBe("new");
  expect(paged.earlier).toBe(false);
});

test("reading is counted by others, and what is unread by oneself", () => {
  const talk = show(emptyConversation, view([said("m1", 3), said("m2", 4, "person_b")], false));
  expect(unread(talk, "person_a")).toBe(1);
  expect(isRead(talk, talk.messages[0]!)).toBe(false);
  const own = fold(talk, 5, 0, { kind: "read", by: "person_a", upto: 4 });
  expect(unread(own, "person_a")).toBe(0);
  expect(isRead(own, own.messages[0]!)).toBe(false);
  const other = fold(own, 6, 0, { kind: "read", by: "person_b", upto: 3 });
  expect(isRead(other, other.messages[0]!)).toBe(true);
});
