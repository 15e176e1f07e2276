/** The pages on which a visit ends, or cannot begin: what is the matter, and what to do now. */
import type { No } from "../link/http";
import type { Visit } from "./visit.svelte";

/** One such page: keys of its sentences and the way on. */
export interface Farewell {
  readonly kind: string;
  readonly title: string;
  readonly text: string;
  readonly back: "again" | "start" | null;
}

const page = (kind: string, title: string, text: string, back: Farewell["back"]): Farewell => ({
  kind, title, text, back,
});

const PAGES = {
  astray: page("astray", "sorry-astray", "sorry-astray-text", null),
  forged: page("forged", "sorry-forged", "sorry-forged-text", null),
  expired: page("expired", "sorry-expired", "sorry-expired-text", null),
  revoked: page("revoked", "sorry-revoked", "sorry-revoked-text", null),
  closed: page("closed", "sorry-closed", "sorry-closed-text", null),
  world: page("world", "sorry-world", "sorry-world-text", "again"),
  session: page("session", "sorry-session", "sorry-session-text", "start"),
  guestSession: page("session", "sorry-session", "sorry-session-text", null),
  version: page("version", "sorry-version", "sorry-version-text", "again"),
  unknown: page("unknown", "sorry-unknown", "sorry-unknown-text", "start"),
  administrator: page("administrator", "sorry-administrator", "sorry-administrator-text", "start"),
  ended: page("ended", "farewell-ended", "farewell-ended-text", null),
  endedLead: page("ended", "farewell-ended", "farewell-ended-text-expert", "start"),
  rejected: page("rejected", "farewell-rejected", "farewell-rejected-text", null),
  removed: page("removed", "farewell-removed", "farewell-removed-text", null),
  left: page("left", "farewell-left", "farewell-left-text", "again"),
} as const;

/** The page that ends this visit, if it has ended. */
export function farewell(visit: Visit): Farewell | null {
  if (visit.astray) return PAGES.astray;
  if (visit.no) return unopened(visit.no);
  const place = visit.place;
  if (!place) return null;
  const over = place.welcome?.role === "customer" ? PAGES.guestSession : PAGES.session;
  if (place.linkState === "over") return place.why === "version" ? PAGES.version : over;
  if (place.refusal?.kind === "session") return over;
  const why = place.refusal?.why;
  // The table of rights says so before the room is asked.
  const apart = place.refusal?.kind === "rights" || why === "notForAdministrators";
  if (apart) return PAGES.administrator;
  if (place.refusal) return PAGES.unknown;
  if (place.room?.ended) return place.welcome?.role === "expert" ? PAGES.endedLead : PAGES.ended;
  const fate = place.room?.fate;
  return fate ? PAGES[fate] : null;
}

/** Why a guest link does not open. */
function unopened(no: No): Farewell {
  if (no.kind === "faulted") return PAGES.world;
  switch (no.refusal.why) {
    case "linkExpired":
      return PAGES.expired;
    case "linkRevoked":
      return PAGES.revoked;
    case "caseClosed":
      return PAGES.closed;
    default:
      return PAGES.forged;
  }
}
