/** The own screen, while it is shared. */

/** What of the own screen is shared now. */
export class Screen {
  picture = $state.raw<MediaStreamTrack | null>(null);
  sound = $state.raw<MediaStreamTrack | null>(null);

  /** Whether this browser can share at all; phones mostly cannot. */
  static readonly possible = "getDisplayMedia" in (navigator.mediaDevices ?? {});

  /** Asks what to share. A person who changes their mind is no error. */
  async start(): Promise<void> {
    const wish = { video: { frameRate: { ideal: 15 } }, audio: true };
    const stream = await navigator.mediaDevices.getDisplayMedia(wish).catch(() => null);
    if (!stream) return;
    const picture = stream.getVideoTracks()[0] ?? null;
    if (picture) {
      picture.contentHint = "detail"; // text must stay sharp; smoothness comes second
      picture.onended = () => this.stop(); // the browser's own "stop sharing"
    }
    this.picture = picture;
    this.sound = stream.getAudioTracks()[0] ?? null;
  }

  stop(): void {
    if (this.picture) this.picture.onended = null;
    this.picture?.stop();
    this.sound?.stop();
    this.picture = null;
    this.sound = null;
  }
}
