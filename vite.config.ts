import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  plugins: [react()],
  worker: { format: "es" },
  build: { target: "es2023" },
  // What only a worker imports would be found when it is first asked for, and the development server would reload the page.
  optimizeDeps: { entries: ["index.html", "src/*/worker.ts"] },
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
