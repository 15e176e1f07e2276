/**
 * Figures that only real browsers can tell, for `cargo xtask bench cluster`: see there how it is
 * started and where the figures go.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.figures.ts"],
    environment: "node",
    fileParallelism: false,
    retry: 0,
    // The end in time is the caller's.
    testTimeout: 0,
    hookTimeout: 90_000,
    teardownTimeout: 20_000,
    reporters: ["verbose"],
  },
});
