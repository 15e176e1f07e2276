/**
 * This browser's one connection for sound and picture.
 *
 * The browser always offers and the node always answers. What is published and what is shown are
 * m-lines of one connection: a published source has a sending one for as long as the connection
 * lives (a screen that is shared again reuses its own), and the node binds what it shows to the
 * receiving ones, telling which shows whom. So a face that appears or leaves costs no new offer
 * unless there are too few m-lines.
 *
 * Promises:
 * - P1 One offer is under way at a time; whatever changes meanwhile is in the next one.
 * - P2 A source keeps its m-line, so its name towards the room never changes.
 * - P3 After `close` nothing is called back.
 */

/** What this browser can publish, each at most once. */
export type Source = "microphone" | "camera" | "screen" | "screenSound";

/** How many receiving m-lines the node would like to have, in total. */
export interface Wanted {
  readonly audio: number;
  readonly video: number;
}

/** Which published track an m-line shows from now on; `null` frees it. */
export interface Bound {
  readonly mid: string;
  readonly track: string | null;
}

/** The way to the node. The peer sets the two handlers; whoever owns the socket calls them. */
export interface Signalling {
  /** Carries an offer to the node and brings its answer. Rejects when the node refuses. */
  offer(sdp: string): Promise<string>;
  onWanted: ((wanted: Wanted) => void) | null;
  onBound: ((bound: Bound) => void) | null;
}

/** Whether media flows. `lost` is final: make a new peer. */
export type Flow = "connecting" | "flowing" | "interrupted" | "lost";

/** What a peer needs and whom it tells. */
export interface PeerOptions {
  readonly signalling: Signalling;
  /** A relay for closed networks; the node itself needs none. */
  readonly iceServers?: RTCIceServer[];
  /** Receiving m-lines of the first offer, so that the first faces need no second one. */
  readonly receive?: Wanted;
  /** An m-line shows another track, or none. The media track stays the same for life. */
  readonly onShown?: (mid: string, media: MediaStreamTrack, track: string | null) => void;
  /** Whether media flows has changed. */
  readonly onFlow?: (flow: Flow) => void;
  /** An offer failed; the old state is still in force. The next change tries again. */
  readonly onFault?: (fault: unknown) => void;
}

/** The most an encoder may use, in bits per second: sharp enough, and room for others. */
const BITRATE: Record<Source, number> = {
  microphone: 48_000,
  camera: 1_500_000,
  screen: 2_500_000,
  screenSound: 96_000,
};

/** More m-lines than this the node would refuse. */
const LINES_MAX = 64;

function kindOf(source: Source): "audio" | "video" {
  return source === "microphone" || source === "screenSound" ? "audio" : "video";
}

/** Whether the node forwards this codec. Fewer codecs make an offer of sixty m-lines a tenth. */
function isCarried(codec: RTCRtpCodec): boolean {
  const line = codec.sdpFmtpLine ?? "";
  switch (codec.mimeType.toLowerCase()) {
    case "audio/opus":
    case "video/vp8":
    case "video/rtx":
      return true;
    case "video/h264":
      return line.includes("packetization-mode=1") && /profile-level-id=42e0/i.test(line);
    case "video/vp9":
      return !line.includes("profile-id=") || line.includes("profile-id=0");
    case "video/av1":
      return !line.includes("profile=") || line.includes("profile=0");
    default:
      return false;
  }
}

function preferCarried(transceiver: RTCRtpTransceiver, kind: "audio" | "video"): void {
  const known = RTCRtpReceiver.getCapabilities(kind)?.codecs.filter(isCarried) ?? [];
  if (known.length === 0) return;
  try {
    transceiver.setCodecPreferences(known);
  } catch {
    // Only a shorter offer was at stake: the node chooses among all that are offered.
  }
}

