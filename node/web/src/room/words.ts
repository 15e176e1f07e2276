/** Every no of a room, as the key of a sentence. */
import type { RoomRefusal } from "../protocol/words";

export const ROOM_REFUSALS: Record<RoomRefusal, string> = {
  notFound: "room-refused-not-found",
  ended: "room-refused-ended",
  locked: "room-refused-locked",
  full: "room-refused-full",
  queueFull: "room-refused-queue-full",
  notHere: "room-refused-not-here",
  alreadyHere: "room-refused-already-here",
  notWaiting: "room-refused-not-waiting",
  notLead: "room-refused-not-lead",
  notAnExpert: "room-refused-not-an-expert",
  notForAdministrators: "room-refused-not-for-administrators",
  badText: "room-refused-bad-text",
  tooManyTracks: "room-refused-too-many-tracks",
};
