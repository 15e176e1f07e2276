/**
 * Ids a browser makes: messages and files. A UUIDv7 (RFC 9562) as a prefix and 26 letters of
 * Crockford's base 32, the text form of `protocol/src/id.rs`.
 */

const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN = 26;

/** What a browser may name itself. */
export type Prefix = "message" | "file";

/** A new id from a moment and ten bytes of chance, both handed in so that tests can fix them. */
export function newId(
  prefix: Prefix,
  now: number = Date.now(),
  chance: Uint8Array = crypto.getRandomValues(new Uint8Array(10)),
): string {
  const bytes = [...chance];
  const top = ((BigInt(bytes[0]!) << 8n) | BigInt(bytes[1]!)) & 0xfffn;
  let low = 0n;
  for (const byte of bytes.slice(2)) low = (low << 8n) | BigInt(byte);
  const variant = (low & 0x3fff_ffff_ffff_ffffn) | 0x8000_0000_0000_0000n;
  const bits = (BigInt(now) << 80n) | (0x7n << 76n) | (top << 64n) | variant;
  return `${prefix}_${letters(bits)}`;
}

/** The 26 letters of 128 bits. */
export function letters(bits: bigint): string {
  let text = "";
  for (let place = TEXT_LEN - 1; place >= 0; place -= 1) {
    text += LETTERS[Number((bits >> BigInt(5 * place)) & 31n)];
  }
  return text;
}

/** Chance for the `request` of an ask: the same on every retry, never the same twice. */
export function newRequest(): string {
  return crypto.randomUUID();
}

/** The room of a case: a case, its room and its conversation share their letters. */
export function roomOf(of: string): string {
  return `room_${of.slice(of.indexOf("_") + 1)}`;
}

/** The conversation of a case or of a room. */
export function conversationOf(of: string): string {
  return `conversation_${of.slice(of.indexOf("_") + 1)}`;
}
