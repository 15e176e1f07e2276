/** Who follows a topic: the fold at the end of the line. */
import type { Event, Note, Refusal, Seq, Time, Topic, View } from "../protocol/words";

/** Receives everything of one topic, in order, nothing twice. */
export interface Follower {
  shown(seq: Seq, view: View): void;
  happened(seq: Seq, at: Time, event: Event): void;
  noted(note: Note): void;
  notShown(refusal: Refusal): void;
}

/** One string per topic. */
export function topicKey(topic: Topic): string {
  switch (topic.kind) {
    case "tenant":
      return "tenant";
    case "room":
      return topic.room;
    case "conversation":
      return topic.conversation;
    case "accounts":
      return "accounts";
  }
}
