/**
 * A call that lasts: one connection after the other, with the own tracks carried over.
 *
 * `peer.ts` is one connection and ends with it. Here lives what outlasts it: what the person wants
 * to send, who is shown where, and when to begin anew (the node says so, media stopped flowing, or
 * the socket moved to another node and no packet arrives any more).
 */
import { pause } from "../link/pause";
import type { MediaSignal, SessionId, Source, Track } from "../protocol/words";
import type { Call, CallState, CallWorld } from "./call";
import { Hearing } from "./hearing";
import { Peer, type Flow, type PeerOptions, type Signalling } from "./peer";

/** What the person wants to send as one source. */
interface Wish {
  readonly track: MediaStreamTrack;
  readonly on: boolean;
}

/** Without a packet for so long after a move, nobody is at the other end; ICE needs ten times it. */
const SILENCE_MS = 600;
/** What arrives within this time of a move may have been on its way before: it clears no suspicion. */
const LATE_MS = 1000;
/** Without a move it is somebody else's line that failed, more likely; tried all the same. */
const LONG_SILENCE_MS = 4000;
/** What was shown last stays on the screen for so long while a new connection is made. */
const GHOST_MS = 4000;

const STATES: Record<Flow, CallState> = {
  connecting: "connecting",
  flowing: "connected",
  interrupted: "lost",
  lost: "lost",
};

/** Begins a call. */
export function joinCall(world: CallWorld, make = (options: PeerOptions) => new Peer(options)): Call {
  return new LastingCall(world, make);
}

