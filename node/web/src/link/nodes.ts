/**
 * Where the nodes are, and which one is tried next.
 *
 * # Invariants
 * - **D1** Nobody is gone to but the page's own node and the nodes it named.
 * - **D2** Who failed lately is tried after those who did not; among equals chance decides, so that
 *   the browsers of a node that died spread over the rest.
 */

/** The part of the storage that is needed: of this tab, gone with it. */
type Kept = Pick<Storage, "getItem" | "setItem">;

const KEY = "konsil-nodes";
/** More nodes than any cluster has. */
const MOST = 32;
/** A failure is held against a node for so long. */
const GRUDGE_MS = 15_000;

/** The socket of a node. */
export const socketOf = (node: string): string => `${node.replace(/^http/, "ws")}/ws`;

/** The node of a socket. */
export const nodeOf = (socket: string): string => socket.replace(/^ws/, "http").replace(/\/ws$/, "");

/** The nodes one page knows. */
export class Nodes {
  /** Whose page this is: the cookie counts there. */
  readonly home: string;
  readonly #kept: Kept | null;
  readonly #failed = new Map<string, number>();
  #all: readonly string[];

  constructor(home: string, kept: Kept | null = ofThisTab()) {
    this.home = home;
    this.#kept = kept;
    this.#all = plain(read(kept));
  }

  /** Takes the list of those who serve. */
  learn(nodes: readonly string[]): void {
    this.#all = plain(nodes);
    try {
      this.#kept?.setItem(KEY, JSON.stringify(this.#all));
    } catch {
      // Storage is full or forbidden: the list holds for this page.
    }
  }

  /** Whether somebody else serves than this one. */
  elsewhere(node: string): boolean {
    return this.#all.some((one) => one !== node);
  }

  /** Whether a node is still among those who serve. */
  serves(node: string): boolean {
    return this.#all.includes(node);
  }

  /** This node did not answer. */
  failed(node: string): void {
    this.#failed.set(node, Date.now());
  }

  /** This node answers. */
  answers(node: string): void {
    this.#failed.delete(node);
  }

  /** A node that is none of these, best first (D2); `abroad` allows others than the own one. */
  pick(not: readonly (string | null)[], abroad: boolean, chance: () => number = Math.random): string | null {
    const all = new Set(abroad ? [this.home, ...this.#all] : [this.home]);
    const left = [...all].filter((node) => !not.includes(node)).map((node) => ({ node, order: chance() + this.#grudge(node) }));
    return left.sort((a, b) => a.order - b.order)[0]?.node ?? null;
  }

  #grudge(node: string): number {
    const at = this.#failed.get(node);
    return at !== undefined && Date.now() - at < GRUDGE_MS ? 1 : 0;
  }
}

/** Only whole origins, each once, and not without end. */
function plain(nodes: readonly unknown[]): string[] {
  const origins = nodes.filter((node): node is string => typeof node === "string" && /^https?:\/\/[^/?#]+$/.test(node));
  return [...new Set(origins)].slice(0, MOST);
}

function read(kept: Kept | null): unknown[] {
  try {
    const list: unknown = JSON.parse(kept?.getItem(KEY) ?? "[]");
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

function ofThisTab(): Kept | null {
  try {
    return sessionStorage;
  } catch {
    return null; // forbidden, or no browser
  }
}
