/** Every no of a conversation, as the key of a sentence. */
import type { ConversationRefusal } from "../protocol/words";

export const CONVERSATION_REFUSALS: Record<ConversationRefusal, string> = {
  notFound: "conversation-refused-not-found",
  badText: "conversation-refused-bad-text",
  badFiles: "conversation-refused-bad-files",
  noSuchMessage: "conversation-refused-no-such-message",
  notYours: "conversation-refused-not-yours",
  gone: "conversation-refused-gone",
  full: "conversation-refused-full",
  idTaken: "conversation-refused-id-taken",
  notForAdministrators: "conversation-refused-not-for-administrators",
  notYet: "conversation-refused-not-yet",
};
