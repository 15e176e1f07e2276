/** Puts a track on a `<video>` or `<audio>` element, as a Svelte attachment. */
import type { Attachment } from "svelte/attachments";
import { playOn } from "./sound";

/** Shows a picture; the stream is renewed when the track is another one. */
export function shows(track: MediaStreamTrack | null | undefined): Attachment<HTMLVideoElement> {
  return (element) => {
    element.srcObject = track ? new MediaStream([track]) : null;
    if (track) element.play().catch(() => undefined);
    return () => {
      element.srcObject = null;
    };
  };
}

/** Plays a sound on a speaker; tells when the browser wants the person to touch something first. */
export function plays(
  track: MediaStreamTrack,
  speaker: string,
  silenced: () => void,
): Attachment<HTMLAudioElement> {
  return (element) => {
    element.srcObject = new MediaStream([track]);
    void playOn(element, speaker);
    element.play().catch((thrown: unknown) => {
      if (thrown instanceof Error && thrown.name === "NotAllowedError") silenced();
    });
    return () => {
      element.srcObject = null;
    };
  };
}
