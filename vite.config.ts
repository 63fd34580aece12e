import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { POLICY } from "./src/store/policy.ts";

/** The policy goes into the built page alone: a development server puts scripts and styles into it. */
const policy: Plugin = {
  name: "policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
    { tag: "meta", attrs: { name: "version", content: "VERSION" }, injectTo: "head" },
  ],
};

const digest = (content: string | Uint8Array): string => `sha256-${createHash("sha256").update(content).digest("base64")}`;

/** Tells the service worker what to copy, and the page of which version it is. */
const offline: Plugin = {
  name: "offline",
  apply: "build",
  enforce: "post",
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      // Tests and benches build pages of their own.
      if (!bundle["index.html"]) return;
      const files = new Map<string, string>();
      for (const entry of readdirSync("public", { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.isFile()) files.set(path.replaceAll("\\", "/").replace(/^public\//, ""), digest(readFileSync(path)));
      }
      for (const [name, file] of Object.entries(bundle)) {
        if (name !== "sw.js" && name !== "index.html") files.set(name, digest(file.type === "chunk" ? file.code : file.source));
      }
      const { "index.html": page, "sw.js": worker } = bundle;
      if (page?.type !== "asset" || worker?.type !== "chunk") throw new Error("index.html or sw.js was not built");
      const version = createHash("sha256")
        .update(JSON.stringify([...files].sort()) + page.source)
        .digest("hex")
        .slice(0, 16);
      page.source = String(page.source).replace('content="VERSION"', `content="${version}"`);
      files.set("index.html", digest(page.source));
      worker.code = `const VERSION=${JSON.stringify(version)},FILES=${JSON.stringify(Object.fromEntries([...files].sort()))};${worker.code}`;
    },
  },
};

export default defineConfig({
  base: "./",
  plugins: [react(), policy, offline],
  worker: { format: "es" },
  build: {
    target: "es2023",
    rolldownOptions: {
      input: { index: "index.html", sw: "src/sw.ts" },
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  // What only a worker imports would be found when it is first asked for, and the development server would reload the page.
  optimizeDeps: { entries: ["index.html", "src/*/*worker.ts"] },
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