class LastingCall implements Call {
  readonly #world: CallWorld;
  readonly #make: (options: PeerOptions) => Peer;
  readonly #wishes = new Map<Source, Wish>();
  readonly #shown = new Map<string, string>();
  readonly #signalling: Signalling = {
    offer: async (sdp) => {
      const answer = await this.#world.offer(sdp);
      if (answer === null) throw new Error("the node gave no answer");
      return answer;
    },
    onWanted: null,
    onBound: null,
  };
  #peer: Peer | null = null;
  #hearing: Hearing | null = null;
  /** Since when silence counts: a line was welcome, or the room is another one. */
  #suspected: number | null = null;
  #silences = 0;
  #doubted = 0;
  /** What the connection before showed, and the new one does not yet. */
  readonly #ghosts = new Set<string>();
  #ghostTimer: ReturnType<typeof setTimeout> | undefined;
  #announced = "";
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(world: CallWorld, make: (options: PeerOptions) => Peer) {
    this.#world = world;
    this.#make = make;
    // After this turn of the event loop the wishes are known, and the first offer carries them.
    this.#timer = setTimeout(() => this.#begin());
  }

  send(source: Source, track: MediaStreamTrack | null, on: boolean): void {
    if (track) this.#wishes.set(source, { track, on });
    else if (!this.#wishes.delete(source)) return;
    const peer = this.#peer;
    if (!peer) return;
    const done = track ? peer.publish(source, track) : peer.unpublish(source);
    if (peer.mid(source) !== null) this.#announce();
    done.then(
      () => this.#announce(),
      () => this.#again(peer),
    );
  }

  hear(signal: MediaSignal): void {
    switch (signal.kind) {
      case "wanted":
        return this.#signalling.onWanted?.(signal);
      case "bound": {
        const { mid, session, source } = signal;
        return this.#signalling.onBound?.({ mid, track: session && source ? `${session} ${source}` : null });
      }
      case "speaking":
        return this.#world.speaks(signal.sessions);
      case "gone":
        return this.#begin();
    }
  }

  renew(): void {
    const peer = this.#peer;
    if (!peer || peer.flow !== "flowing") return this.#begin();
    this.#announced = "";
    this.#announce();
    this.#suspect();
  }

  confirm(tracks: readonly Track[]): void {
    const known = JSON.stringify(tracks.map(({ mid, source, on }) => ({ mid, source, on })));
    if (this.#announced === "" || known === this.#announced) return;
    this.#announced = "";
    this.#announce();
    this.#suspect(); // the room was woken anew: perhaps on another node, which knows no call of ours
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#drop();
    this.#layGhosts();
  }

  /** A new connection with the live tracks, in place of the old one. */
  #begin(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#drop();
    this.#suspected = null;
    this.#world.state("connecting");
    const peer = this.#make({
      signalling: this.#signalling,
      receive: { audio: 2, video: 2 },
      onShown: (mid, media, track) => this.#show(mid, media, track),
      onFlow: (flow) => this.#flow(peer, flow),
      onFault: () => this.#again(peer),
    });
    this.#peer = peer;
    const tracks = Object.fromEntries([...this.#wishes].map(([source, { track }]) => [source, track]));
    peer.start(tracks).then(
      () => this.#announce(),
      () => this.#again(peer),
    );
  }

  /** Once more, a little later. */
  #again(peer: Peer): void {
    if (this.#peer !== peer || this.#closed) return;
    this.#world.state("lost");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), pause(this.#tries++));
  }

  #drop(): void {
    this.#peer?.close();
    this.#peer = null;
    this.#hearing?.stop();
    this.#hearing = null;
    this.#announced = "";
    // The last picture stays until the new connection shows the same, or a moment has passed.
    for (const track of this.#shown.values()) this.#ghosts.add(track);
    this.#shown.clear();
    clearTimeout(this.#ghostTimer);
    this.#ghostTimer = setTimeout(() => this.#layGhosts(), GHOST_MS);
  }

  /** What the new connection does not show is not shown. */
  #layGhosts(): void {
    clearTimeout(this.#ghostTimer);
    for (const track of this.#ghosts) this.#tell(track, null);
    this.#ghosts.clear();
  }

  #flow(peer: Peer, flow: Flow): void {
    if (this.#peer !== peer) return;
    if (flow === "flowing") {
      this.#tries = 0;
      this.#hearing ??= new Hearing(() => peer.packetsReceived(), (quiet) => this.#heard(peer, quiet));
    }
    this.#world.state(STATES[flow]);
    if (flow === "lost") this.#again(peer);
  }

  #show(mid: string, media: MediaStreamTrack, track: string | null): void {
    const before = this.#shown.get(mid);
    if (before === track) return;
    this.#shown.delete(mid);
    // Another line may have taken the same track over already; then it goes on being shown.
    if (before && ![...this.#shown.values()].includes(before)) this.#tell(before, null);
    if (!track) return;
    this.#shown.set(mid, track);
    this.#ghosts.delete(track);
    this.#tell(track, media);
  }

  #tell(track: string, media: MediaStreamTrack | null): void {
    const [session, source] = track.split(" ") as [SessionId, Source];
    this.#world.shows(session, source, media);
  }

  /** The complete list of what is sent; told only when it is another one. */
  #announce(): void {
    const peer = this.#peer;
    if (!peer) return;
    const tracks: Track[] = [];
    for (const [source, { on }] of this.#wishes) {
      const mid = peer.mid(source);
      if (mid !== null) tracks.push({ mid, source, on });
    }
    const said = JSON.stringify(tracks);
    if (said === this.#announced) return;
    this.#announced = said;
    void this.#world.publish(tracks).then((taken) => {
      if (taken || this.#announced !== said) return;
      // Not taken: said again a little later, unless something newer was said meanwhile.
      this.#announced = "";
      setTimeout(() => this.#announce(), pause(0));
    });
  }

  /** Listens closely: whether anybody is still at the other end. */
  #suspect(): void {
    this.#suspected = Date.now();
    this.#hearing?.closely(LATE_MS);
  }

  /** Nothing came for so long; 0 when something did. */
  #heard(peer: Peer, quiet: number): void {
    if (this.#peer !== peer || this.#closed) return;
    if (quiet === 0) {
      if (this.#suspected !== null && Date.now() - this.#suspected > LATE_MS) this.#suspected = null;
      this.#silences = 0;
      this.#doubted = 0;
      return;
    }
    if (quiet < SILENCE_MS || (this.#shown.size === 0 && this.#wishes.size === 0)) return;
    if (this.#suspected !== null) return this.#begin();
    if (this.#shown.size === 0) return;
    if (quiet >= 2 * this.#doubted) {
      this.#doubted = quiet;
      this.#world.silent();
    }
    // Each time in vain, longer: perhaps it is the others who send nothing.
    if (quiet >= LONG_SILENCE_MS * 2 ** Math.min(this.#silences, 5)) {
      this.#silences += 1;
      this.#begin();
    }
  }
}
