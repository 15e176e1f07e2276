/** Where the page and the socket are. */

/** The socket of the node that served this page. */
export function socketUrl(): string {
  const scheme = location.protocol === "http:" ? "ws" : "wss";
  return `${scheme}://${location.host}/ws`;
}

/** The room in a path such as `/room/room_01…`, if there is one. */
export function roomInPath(path: string): string | null {
  return /^\/room\/(room_[0-9a-hjkmnp-tv-z]{26})$/.exec(path)?.[1] ?? null;
}

/** The guest link's secret: behind `#`, so that it never reaches a log. */
export function linkInHash(hash: string): string | null {
  if (hash.length < 2) return null;
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return hash.slice(1); // whatever it is, the node says that it is no link
  }
}
