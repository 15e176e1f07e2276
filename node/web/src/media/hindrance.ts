/** Why a camera or a microphone cannot be used, in the four ways a person can do something about. */

export type Hindrance = "denied" | "missing" | "busy" | "unsupported";

/** Reads what the browser threw. */
export function hindrance(thrown: unknown): Hindrance {
  switch (thrown instanceof Error ? thrown.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "unsupported";
  }
}

/** Which browser's way of allowing the camera is told. */
export type Browser = "firefox" | "safari" | "ios" | "android" | "chromium";

/** Guesses the browser from its own name; only the how-to depends on it. */
export function browserOf(agent: string): Browser {
  if (/iPhone|iPad/.test(agent)) return "ios";
  if (/Firefox\//.test(agent)) return "firefox";
  if (/Android/.test(agent)) return "android";
  if (/Safari\//.test(agent) && !/Chrom(e|ium)\//.test(agent)) return "safari";
  return "chromium";
}
