/**
 * Journeys in real browsers against the real node: one file after the other, each with a node and
 * a data folder of its own. Nothing is tried twice: what fails once, fails.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"],
    environment: "node",
    fileParallelism: false,
    maxConcurrency: 1,
    retry: 0,
    testTimeout: 90_000,
    hookTimeout: 90_000,
    teardownTimeout: 20_000,
    reporters: ["verbose"],
  },
});
