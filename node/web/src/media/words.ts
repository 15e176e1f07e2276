/** Every no of the media path and of the own devices, as keys of sentences. */
import type { MediaRefusal } from "../protocol/words";
import type { Hindrance } from "./hindrance";

export const MEDIA_REFUSALS: Record<MediaRefusal, string> = {
  notSeated: "media-refused-not-seated",
  badOffer: "media-refused-bad-offer",
  full: "media-refused-full",
};

export const HINDRANCES: Record<Hindrance, string> = {
  denied: "device-denied",
  missing: "device-missing",
  busy: "device-busy",
  unsupported: "device-unsupported",
};
