/** Facts about a call that only the browser itself can tell: frames, sound, the colour of a picture. */
import { expect } from "vitest";

/** A page of either browser engine. */
export interface Seen {
  evaluate<Result>(look: () => Result | Promise<Result>): Promise<Result>;
  evaluate<Result, Given>(look: (given: Given) => Result | Promise<Result>, given: Given): Promise<Result>;
}

/** What arrives at this browser, over all its connections that stand. */
export interface Inbound {
  readonly frames: number;
  readonly energy: number;
}

declare global {
  interface Window {
    konsilCalls: RTCPeerConnection[];
    konsilSockets: number;
  }
}

/** How long media may take until it flows, on a machine that is busy. */
export const FLOW_MS = 30_000;

/** Keeps every connection of the page; runs before the page's own scripts. */
export function keepCalls(): void {
  const Native = RTCPeerConnection;
  window.konsilCalls = [];
  window.RTCPeerConnection = class extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      window.konsilCalls.push(this);
    }
  };
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    console.error(`policy violated: ${violatedDirective} ${blockedURI}`);
  });
}

/** Counts the page's open sockets; runs before the page's own scripts. */
export function countSockets(): void {
  const Native = WebSocket;
  // One that never opened closes, too.
  const open = new Set<WebSocket>();
  window.konsilSockets = 0;
  window.WebSocket = class extends Native {
    constructor(url: string | URL) {
      super(url);
      const count = () => (window.konsilSockets = open.size);
      this.addEventListener("open", () => (open.add(this), count()));
      this.addEventListener("close", () => (open.delete(this), count()));
    }
  };
}

/** What has arrived so far. */
export function inbound(page: Seen): Promise<Inbound> {
  return page.evaluate(async () => {
    let [frames, energy] = [0, 0];
    for (const call of window.konsilCalls.filter((one) => one.connectionState === "connected")) {
      (await call.getStats()).forEach((entry) => {
        if (entry.type !== "inbound-rtp") return;
        frames += entry.framesDecoded ?? 0;
        energy += entry.totalAudioEnergy ?? 0;
      });
    }
    return { frames, energy };
  });
}

/** Frames are decoded and sound is heard: both rise between two looks. */
export async function mediaFlows(page: Seen, what: "both" | "frames" = "both"): Promise<void> {
  let before = await inbound(page);
  const polled = { timeout: FLOW_MS, interval: 250, message: "frames and sound arrive" };
  await expect
    .poll(async () => {
      const now = await inbound(page);
      // Another connection counts from zero: then the next look compares with this one.
      if (now.frames < before.frames || now.energy < before.energy) before = now;
      const heard = what === "frames" || now.energy > before.energy;
      return { frames: now.frames > before.frames + 5, heard };
    }, polled)
    .toEqual({ frames: true, heard: true });
}

/** Nothing is heard any more: between two looks, longer apart than the fake beep, no sound came. */
export async function isSilent(page: Seen): Promise<void> {
  let last = Number.NEGATIVE_INFINITY;
  const heard = async () => {
    const { energy } = await inbound(page);
    const since = energy - last;
    last = energy;
    return since;
  };
  await expect.poll(heard, { timeout: FLOW_MS, interval: 1500, message: "no sound" }).toBeLessThan(1e-6);
}

/** The part of a picture, 0..1, that is green, and the part that is black. */
export function colours(page: Seen, testid: string): Promise<{ green: number; black: number } | null> {
  return page.evaluate((id) => {
    const video = document.querySelector<HTMLVideoElement>(`video[data-testid="${id}"]`);
    if (!video?.videoWidth) return null;
    const canvas = document.createElement("canvas");
    canvas.width = 64;
    canvas.height = 36;
    const pen = canvas.getContext("2d")!;
    pen.drawImage(video, 0, 0, 64, 36);
    const { data } = pen.getImageData(0, 0, 64, 36);
    let [green, black] = [0, 0];
    for (let at = 0; at < data.length; at += 4) {
      const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
      if (g > r + 40 && g > b + 40) green += 1;
      if (r + g + b < 24) black += 1;
    }
    const all = data.length / 4;
    return { green: green / all, black: black / all };
  }, testid);
}

/** The picture is Chromium's fake camera: mostly green. */
export async function showsFakeCamera(page: Seen, testid: string): Promise<void> {
  const look = async () => (await colours(page, testid))?.green ?? 0;
  await expect.poll(look, { timeout: FLOW_MS, message: `${testid} is green` }).toBeGreaterThan(0.4);
}
