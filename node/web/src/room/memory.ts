/**
 * What this device remembers of a visit, and no more: which case it entered, so that a name is
 * asked for once, in which room this tab sat, so that a reload goes straight back, and whether
 * somebody who works here signed in, so that a guest link does not sign them out unasked.
 *
 * Storage may be forbidden; then nothing is remembered and the lobby asks again.
 */
import type { CaseId, RoomId } from "../protocol/words";

const ENTERED = "konsil.entered";
const SEATED = "konsil.seated";
const STAFF = "konsil.staff";

/** This device entered the case. */
export const enter = (of: CaseId) => {
  attempt(() => localStorage.setItem(ENTERED, of));
  staff(false); // one browser is one person: the guest's cookie took the place of the other
};

/** The case this device entered last. */
export const enteredAs = () => attempt(() => localStorage.getItem(ENTERED));

/** Somebody who works here signed in, or out. */
export const staff = (here: boolean) =>
  attempt(() => (here ? localStorage.setItem(STAFF, "here") : localStorage.removeItem(STAFF)));

/** Whether somebody who works here may be signed in; the node knows better. */
export const staffMayBeHere = () => attempt(() => localStorage.getItem(STAFF)) !== null;

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
