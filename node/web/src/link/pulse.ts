/**
 * Whether the other end of a line is still there.
 *
 * A process that dies closes its sockets, and the browser hears of it at once. A machine that dies,
 * or hangs, says nothing at all. So whoever waits for an answer asks the node itself, and gives it
 * up when even that is not answered in the time such answers have taken so far.
 *
 * # Invariants
 * - **S1** A line is never given up while anything is heard on it.
 * - **S2** A clock that jumped, or a page that was stopped, is no reason: one more round is granted.
 */

/** An answer is waited for so long before the node itself is asked. */
const DOUBT_MS = 200;
/** The shortest and the longest time the node has to say that it is there. */
const PATIENCE_MS = { least: 600, most: 3000 } as const;
/** Who said that it is there is asked again after this long, while the answer still does not come. */
const AGAIN_MS = 500;
/** A quiet line is asked now and then. */
const IDLE_MS = 10_000;
/** How often a doubtful line is looked at, and how late a look may be. */
const LOOK_MS = 100;
const LATE_MS = 400;

/** What a pulse needs of its line. */
export interface Heart {
  /** Asks; false when the line takes nothing. */
  ping(): boolean;
  /** Since when the oldest ask waits. */
  waits(): number | null;
  /** Nobody is there. */
  dead(): void;
}

/** The pulse of one line. */
export class Pulse {
  readonly #heart: Heart;
  #heard = Date.now();
  #asked: number | null = null;
  #answered = 0;
  #mean: number | null = null;
  #spread = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  #stopped = false;

  constructor(heart: Heart) {
    this.#heart = heart;
    this.#look(IDLE_MS);
  }

  /** How long the node has, by what its answers took so far. */
  get patience(): number {
    const { least, most } = PATIENCE_MS;
    if (this.#mean === null) return least;
    return Math.min(most, Math.max(least, 2 * this.#mean + 4 * this.#spread));
  }

  /** Something came. */
  heard(pong: boolean): void {
    this.#heard = Date.now();
    if (pong && this.#asked !== null) this.#learn(this.#heard - this.#asked);
    if (pong) this.#answered = this.#heard;
    this.#asked = null;
  }

  /** Something was asked, or something makes one doubt: looks closely from now on. */
  doubt(now = false): void {
    if (this.#stopped) return;
    if (now && this.#asked === null) this.#ask();
    this.#look(LOOK_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #look(after: number): void {
    if (this.#stopped) return;
    const due = Date.now() + after;
    if (this.#timer !== undefined && this.#due <= due) return; // comes sooner anyway
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#looked(), after);
  }

  #looked(): void {
    this.#timer = undefined;
    const now = Date.now();
    if (now - this.#due > LATE_MS && this.#asked !== null) this.#asked = now; // S2
    if (this.#asked !== null && now - this.#asked >= this.patience) {
      this.stop();
      return this.#heart.dead(); // S1: hearing anything takes the question back
    }
    const since = this.#heart.waits();
    const waits =
      since !== null && now - Math.max(since, this.#heard) >= DOUBT_MS && now - this.#answered >= AGAIN_MS;
    if (this.#asked === null && (waits || now - this.#heard >= IDLE_MS)) this.#ask();
    this.#look(this.#asked !== null || since !== null ? LOOK_MS : IDLE_MS);
  }

  #ask(): void {
    if (this.#heart.ping()) this.#asked = Date.now();
  }

  /** Mean and spread as TCP keeps them (RFC 6298). */
  #learn(took: number): void {
    if (this.#mean === null) {
      this.#mean = took;
      this.#spread = took / 2;
      return;
    }
    this.#spread += (Math.abs(took - this.#mean) - this.#spread) / 4;
    this.#mean += (took - this.#mean) / 8;
  }
}
