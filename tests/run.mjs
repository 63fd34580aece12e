/**
 * Runs a TypeScript program of this project in Node, with Vite's module loader and a graphics adapter, as the tests do:
 *   node tests/run.mjs FILE [ARGUMENT …]
 * The program's default export, when it has one, is called with the arguments.
 */
import { resolve } from "node:path";
import { install } from "./setup/install.mjs";
import { root } from "./setup/tools.mjs";
import { vulkan } from "./setup/vulkan.mjs";

const [file, ...args] = process.argv.slice(2);
if (!file) {
  console.error("usage: node tests/run.mjs FILE [ARGUMENT …]");
  process.exit(2);
}
await install();
Object.assign(process.env, await vulkan());

const { createServer } = await import("vite");
const vite = await createServer({
  root,
  appType: "custom",
  logLevel: "warn",
  optimizeDeps: { noDiscovery: true, include: [] },
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
});
try {
  const program = await vite.ssrLoadModule(resolve(root, file));
  await program.default?.(args);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
await vite.close();
process.exit(process.exitCode ?? 0);
