/** What arrives in a call: everybody's tracks, who speaks, how the connection is. */
import { SvelteMap } from "svelte/reactivity";
import type { SessionId, Source } from "../protocol/words";
import type { CallState } from "./call";

/** The incoming side of a call, as the screen draws it. */
export class Pictures {
  state = $state<CallState>("new");
  speaking = $state.raw<readonly SessionId[]>([]);
  readonly #tracks = new SvelteMap<string, MediaStreamTrack>();

  /** What a device shows as one source, if anything. */
  of(session: SessionId, source: Source): MediaStreamTrack | undefined {
    return this.#tracks.get(`${session} ${source}`);
  }

  /** Takes a track in, or away. */
  set(session: SessionId, source: Source, track: MediaStreamTrack | null): void {
    if (track) this.#tracks.set(`${session} ${source}`, track);
    else this.#tracks.delete(`${session} ${source}`);
  }

  /** Everything that is heard, each with a name of its own. */
  get sounds(): [string, MediaStreamTrack][] {
    return [...this.#tracks].filter(([, track]) => track.kind === "audio");
  }

  /** Forgets everything: the call is over. */
  clear(): void {
    this.#tracks.clear();
    this.speaking = [];
    this.state = "new";
  }
}
