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
import type { Welcome } from "../link/link";
import { Devices } from "../media/devices.svelte";
import { noKey } from "../text/no";
import type { RoomId } from "../protocol/words";
import * as memory from "./memory";
import type { Place } from "./place.svelte";

/** What a reload needs and the node does not tell again; lives in the tab's history entry. */
interface Kept {
  readonly title: string;
  readonly expert: string;
}

const whoIsHere = async () => (await import("../link/who")).whoIsHere();

/** The socket and all behind it; a guest who looks at a link does not need it yet. */
export const loadPlace = () => import("./place.svelte");

/** Somebody who works here opened a guest link: entering by it would sign them out. */
export interface Staff {
  readonly welcome: Welcome;
  readonly room: RoomId;
}

/** One visit to a room. */
export class Visit {
  readonly devices = new Devices();
  place = $state.raw<Place | null>(null);
  sight = $state.raw<Kept | null>(null);
  /** The door does not open: the key of the reason. */
  no = $state.raw<No | null>(null);
  /** The page was opened without a link and without a room. */
  astray = $state(false);
  /** Who is asked first whether they want to be a guest. */
  staff = $state.raw<Staff | null>(null);
  ready = $state(false);
  entering = $state(false);
  /** Why the last try to come in failed, as the key of a sentence. */
  problem = $state<string | null>(null);
  /** The person wants to be in the room: a seat, once there, is taken. */
  eager = $state(false);
  /** A name is still to be asked for. Once given, it is never asked again. */
  nameless = $state(false);
  readonly #link = linkInHash(location.hash);

  readonly inRoom = $derived(this.eager && this.place?.standing === "seated");

  constructor() {
    // Shown at once to those who were never here, so that nothing on the page moves later.
    this.nameless = this.#link !== null && memory.enteredAs() === null && !memory.staffMayBeHere();
    void this.#begin();
  }

  /** Comes in, or knocks: the node decides which. */
  async join(name: string): Promise<void> {
    this.entering = true;
    this.problem = null;
    this.eager = true;
    const place = this.place;
    if (!place) this.eager = await this.#enter(name);
    else if (place.standing === "outside") this.eager = await this.#knock(place);
    this.entering = false;
  }

  /** Somebody who works here wants to be a guest all the same. */
  beGuest(): void {
    this.staff = null;
    this.nameless = true;
  }

  /** Gives the place at the door up. */
  async giveUp(): Promise<void> {
    this.eager = false;
    await this.place?.do({ kind: "leave" });
  }

  /** Leaves the room. */
  async leave(): Promise<void> {
    this.eager = false;
    memory.stand();
    this.place?.hangUp();
    this.devices.stop();
    await this.place?.do({ kind: "leave" });
  }

  /** The person sits: a reload of this tab comes straight back. */
  sat(place: Place): void {
    memory.sit(place.id);
  }

  async #begin(): Promise<void> {
    const room = roomInPath(location.pathname);
    if (this.#link) {
      await this.#look(this.#link);
    } else if (room) {
      this.sight = history.state as Kept | null;
      this.eager = memory.satIn(room);
      this.place = new (await loadPlace()).Place(room);
    } else {
      this.astray = true;
    }
    this.ready = true;
  }

  async #look(link: string): Promise<void> {
    const outcome = await look(link);
    if (!outcome.ok) {
      this.no = outcome.no;
      return;
    }
    this.sight = outcome.value;
    const { case: opened, room } = outcome.value;
    const entered = memory.enteredAs() === opened;
    const who = entered || memory.staffMayBeHere() ? await whoIsHere() : null;
    // Whoever entered by this link before, on this device, is not asked for a name again.
    if (who?.role === "customer" && entered) this.place = await this.#arrive(room);
    else if (who && who.role !== "customer") this.staff = { welcome: who, room };
    this.nameless = this.place === null && this.staff === null;
  }

  /** Goes to the room's own address: the secret leaves the address bar, the cookie counts. */
  async #arrive(room: RoomId): Promise<Place> {
    const { title, expert } = this.sight as LinkSight;
    history.replaceState({ title, expert } satisfies Kept, "", `/room/${room}`);
    return new (await loadPlace()).Place(room);
  }

  async #enter(name: string): Promise<boolean> {
    const outcome = await enter(this.#link ?? "", name);
    if (!outcome.ok) {
      this.problem = noKey(outcome.no);
      return false;
    }
    memory.enter(outcome.value.case);
    const place = await this.#arrive(outcome.value.room);
    this.place = place;
    this.nameless = false;
    return this.#knock(place);
  }

  /** Knocks; whoever waits or sits already has knocked. */
  async #knock(place: Place): Promise<boolean> {
    const reply = await place.ask({ kind: "knock" });
    if (reply.kind !== "refused" && reply.kind !== "faulted") return true;
    if (reply.kind === "refused" && reply.refusal.why === "alreadyHere") return true;
    this.problem = noKey(reply);
    return false;
  }
}
