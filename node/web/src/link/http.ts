/** The few things that do not go through the socket: sign-in, guest links, file bytes. */
import type { FileView, Fault, Refusal, Reply } from "../protocol/words";

/** What a guest link opens, seen before entering. */
export interface LinkSight {
  readonly title: string;
  readonly expert: string;
  readonly until: number;
  readonly case: string;
  readonly room: string;
  readonly conversation: string;
}

/** Where a guest is after entering. */
export type Entered = Pick<LinkSight, "case" | "room" | "conversation">;

/** No, by the rules or by the world. */
export type No =
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "faulted"; readonly fault: Fault };

/** What came of a call. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly no: No };

/** Signs in; the cookie comes with the answer. */
export const signIn = (login: string, password: string) => post<null>("/api/sign-in", { login, password });

/** Signs out; the cookie is worthless from then on. */
export const signOut = () => post<null>("/api/sign-out", {});

/** Looks at a guest link without entering. */
export const look = (link: string) => post<LinkSight>("/api/link", { link });

/** Enters by a guest link; the cookie comes with the answer. */
export const enter = (link: string, name: string) => post<Entered>("/api/enter", { link, name });

/** Whether the cookie is worthless: the socket's address says 401 to a plain request too. */
export async function sessionIsOver(): Promise<boolean> {
  try {
    return (await fetch("/ws", { cache: "no-store" })).status === 401;
  } catch {
    return false; // no network is no answer
  }
}

async function post<T>(path: string, body: unknown): Promise<Outcome<T>> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return outcome<T>(response.ok, await response.text());
  } catch {
    return { ok: false, no: { kind: "faulted", fault: "timeout" } };
  }
}

/** Reads a body: what was asked for, or a `Reply` that says no. */
function outcome<T>(ok: boolean, text: string): Outcome<T> {
  try {
    if (ok) return { ok, value: (text ? JSON.parse(text) : null) as T };
    const reply = JSON.parse(text) as Reply;
    if (reply.kind === "refused" || reply.kind === "faulted") return { ok: false, no: reply };
  } catch {
    // Something between us and the node answered in its own words.
  }
  return { ok: false, no: { kind: "faulted", fault: "timeout" } };
}

/** A file on its way up. */
export interface Upload {
  readonly done: Promise<Outcome<FileView>>;
  stop(): void;
}

/** Sends a file; `progress` hears of 0..1. Only XMLHttpRequest knows how far an upload is. */
export function upload(
  conversation: string,
  id: string,
  file: File,
  progress: (part: number) => void,
): Upload {
  const request = new XMLHttpRequest();
  const query = new URLSearchParams({ file: id, name: file.name });
  request.open("POST", `/api/files/${conversation}?${query}`);
  request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
  const done = new Promise<Outcome<FileView>>((resolve) => {
    const finish = () => {
      const ok = request.status >= 200 && request.status < 300;
      resolve(outcome<FileView>(ok, request.responseText));
    };
    request.onload = finish;
    request.onerror = finish;
    request.onabort = finish;
  });
  request.send(file);
  return { done, stop: () => request.abort() };
}

/** Where a file's bytes are. */
export const fileUrl = (conversation: string, file: string) => `/api/files/${conversation}/${file}`;
