/**
 * How the pages are built: three entries, hashed assets, a manifest, nothing inlined.
 *
 * The security policy forbids inline script, inline style and `data:` fonts, so nothing may be
 * folded into the HTML, and the preload polyfill (an inline-era helper) stays out.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/** Where a developer's node listens; only `npm run dev` uses it. */
const NODE = "https://localhost:8443";

/** Comments and blank lines of the texts are for their authors. */
const texts = {
  name: "texts",
  enforce: "pre" as const,
  load(id: string): string | undefined {
    if (!id.endsWith(".ftl?raw")) return undefined;
    const lines = readFileSync(id.slice(0, -"?raw".length), "utf8").split("\n");
    const kept = lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
    return `export default ${JSON.stringify(kept.join("\n"))}`;
  },
};

/** Below this a packed answer is hardly smaller than a plain one. */
const PACKED_FROM = 1024;

/** Text is packed once, here, as well as it can be; the node hands it out as it lies. */
const packed = {
  name: "packed",
  apply: "build" as const,
  writeBundle({ dir = "dist" }: { dir?: string }): void {
    const names = readdirSync(dir, { recursive: true, encoding: "utf8" });
    for (const name of names.filter((one) => /\.(html|js|css|svg)$/.test(one))) {
      const path = join(dir, name);
      const plain = readFileSync(path);
      if (plain.length < PACKED_FROM) continue;
      const params = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
      writeFileSync(`${path}.br`, brotliCompressSync(plain, { params }));
      writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
    }
  },
};

export default defineConfig({
  plugins: [texts, svelte(), packed],
  build: {
    target: "es2022",
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { room: "room.html", app: "app.html", operator: "operator.html" } },
  },
  server: {
    proxy: {
      "/api": { target: NODE, secure: false },
      "/ws": { target: NODE, secure: false, ws: true },
    },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
