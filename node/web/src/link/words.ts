/** Every fault of the world and every cut of the socket, as keys of sentences. */
import type { Cut, Fault } from "../protocol/words";

export const FAULTS: Record<Fault, string> = {
  busy: "fault-busy",
  diskFull: "fault-disk-full",
  oneCopy: "fault-one-copy",
  disk: "fault-disk",
  restarted: "fault-restarted",
  timeout: "fault-timeout",
  stopping: "fault-stopping",
};

export const CUTS: Record<Cut, string> = {
  version: "cut-version",
  malformed: "cut-malformed",
  slow: "cut-slow",
  flood: "cut-flood",
  sessionOver: "cut-session-over",
  tooMany: "cut-too-many",
  stopping: "cut-stopping",
};
