/**
 * The own camera, microphone and speaker.
 *
 * Switching the camera off stops it, so that its light goes out; switching the microphone off
 * keeps it open and silent, so that it is back at once. Nothing is remembered on the device.
 */
import { hindrance, type Hindrance } from "./hindrance";

const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

type Kind = "camera" | "microphone";

/** What this device can show and say. */
export class Devices {
  camera = $state.raw<MediaStreamTrack | null>(null);
  microphone = $state.raw<MediaStreamTrack | null>(null);
  /** What the person wants, whether or not a device is there. */
  cameraOn = $state(true);
  microphoneOn = $state(true);
  cameraProblem = $state<Hindrance | null>(null);
  microphoneProblem = $state<Hindrance | null>(null);
  /** The browser's question is open. */
  asking = $state(false);
  cameraId = $state("");
  microphoneId = $state("");
  speakerId = $state("");
  all = $state.raw<readonly MediaDeviceInfo[]>([]);

  #started = false;

  /** Asks for both, and for each alone when both together are refused. */
  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    const media = navigator.mediaDevices as MediaDevices | undefined;
    if (!media?.getUserMedia) {
      this.cameraProblem = this.microphoneProblem = "unsupported";
      return;
    }
    media.addEventListener("devicechange", () => void this.#list());
    await this.again();
  }

  /** Asks once more, after the person changed something. */
  async again(): Promise<void> {
    this.asking = true;
    const wanted = { video: this.cameraOn && !this.camera, audio: !this.microphone };
    if (wanted.video && wanted.audio) {
      try {
        const video = this.#wish("camera");
        const audio = this.#wish("microphone");
        const stream = await navigator.mediaDevices.getUserMedia({ video, audio });
        this.#take("camera", stream.getVideoTracks()[0]);
        this.#take("microphone", stream.getAudioTracks()[0]);
      } catch {
        await this.#open("microphone");
        await this.#open("camera");
      }
    } else {
      if (wanted.audio) await this.#open("microphone");
      if (wanted.video) await this.#open("camera");
    }
    this.asking = false;
    await this.#list();
  }

  /** Uses another camera or microphone. */
  async choose(kind: Kind, id: string): Promise<void> {
    if (kind === "camera") this.cameraId = id;
    else this.microphoneId = id;
    if (kind === "camera" && !this.cameraOn) return;
    this.#drop(kind);
    await this.#open(kind);
  }

  /** Switches the camera. */
  async showMe(on: boolean): Promise<void> {
    this.cameraOn = on;
    if (!on) this.#drop("camera");
    else if (!this.camera) await this.#open("camera");
  }

  /** Switches the microphone. */
  async hearMe(on: boolean): Promise<void> {
    this.microphoneOn = on;
    if (this.microphone) this.microphone.enabled = on;
    else if (on) await this.#open("microphone");
  }

  /** The devices of one kind that can be chosen. */
  list(kind: MediaDeviceKind): readonly MediaDeviceInfo[] {
    return this.all.filter((one) => one.kind === kind && one.deviceId !== "");
  }

  /** Lets go of everything. */
  stop(): void {
    this.#drop("camera");
    this.#drop("microphone");
    this.#started = false;
  }

  #wish(kind: Kind): MediaTrackConstraints {
    const id = kind === "camera" ? this.cameraId : this.microphoneId;
    const wish = kind === "camera" ? PICTURE : SOUND;
    return id ? { ...wish, deviceId: { exact: id } } : wish;
  }

  async #open(kind: Kind): Promise<void> {
    try {
      const wish = this.#wish(kind);
      const both = kind === "camera" ? { video: wish } : { audio: wish };
      const stream = await navigator.mediaDevices.getUserMedia(both);
      this.#take(kind, stream.getTracks()[0]);
    } catch (thrown) {
      this.#hinder(kind, hindrance(thrown));
    }
  }

  #take(kind: Kind, track: MediaStreamTrack | undefined): void {
    if (!track) return this.#hinder(kind, "missing");
    const id = track.getSettings().deviceId ?? "";
    if (kind === "camera" && !this.cameraOn) return track.stop(); // switched off meanwhile
    // A device that is pulled out ends its track; the person is told, and may choose another.
    track.onended = () => {
      this.#drop(kind);
      this.#hinder(kind, "missing");
    };
    if (kind === "camera") {
      this.camera = track;
      this.cameraId = id;
      this.cameraProblem = null;
    } else {
      track.enabled = this.microphoneOn;
      this.microphone = track;
      this.microphoneId = id;
      this.microphoneProblem = null;
    }
  }

  #hinder(kind: Kind, why: Hindrance): void {
    if (kind === "camera") this.cameraProblem = why;
    else this.microphoneProblem = why;
  }

  #drop(kind: Kind): void {
    const track = kind === "camera" ? this.camera : this.microphone;
    if (track) track.onended = null;
    track?.stop();
    if (kind === "camera") this.camera = null;
    else this.microphone = null;
  }

  async #list(): Promise<void> {
    this.all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  }
}
