/**
 * A room as this browser knows it. Mirrors `actors/src/room.rs`; the screen is drawn from it and
 * nothing else.
 *
 * The node tells a device only what concerns it, so positions have gaps here; whenever the picture
 * as a whole changes (sitting down, another lead) the node shows the room anew.
 */
import type {
  PersonId,
  Role,
  RoomEvent,
  RoomNote,
  RoomView,
  Seat,
  SessionId,
  Standing,
  Time,
  Waiting,
} from "../protocol/words";

/** Who is looking. */
export interface Me {
  readonly session: SessionId;
  readonly person: PersonId;
  readonly role: Role;
}

/** How this device's own stay ended, while it is outside again. */
export type Fate = "rejected" | "removed" | "left";

/** What this browser knows of a room. */
export interface Room {
  readonly me: Me;
  readonly lead: PersonId;
  readonly locked: boolean;
  readonly ended: boolean;
  readonly seats: readonly Seat[];
  readonly waiting: readonly Waiting[];
  readonly ahead: number;
  readonly present: ReadonlySet<SessionId>;
  readonly fate: Fate | null;
}

/** A room nothing is known of yet. */
export function emptyRoom(me: Me): Room {
  return {
    me,
    lead: "",
    locked: false,
    ended: false,
    seats: [],
    waiting: [],
    ahead: 0,
    present: new Set(),
    fate: null,
  };
}

/** Takes in the whole picture. */
export function show(room: Room, view: RoomView): Room {
  const { lead, locked, ended, seats, waiting, ahead } = view;
  const present = new Set([...seats, ...waiting].filter((one) => one.present).map((one) => one.session));
  const fate = view.standing === "outside" ? room.fate : null;
  return { ...room, lead, locked, ended, seats, waiting, ahead, present, fate };
}

/** Folds one event. */
export function fold(room: Room, at: Time, event: RoomEvent): Room {
  switch (event.kind) {
    case "opened":
      return { ...room, lead: event.lead };
    case "knocked": {
      const { session, person, role } = event;
      const present = room.present.has(session);
      const waiting: Waiting = { session, person, role, since: at, held: null, present };
      return { ...room, fate: own(room, session) ? null : room.fate, waiting: put(room.waiting, waiting) };
    }
    case "held":
      return { ...room, waiting: change(room.waiting, event.session, { held: event.message }) };
    case "seated": {
      const { session, person, role } = event;
      const present = room.present.has(session);
      const seat: Seat = { session, person, role, since: at, muted: false, present, tracks: [] };
      return {
        ...room,
        fate: own(room, session) ? null : room.fate,
        waiting: without(room.waiting, session),
        seats: put(room.seats, seat),
      };
    }
    case "rejected":
    case "removed":
    case "left":
      return {
        ...room,
        fate: own(room, event.session) ? event.kind : room.fate,
        waiting: without(room.waiting, event.session),
        seats: without(room.seats, event.session),
      };
    case "locked":
      return { ...room, locked: true };
    case "unlocked":
      return { ...room, locked: false };
    case "muted":
    case "unmuted":
      return { ...room, seats: change(room.seats, event.session, { muted: event.kind === "muted" }) };
    case "handedOver":
      return { ...room, lead: event.to };
    case "ended":
      return { ...room, ended: true, seats: [], waiting: [] };
  }
}

/** Folds one note. */
export function hear(room: Room, note: RoomNote): Room {
  const { session } = note;
  switch (note.kind) {
    case "publishes":
      return { ...room, seats: change(room.seats, session, { tracks: note.tracks }) };
    case "present":
    case "absent": {
      const here = note.kind === "present";
      const present = new Set(room.present);
      if (here) present.add(session);
      else present.delete(session);
      return {
        ...room,
        present,
        seats: change(room.seats, session, { present: here }),
        waiting: change(room.waiting, session, { present: here }),
      };
    }
  }
}

/** Whether this device's person steers the room. */
export const leading = (room: Room): boolean =>
  room.me.role === "expert" && room.me.person === room.lead;

/** Where this device stands. */
export function standing(room: Room): Standing {
  if (room.seats.some((seat) => own(room, seat.session))) return "seated";
  return room.waiting.some((one) => own(room, one.session)) ? "waiting" : "outside";
}

/** This device's own seat. */
export const ownSeat = (room: Room): Seat | undefined =>
  room.seats.find((seat) => own(room, seat.session));

/** This device's own place at the door. */
export const ownWait = (room: Room): Waiting | undefined =>
  room.waiting.find((one) => own(room, one.session));

/** Everybody else's seats, in the order of sitting down. */
export const others = (room: Room): readonly Seat[] =>
  room.seats.filter((seat) => !own(room, seat.session));

/** Everybody else at the door, in the order of knocking. */
export const knocking = (room: Room): readonly Waiting[] =>
  room.waiting.filter((one) => !own(room, one.session));

function own(room: Room, session: SessionId): boolean {
  return room.me.session === session;
}

interface Placed {
  readonly session: SessionId;
}

function without<T extends Placed>(list: readonly T[], session: SessionId): readonly T[] {
  return list.filter((one) => one.session !== session);
}

function put<T extends Placed>(list: readonly T[], one: T): readonly T[] {
  return [...without(list, one.session), one];
}

function change<T extends Placed>(list: readonly T[], session: SessionId, to: Partial<T>): readonly T[] {
  return list.map((one) => (one.session === session ? { ...one, ...to } : one));
}
