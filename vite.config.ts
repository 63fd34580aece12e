import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  plugins: [react()],
  worker: { format: "es" },
  build: { target: "es2023" },
  test: {
    include: ["tests/*.test.ts"],
    environment: "node",
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Software adapters use every core already, and one Dawn instance per process is the supported way.
    fileParallelism: false,
    pool: "forks",
  },
});
