/** What the operator's page asks its node. Nothing of it goes through the socket of people. */
import type { ChangeRefusal, Live, Overview } from "../protocol/operator";

/** What came of a question: an answer, a closed door, or nothing. */
export type Answer<T> =
  | { readonly kind: "told"; readonly value: T }
  | { readonly kind: "closed" }
  | { readonly kind: "silent" }
  | { readonly kind: "refused"; readonly why: ChangeRefusal };

/** No answer within this time is none. */
const PATIENCE_MS = 4000;

/** A one-time link becomes a cookie. */
export const enter = (link: string) => ask<null>("enter", { link });

/** The cookie goes. */
export const leave = () => ask<null>("leave", {});

/** Everything there is to see. */
export const look = () => ask<Overview>("cluster");

/** What moves at every moment. */
export const glance = () => ask<Live>("live");

/** Relieves a node, or does not after all. */
export const drain = (number: number, on: boolean) => ask<null>("drain", { number, on });

async function ask<T>(what: string, body?: unknown): Promise<Answer<T>> {
  try {
    const response = await fetch(`/api/operator/${what}`, {
      method: body === undefined ? "GET" : "POST",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    if (response.status === 401) return { kind: "closed" };
    const text = await response.text();
    if (response.status === 409) return { kind: "refused", why: (JSON.parse(text) as { why: ChangeRefusal }).why };
    if (!response.ok) return { kind: "silent" };
    return { kind: "told", value: (text ? JSON.parse(text) : null) as T };
  } catch {
    return { kind: "silent" };
  }
}
