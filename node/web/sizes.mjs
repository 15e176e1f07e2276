/**
 * How much a browser must fetch before a page works, held against the gates.
 *
 * Walks Vite's manifest: an entry with everything it imports at once, plus, for "in the call", the
 * room that is fetched afterwards. JavaScript and CSS are counted as gzip -9 makes them.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const DIST = new URL("./dist/", import.meta.url);
const KB = 1024;

/** What is fetched, its goal and its gate in KB of gzip. */
const ROUTES = [
  { name: "lobby", roots: ["room.html"], goal: 40, gate: 45 },
  {
    name: "in the call",
    roots: ["room.html", "src/room/place.svelte.ts", "src/room/Wait.svelte", "src/room/Room.svelte"],
    goal: 90,
    gate: 110,
  },
  { name: "start page", roots: ["app.html", "src/tenant/Start.svelte"], goal: 45, gate: 60 },
  { name: "operator", roots: ["operator.html"], goal: 45, gate: 60 },
];
const CSS_GATE = 15;

const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", DIST), "utf8"));

/** The gzipped size of one built file. */
function size(file) {
  return gzipSync(readFileSync(new URL(file, DIST)), { level: 9 }).length / KB;
}

/** Every chunk that these roots need at once. */
function needed(roots) {
  const seen = new Set();
  const visit = (key) => {
    if (seen.has(key)) return;
    seen.add(key);
    const chunk = manifest[key];
    if (!chunk) throw new Error(`the manifest knows no ${key}; was the page renamed?`);
    chunk.imports?.forEach(visit);
  };
  roots.forEach(visit);
  return [...seen].map((key) => manifest[key]);
}

const sum = (files) => [...new Set(files)].reduce((total, file) => total + size(file), 0);

let good = true;
for (const { name, roots, goal, gate } of ROUTES) {
  const chunks = needed(roots);
  const js = sum(chunks.map((chunk) => chunk.file));
  const css = sum(chunks.flatMap((chunk) => chunk.css ?? []));
  const verdict = js > gate || css > CSS_GATE ? "TOO LARGE" : js > goal ? "above the goal" : "good";
  good &&= verdict !== "TOO LARGE";
  console.log(
    `${name.padEnd(12)} ${js.toFixed(1).padStart(6)} KB js (goal ${goal}, gate ${gate})  ` +
      `${css.toFixed(1).padStart(5)} KB css (gate ${CSS_GATE})  ${verdict}`,
  );
}
process.exit(good ? 0 : 1);
