/**
 * Messages that were written and not yet acknowledged: they survive a reload, a flat battery and
 * a train tunnel. Ids are made when the message is written, so sending one twice is one message.
 *
 * A browser that forbids its database (private windows) loses only this, never the sending.
 */
import type { ConversationId, FileId, MessageId, PersonId } from "../protocol/words";

/** A message on its way. */
export interface Unsent {
  readonly message: MessageId;
  readonly conversation: ConversationId;
  readonly by: PersonId;
  readonly text: string;
  readonly files: FileId[];
  readonly at: number;
}

const NAME = "konsil";
const STORE = "outbox";

let opened: Promise<IDBDatabase | null> | undefined;

function open(): Promise<IDBDatabase | null> {
  opened ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "message" });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
      request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

async function run<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T | null> {
  const base = await open();
  if (!base) return null;
  return new Promise((resolve) => {
    try {
      const request = act(base.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

/** Keeps a message until it is acknowledged. */
export const put = (unsent: Unsent) => run("readwrite", (store) => store.put(unsent));

/** Forgets a message: it is acknowledged, refused, or given up. */
export const drop = (message: MessageId) => run("readwrite", (store) => store.delete(message));

/** Forgets everything: nobody's words stay behind after signing out. */
export const clear = () => run("readwrite", (store) => store.clear());

/** What this person wrote in this conversation and was not acknowledged, oldest first. */
export async function unsent(conversation: ConversationId, by: PersonId): Promise<Unsent[]> {
  const all = (await run("readonly", (store) => store.getAll() as IDBRequest<Unsent[]>)) ?? [];
  return all
    .filter((one) => one.conversation === conversation && one.by === by)
    .sort((a, b) => a.at - b.at);
}
