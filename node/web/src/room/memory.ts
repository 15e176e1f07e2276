/**
 * What this device remembers of a visit, and no more: which case it entered, so that a name is
 * asked for once, and in which room this tab sat, so that a reload goes straight back.
 *
 * Storage may be forbidden; then nothing is remembered and the lobby asks again.
 */
import type { CaseId, RoomId } from "../protocol/words";

const ENTERED = "konsil.entered";
const SEATED = "konsil.seated";

/** This device entered the case. */
export const enter = (of: CaseId) => attempt(() => localStorage.setItem(ENTERED, of));

/** The case this device entered last. */
export const enteredAs = () => attempt(() => localStorage.getItem(ENTERED));

/** This tab sits in the room. */
export const sit = (room: RoomId) => attempt(() => sessionStorage.setItem(SEATED, room));

/** This tab sits nowhere any more. */
export const stand = () => attempt(() => sessionStorage.removeItem(SEATED));

/** Whether this tab sat in the room before a reload. */
export const satIn = (room: RoomId) => attempt(() => sessionStorage.getItem(SEATED)) === room;

function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}
