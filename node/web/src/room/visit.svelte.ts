/**
 * One visit to a room, from opening the link to leaving: which page is shown, and why.
 *
 * ```text
 * looking ─► lobby ─knock─► waiting ─► room ─► farewell
 *     └─► sorry (forged, expired, revoked, closed, signed out)
 * ```
 */
import { linkInHash, roomInPath } from "../link/address";
import { enter, look, type LinkSight, type No } from "../link/http";
import { Devices } from "../media/devices.svelte";
import { noKey } from "../text/no";
import type { Place } from "./place.svelte";

/** What a reload needs and the node does not tell again; lives in the tab's history entry. */
interface Kept {
  readonly title: string;
  readonly expert: string;
}

/** The socket and all behind it; a guest who looks at a link does not need it yet. */
export const loadPlace = () => import("./place.svelte");

/** Remembers in this tab alone that its person sat in this room, so a reload goes straight back. */
const SEATED = "konsil.seated";

/** One visit to a room. */
export class Visit {
  readonly devices = new Devices();
  place = $state.raw<Place | null>(null);
  sight = $state.raw<Kept | null>(null);
  /** The door does not open: the key of the reason. */
  no = $state.raw<No | null>(null);
  /** The page was opened without a link and without a room. */
  astray = $state(false);
  ready = $state(false);
  entering = $state(false);
  /** Why the last try to come in failed, as the key of a sentence. */
  problem = $state<string | null>(null);
  /** The person wants to be in the room: a seat, once there, is taken. */
  eager = $state(false);
  #link: string | null = null;

  readonly inRoom = $derived(this.eager && this.place?.standing === "seated");

  constructor() {
    void this.#begin();
  }

  /** Whether a name is still to be asked for. Once given, it is never asked again. */
  get nameless(): boolean {
    return this.place === null;
  }

  /** Comes in, or knocks: the node decides which. */
  async join(name: string): Promise<void> {
    this.entering = true;
    this.problem = null;
    this.eager = true;
    if (!this.place && !(await this.#enter(name))) this.eager = false;
    else if (this.place?.standing === "outside") await this.#knock(this.place);
    this.entering = false;
  }

  /** Gives the place at the door up. */
  async giveUp(): Promise<void> {
    this.eager = false;
    await this.place?.do({ kind: "leave" });
  }

  /** Leaves the room. */
  async leave(): Promise<void> {
    this.eager = false;
    forgetSeat();
    this.place?.hangUp();
    this.devices.stop();
    await this.place?.do({ kind: "leave" });
  }

  /** The person sits: a reload of this tab comes straight back. */
  sat(place: Place): void {
    try {
      sessionStorage.setItem(SEATED, place.id);
    } catch {
      // Storage is forbidden: a reload shows the lobby first.
    }
  }

  async #begin(): Promise<void> {
    const room = roomInPath(location.pathname);
    this.#link = linkInHash(location.hash);
    if (this.#link) {
      await this.#look(this.#link);
    } else if (room) {
      this.sight = history.state as Kept | null;
      this.eager = satIn(room);
      this.place = new (await loadPlace()).Place(room);
    } else {
      this.astray = true;
    }
    this.ready = true;
  }

  async #look(link: string): Promise<void> {
    const outcome = await look(link);
    if (outcome.ok) this.sight = outcome.value;
    else this.no = outcome.no;
  }

  async #enter(name: string): Promise<boolean> {
    const outcome = await enter(this.#link ?? "", name);
    if (!outcome.ok) {
      this.problem = noKey(outcome.no);
      return false;
    }
    const { title, expert } = this.sight as LinkSight;
    // The secret leaves the address bar; from here the cookie counts.
    history.replaceState({ title, expert } satisfies Kept, "", `/room/${outcome.value.room}`);
    const place = new (await loadPlace()).Place(outcome.value.room);
    this.place = place;
    await this.#knock(place);
    return true;
  }

  async #knock(place: Place): Promise<void> {
    const reply = await place.ask({ kind: "knock" });
    if (reply.kind !== "refused" && reply.kind !== "faulted") return;
    const here = reply.kind === "refused" && reply.refusal.kind === "room";
    if (here && reply.refusal.why === "alreadyHere") return;
    this.problem = noKey(reply);
    this.eager = false;
  }
}

function satIn(room: string): boolean {
  try {
    return sessionStorage.getItem(SEATED) === room;
  } catch {
    return false;
  }
}

function forgetSeat(): void {
  try {
    sessionStorage.removeItem(SEATED);
  } catch {
    // Nothing was remembered.
  }
}
