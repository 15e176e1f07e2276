/** The real node as a child of a test. Only this child is ever ended. */
import type { Overview } from "../src/protocol/operator";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BINARY =
  process.env["KONSIL_BIN"] ?? fileURLToPath(new URL("../../../target/debug/konsil", import.meta.url));
const START_MS = 60_000;
const STOP_MS = 20_000;

/** What gets one in; see `node/src/dev.rs`. */
export interface Demo {
  readonly url: string;
  readonly login: string;
  readonly password: string;
  readonly case: string;
  readonly guest: string;
}

/** A node with a data folder and a port that outlive it, so that it can be started again. */
export class RealNode {
  readonly data = mkdtempSync(join(tmpdir(), "konsil-e2e-"));
  readonly #port: number;
  readonly #nodes: number;
  #child: ChildProcess | null = null;
  readonly #revived = new Map<number, ChildProcess>();
  #said = "";
  demo!: Demo;

  private constructor(port: number, nodes = 1) {
    this.#port = port;
    this.#nodes = nodes;
  }

  /** A fresh node. */
  static async fresh(): Promise<RealNode> {
    const node = new RealNode(await freePort());
    await node.start();
    return node;
  }

  /** Fresh nodes on this machine, each a process of its own. */
  static async several(nodes: number): Promise<RealNode> {
    for (;;) {
      const port = await freePort();
      const others = Array.from({ length: nodes - 1 }, (_, place) => port + place + 1);
      if (!(await Promise.all(others.map(isFree))).every(Boolean)) continue;
      const node = new RealNode(port, nodes);
      await node.start();
      return node;
    }
  }

  /** The address of one of several, counted from 1. */
  address = (of: number): string => `https://localhost:${this.#port + of - 1}`;

  /** The process of one of several, as it was printed, or as it was revived. */
  process = (of: number): number =>
    this.#revived.get(of)?.pid ?? Number(new RegExp(`Node ${of}\\s.*process (\\d+)`).exec(this.#said)![1]);

  /** Starts one of several again that was killed, as an operator would. */
  revive(of: number): void {
    const child = spawn(BINARY, ["node", "--config", join(this.data, `node-${of}.toml`)], { stdio: "ignore" });
    const last = () => child.kill("SIGKILL");
    process.once("exit", last);
    child.once("exit", () => process.off("exit", last));
    this.#revived.set(of, child);
  }

  /** The one of several that carries a call of two, as another one sees it; 0 when there is none. */
  carrier(ask: number): number {
    const { overview } = JSON.parse(this.order(ask, "status", "--json")) as { overview: Overview };
    const node = overview.nodes.find((one) => one.figures.calls === 2);
    return Number(node?.name.slice("node-".length) ?? 0);
  }

  /** Whether any one of them may die, and nothing moves: every shard on two, votes to spare. */
  mayDie(ask: number): boolean {
    const status = this.order(ask, "status");
    const up = (of: number) => new RegExp(`node-${of} .* yes `).test(status);
    const all = Array.from({ length: this.#nodes }, (_, place) => up(place + 1)).every(Boolean);
    return /Any one node may die/.test(status) && /256 whole, 0 moving/.test(status) && all;
  }

  /** Orders the cluster about, or asks it, as an operator does, at one of several. */
  order(at: number, ...words: string[]): string {
    const data = this.#nodes === 1 ? this.data : join(this.data, `node-${at}`);
    return execFileSync(BINARY, ["cluster", "--data", data, ...words], { encoding: "utf8" });
  }

  /** Starts it on its data and waits for the frame that says how to get in. */
  async start(): Promise<void> {
    if (!existsSync(BINARY)) {
      throw new Error(`${BINARY} is missing: run \`cargo build --locked -p node\` first.`);
    }
    const child = spawn(BINARY, ["dev", "--nodes", String(this.#nodes), "--data", this.data, "--port", String(this.#port)]);
    this.#child = child;
    const last = () => child.kill("SIGKILL"); // a test that is broken off leaves nobody behind
    process.once("exit", last);
    child.once("exit", () => process.off("exit", last));
    this.#said = "";
    await new Promise<void>((ready, failed) => {
      const fail = (why: string) => failed(new Error(`the node ${why}:\n${this.#said}`));
      const timer = setTimeout(() => fail("does not start"), START_MS);
      const hear = (words: Buffer) => {
        this.#said += words.toString();
        if (!this.#said.includes("╯")) return;
        clearTimeout(timer);
        ready();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("error", ({ message }) => fail(message));
      child.once("exit", (code) => fail(`ended with ${code}`));
    });
    this.demo = JSON.parse(readFileSync(join(this.data, "demo.json"), "utf8")) as Demo;
  }

  /** Ends it, politely or not, and waits until it is gone. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.kill(signal);
    await gone;
    clearTimeout(timer);
  }

  /** Ends it for good, with its data. */
  async end(): Promise<void> {
    for (const child of this.#revived.values()) child.kill("SIGKILL");
    await this.stop();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** What it printed since it was started. */
  get said(): string {
    return this.#said;
  }
}

/** Whether this port is free for TCP and for UDP. */
const isFree = (port: number): Promise<boolean> => freePort(port).then(() => true, () => false);

/** A port that is free for TCP and for UDP: this one, or any. */
async function freePort(wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const socket = createSocket("udp4");
  try {
    socket.bind(port);
    await once(socket, "listening");
    return port;
  } catch (taken) {
    if (wanted !== 0) throw taken;
    return await freePort();
  } finally {
    socket.close();
    server.close();
    await once(server, "close");
  }
}
