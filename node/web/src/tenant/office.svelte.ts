/** The start page's state: the link, the own cases, and who knocks at which door. */
import { SvelteMap } from "svelte/reactivity";
import { socketUrl } from "../link/address";
import { sessionIsOver, signOut } from "../link/http";
import { roomOf } from "../link/id";
import { Link, type LinkState, type Welcome } from "../link/link";
import * as outbox from "../link/outbox";
import { agreed } from "../parts/toast.svelte";
import { Names } from "../person/names.svelte";
import type { CaseId, Cut, LinkId, RoomCommand, RoomId, TenantCommand, Topic } from "../protocol/words";
import * as memory from "../room/memory";
import * as rooms from "../room/room";
import { emptyTenant, fold, show, type Tenant } from "./tenant";

/** How long a new guest link is good for; the tenant allows up to 90 days. */
const LINK_LIFE_MS = 14 * 24 * 3600 * 1000;
/** A socket may watch 256 topics; the newest open cases come first. */
const DOORS = 200;

/** The start page's state. */
export class Office {
  readonly link: Link;
  readonly names: Names;
  state = $state<LinkState>("connecting");
  why = $state<Cut | null>(null);
  welcome = $state.raw<Welcome | null>(null);
  tenant = $state.raw<Tenant>(emptyTenant);
  known = $state(false);
  readonly over = $derived(this.state === "over");
  readonly away = $derived(this.state === "away");
  readonly #doors = new SvelteMap<RoomId, rooms.Room>();
  readonly #watched = new Map<RoomId, () => void>();

  constructor() {
    this.link = new Link(socketUrl(), {
      state: (state, why) => {
        this.state = state;
        this.why = why;
      },
      welcome: (welcome) => this.#welcomed(welcome),
      unwelcome: sessionIsOver,
    });
    this.names = new Names(this.link);
    this.link.watch({ kind: "tenant" }, {
      shown: (_seq, view) => view.kind === "tenant" && this.#set(show(view.view)),
      happened: (_seq, at, event) =>
        event.kind === "tenant" && this.#set(fold(this.tenant, at, event.event)),
      noted: () => undefined,
      notShown: () => (this.known = true),
    });
  }

  /** The room of a case, as far as it is known. */
  room(of: CaseId): rooms.Room | null {
    return this.#doors.get(roomOf(of)) ?? null;
  }

  /** Opens a case; true when it stands. */
  async open(title: string): Promise<boolean> {
    return agreed(await this.#ask({ kind: "open", title }));
  }

  /** Makes another guest link. */
  async invite(of: CaseId): Promise<boolean> {
    return agreed(await this.#ask({ kind: "invite", case: of, life: LINK_LIFE_MS }));
  }

  /** Makes a guest link worthless. */
  async revoke(link: LinkId): Promise<boolean> {
    return agreed(await this.#ask({ kind: "revoke", link }));
  }

  /** Closes a case. */
  async shut(of: CaseId): Promise<boolean> {
    return agreed(await this.#ask({ kind: "close", case: of }));
  }

  /** The whole address of a guest link, with its secret; null when the node says no. */
  async address(of: CaseId, link: LinkId): Promise<string | null> {
    const reply = await this.link.ask({ kind: "link", case: of, link });
    if (reply.kind === "link") return location.origin + reply.path;
    agreed(reply);
    return null;
  }

  /** Steers a room from here. */
  async steer(of: CaseId, command: RoomCommand): Promise<boolean> {
    return agreed(await this.link.ask({ kind: "room", room: roomOf(of), command }));
  }

  /** Signs out and leaves nothing behind on this device. */
  async leave(): Promise<void> {
    await outbox.clear();
    memory.staff(false);
    await signOut();
    this.close();
  }

  close(): void {
    this.link.close();
  }

  #ask(command: TenantCommand) {
    return this.link.ask({ kind: "tenant", command });
  }

  #welcomed(welcome: Welcome): void {
    this.welcome = welcome;
    if (welcome.role !== "customer") memory.staff(true);
    this.names.learn(welcome.person, welcome.name);
  }

  #set(tenant: Tenant): void {
    this.tenant = tenant;
    this.known = true;
    const open = tenant.cases.filter((one) => !one.closed).slice(0, DOORS);
    const wanted = new Set(open.map((one) => roomOf(one.case)));
    for (const [room, stop] of [...this.#watched]) {
      if (wanted.has(room)) continue;
      stop();
      this.#watched.delete(room);
      this.#doors.delete(room);
    }
    for (const room of wanted) {
      if (!this.#watched.has(room)) this.#watched.set(room, this.#watch(room));
    }
  }

  #watch(room: RoomId): () => void {
    const topic: Topic = { kind: "room", room };
    const set = (door: rooms.Room) => {
      this.#doors.set(room, door);
      this.names.want(topic, [...door.seats, ...door.waiting].map((one) => one.person));
    };
    const door = () => this.#doors.get(room) ?? rooms.emptyRoom(this.welcome!);
    return this.link.watch(topic, {
      shown: (_seq, view) => view.kind === "room" && set(rooms.show(door(), view.view)),
      happened: (_seq, at, event) => {
        if (event.kind !== "room") return;
        if (event.event.kind === "knocked") this.names.renew(topic, event.event.person);
        set(rooms.fold(door(), at, event.event));
      },
      noted: (note) => note.kind === "room" && set(rooms.hear(door(), note.note)),
      notShown: () => undefined, // a case whose room does not stand yet; it is shown when it does
    });
  }
}
