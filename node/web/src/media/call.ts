/**
 * What the room needs of a call: the shape between the screen and the connection.
 *
 * The connection itself is `peer.ts`; the screen knows only this.
 */
import type { MediaSignal, SessionId, Source, Track } from "../protocol/words";

/** How the connection is, in the words the header uses. */
export type CallState = "new" | "connecting" | "connected" | "lost";

/** What a call needs of the page. */
export interface CallWorld {
  /** Sends an offer and returns the answer, or null when none came. */
  offer(sdp: string): Promise<string | null>;
  /** Announces the complete list of own tracks; false when the node did not take it. */
  publish(tracks: Track[]): Promise<boolean>;
  /** This track of that device is there now, or no longer. */
  shows(session: SessionId, source: Source, track: MediaStreamTrack | null): void;
  /** Who is heard now, loudest first. */
  speaks(sessions: SessionId[]): void;
  state(state: CallState): void;
  /** Nothing arrives any more, though something should: is the node still there? */
  silent(): void;
}

/** One call in one room. */
export interface Call {
  /** Sends this track as that source; null takes it away. `on` is false when muted. */
  send(source: Source, track: MediaStreamTrack | null, on: boolean): void;
  /** Takes a signal of the node in. */
  hear(signal: MediaSignal): void;
  /** What the node believes is sent; said again when it is wrong (its room was woken anew). */
  confirm(tracks: readonly Track[]): void;
  /** A line is welcome: announce again, and offer again when nothing arrives any more. */
  renew(): void;
  close(): void;
}
