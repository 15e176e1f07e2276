/** One room on one page: the link, the fold, the conversation beside it, the call. */
import { socketUrl } from "../link/address";
import { sessionIsOver } from "../link/http";
import { conversationOf, roomOf } from "../link/id";
import { Link, type LinkState, type Welcome } from "../link/link";
import type { Cut, MediaSignal, Refusal, Reply, RoomCommand, RoomId, Topic, Track } from "../protocol/words";
import { Names } from "../person/names.svelte";
import { Talk } from "../conversation/talk.svelte";
import { agreed } from "../parts/toast.svelte";
import type { Call } from "../media/call";
import { Pictures } from "../media/pictures.svelte";
import * as cases from "../tenant/tenant";
import { emptyTenant, type Tenant } from "../tenant/tenant";
import { emptyRoom, fold, hear, leading, show, standing, type Room } from "./room";

/** How often a waiting device asks for its place in the queue. */
const QUEUE_MS = 15_000;

/** One room on one page. */
export class Place {
  readonly id: RoomId;
  readonly topic: Topic;
  readonly link: Link;
  readonly names: Names;
  readonly pictures = new Pictures();
  linkState = $state<LinkState>("connecting");
  why = $state<Cut | null>(null);
  welcome = $state.raw<Welcome | null>(null);
  room = $state.raw<Room | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  talk = $state.raw<Talk | null>(null);
  call = $state.raw<Call | null>(null);
  /** The case's title, for experts, who may watch their cases. */
  title = $state("");
  readonly standing = $derived(this.room ? standing(this.room) : "outside");
  readonly leading = $derived(this.room !== null && leading(this.room));
  #held: MediaSignal[] = [];
  #titled = false;
  #queue: ReturnType<typeof setInterval>;

  constructor(id: RoomId) {
    this.id = id;
    this.topic = { kind: "room", room: id };
    this.link = new Link(socketUrl(), {
      state: (state, why) => {
        this.linkState = state;
        this.why = why;
      },
      welcome: (welcome) => this.#welcomed(welcome),
      signal: ({ room, signal }) => room === this.id && this.#signalled(signal),
      unwelcome: sessionIsOver,
    });
    this.names = new Names(this.link);
    this.link.watch(this.topic, {
      shown: (_seq, view) => {
        if (view.kind !== "room") return;
        this.#set(show(this.#room(), view.view), true);
        const own = view.view.seats.find(({ session }) => session === this.welcome?.session);
        if (own) this.call?.confirm(own.tracks);
      },
      happened: (_seq, at, event) => {
        if (event.kind !== "room") return;
        if (event.event.kind === "knocked") this.names.renew(this.topic, event.event.person);
        this.#set(fold(this.#room(), at, event.event));
      },
      noted: (note) => note.kind === "room" && this.#set(hear(this.#room(), note.note)),
      notShown: (refusal) => (this.refusal = refusal),
    });
    this.#queue = setInterval(() => {
      if (this.standing === "waiting" && !this.leading) this.link.look(this.topic);
    }, QUEUE_MS);
  }

  /** Asks something of the room. */
  ask(command: RoomCommand): Promise<Reply> {
    return this.link.ask({ kind: "room", room: this.id, command });
  }

  /** Asks, and tells the person when the answer is no. */
  async do(command: RoomCommand): Promise<boolean> {
    return agreed(await this.ask(command));
  }

  /** Offers to the node's media path; null when no answer came. */
  async offer(sdp: string): Promise<string | null> {
    const command = { kind: "offer", sdp } as const;
    const reply = await this.link.ask({ kind: "media", room: this.id, command }, true);
    return reply.kind === "answer" ? reply.sdp : null;
  }

  /** Announces what this device publishes now; of use only on this socket. */
  async publish(tracks: Track[]): Promise<boolean> {
    const command = { kind: "publish", tracks } as const;
    const reply = await this.link.ask({ kind: "room", room: this.id, command }, true);
    return reply.kind === "done" || reply.kind === "refused";
  }

  /** Begins the call; signals that came too early are handed over. */
  begin(call: Call): void {
    this.call = call;
    this.link.steady = true;
    for (const signal of this.#held) call.hear(signal);
    this.#held = [];
  }

  /** Ends the call; the seat is another matter. */
  hangUp(): void {
    this.call?.close();
    this.call = null;
    this.link.steady = false;
    this.pictures.clear();
  }

  close(): void {
    clearInterval(this.#queue);
    this.hangUp();
    this.talk?.close();
    this.link.close();
  }

  #room(): Room {
    return this.room ?? emptyRoom(this.welcome!);
  }

  #welcomed(welcome: Welcome): void {
    const other = this.welcome && this.welcome.session !== welcome.session;
    this.welcome = welcome;
    this.names.learn(welcome.person, welcome.name);
    if (other) location.reload(); // another session took this browser over: begin anew
    this.call?.renew();
    if (welcome.role === "expert" && !this.#titled) this.#watchTitle();
  }

  #watchTitle(): void {
    this.#titled = true;
    let tenant = emptyTenant;
    const read = (next: Tenant) => {
      tenant = next;
      const own = tenant.cases.find((one) => roomOf(one.case) === this.id);
      if (own) this.title = own.title;
    };
    this.link.watch({ kind: "tenant" }, {
      shown: (_seq, view) => view.kind === "tenant" && read(cases.show(view.view)),
      happened: (_seq, at, event) => event.kind === "tenant" && read(cases.fold(tenant, at, event.event)),
      noted: () => undefined,
      notShown: () => undefined, // a room without its title is still a room
    });
  }

  #signalled(signal: MediaSignal): void {
    if (this.call) this.call.hear(signal);
    else this.#held.push(signal);
  }

  #set(room: Room, whole = false): void {
    const before = this.standing;
    this.room = room;
    if (before !== "seated" && this.standing === "seated") this.talk?.openNow();
    if (whole) this.refusal = null;
    this.names.want(this.topic, [room.lead, ...[...room.seats, ...room.waiting].map((one) => one.person)]);
    if (!this.talk && this.welcome && room.lead) {
      this.talk = new Talk(this.link, this.names, conversationOf(this.id), this.welcome.person);
    }
    if (room.ended) this.hangUp();
  }
}