/** One connection. Make a new one to rejoin. */
export class Peer {
  readonly #options: PeerOptions;
  readonly #connection: RTCPeerConnection;
  readonly #sources = new Map<Source, RTCRtpTransceiver>();
  readonly #receivers: RTCRtpTransceiver[] = [];
  readonly #bound = new Map<string, string | null>();
  #flow: Flow = "connecting";
  #closed = false;
  #stale = false;
  #negotiating: Promise<void> | null = null;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#connection = new RTCPeerConnection({
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
      iceServers: options.iceServers ?? [],
    });
    this.#connection.addEventListener("connectionstatechange", () => this.#watch());
    options.signalling.onWanted = (wanted) => this.#want(wanted);
    options.signalling.onBound = (bound) => this.#bind(bound);
  }

  /** Begins with these sources, in one offer. Resolves when the node has answered. */
  async start(tracks: Partial<Record<Source, MediaStreamTrack>>): Promise<void> {
    for (const [source, track] of Object.entries(tracks) as [Source, MediaStreamTrack][]) {
      this.#place(source, track);
    }
    this.#grow(this.#options.receive ?? { audio: 1, video: 1 });
    await this.#negotiate();
  }

  /** Publishes a source, or puts another track in its place: another device, another screen. */
  async publish(source: Source, track: MediaStreamTrack): Promise<void> {
    if (this.#closed) return;
    const transceiver = this.#sources.get(source);
    if (transceiver === undefined) {
      this.#place(source, track);
      return this.#negotiate();
    }
    await transceiver.sender.replaceTrack(track);
    if (transceiver.direction !== "sendonly") {
      transceiver.direction = "sendonly";
      await this.#negotiate();
    }
  }

  /** Ends a source; its m-line waits for the next time. */
  async unpublish(source: Source): Promise<void> {
    const transceiver = this.#sources.get(source);
    if (this.#closed || transceiver === undefined || transceiver.direction === "inactive") return;
    transceiver.direction = "inactive";
    await transceiver.sender.replaceTrack(null);
    await this.#negotiate();
  }

  /** The m-line of a source: its name towards the room. `null` before the first answer. */
  mid(source: Source): string | null {
    return this.#sources.get(source)?.mid ?? null;
  }

  /** The media track of each receiving m-line, whether it shows something now or not. */
  get media(): ReadonlyMap<string, MediaStreamTrack> {
    const named = this.#receivers.filter((receiver) => receiver.mid !== null);
    return new Map(named.map((receiver) => [receiver.mid as string, receiver.receiver.track]));
  }

  /** What each receiving m-line shows, as the node said last. */
  get shown(): ReadonlyMap<string, string | null> {
    return this.#bound;
  }

  /** Whether media flows. */
  get flow(): Flow {
    return this.#flow;
  }

  /** Figures of the connection, for a quality sign and for noticing silence. */
  stats(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  /**
   * Packets received so far, of media and, where the browser counts them, of everything else: who
   * only sends hears of the node by its reports. If it stands still, nobody is there.
   */
  async packetsReceived(): Promise<number> {
    let packets = 0;
    (await this.stats()).forEach((entry: { type: string; packetsReceived?: number }) => {
      if (entry.type === "inbound-rtp" || entry.type === "transport") packets += entry.packetsReceived ?? 0;
    });
    return packets;
  }

  /** Ends the connection. The tracks that were published belong to the caller and go on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.signalling.onWanted = null;
    this.#options.signalling.onBound = null;
    this.#connection.close();
  }

  #place(source: Source, track: MediaStreamTrack): void {
    const kind = kindOf(source);
    if (source === "screen") track.contentHint = "detail";
    const transceiver = this.#connection.addTransceiver(track, {
      direction: "sendonly",
      sendEncodings: [{ maxBitrate: BITRATE[source] }],
    });
    preferCarried(transceiver, kind);
    this.#sources.set(source, transceiver);
  }

  #grow(wanted: Wanted): boolean {
    let grew = false;
    for (const kind of ["audio", "video"] as const) {
      const have = () => this.#receivers.filter((r) => r.receiver.track.kind === kind).length;
      while (have() < wanted[kind] && this.#receivers.length + this.#sources.size < LINES_MAX) {
        const transceiver = this.#connection.addTransceiver(kind, { direction: "recvonly" });
        preferCarried(transceiver, kind);
        this.#receivers.push(transceiver);
        grew = true;
      }
    }
    return grew;
  }

  #want(wanted: Wanted): void {
    if (this.#closed || !this.#grow(wanted)) return;
    this.#negotiate().catch((fault: unknown) => this.#options.onFault?.(fault));
  }

  #bind(bound: Bound): void {
    if (this.#closed) return;
    this.#bound.set(bound.mid, bound.track);
    const media = this.media.get(bound.mid);
    if (media !== undefined) this.#options.onShown?.(bound.mid, media, bound.track);
  }

  /** P1: joins the offer under way, or begins one; resolves when all changes are answered. */
  #negotiate(): Promise<void> {
    this.#stale = true;
    this.#negotiating ??= this.#offerUntilFresh().finally(() => {
      this.#negotiating = null;
    });
    return this.#negotiating;
  }

  async #offerUntilFresh(): Promise<void> {
    while (this.#stale && !this.#closed) {
      // What is changed in this turn of the event loop goes into one offer.
      await Promise.resolve();
      this.#stale = false;
      await this.#connection.setLocalDescription(await this.#connection.createOffer());
      try {
        // The node learns our address from our checks, so no candidate is waited for.
        const sdp = this.#connection.localDescription?.sdp ?? "";
        const answer = await this.#options.signalling.offer(sdp);
        if (this.#closed) return;
        await this.#connection.setRemoteDescription({ type: "answer", sdp: answer });
      } catch (fault) {
        if (this.#closed) return;
        if (this.#connection.signalingState === "have-local-offer") {
          await this.#connection.setLocalDescription({ type: "rollback" });
        }
        throw fault;
      }
    }
  }

  #watch(): void {
    if (this.#closed) return;
    const flows: Record<RTCPeerConnectionState, Flow> = {
      new: "connecting",
      connecting: "connecting",
      connected: "flowing",
      disconnected: "interrupted",
      failed: "lost",
      closed: "lost",
    };
    const flow = flows[this.#connection.connectionState];
    if (flow === this.#flow) return;
    this.#flow = flow;
    this.#options.onFlow?.(flow);
  }
}
