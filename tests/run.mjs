/**
 * Runs a TypeScript program of this project in Node, with Vite's module loader and a graphics adapter, as the tests do:
 *   node tests/run.mjs FILE [ARGUMENT …]
 *   node tests/run.mjs FOLDER NAME [ARGUMENT …]   or without a NAME the program that is called like the folder
 * A program finds its arguments in `process.argv.slice(3)`; its default export, when it has one, is called with them.
 */
import { readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { install } from "./setup/install.mjs";
import { root } from "./setup/tools.mjs";
import { vulkan } from "./setup/vulkan.mjs";

const [target = "", ...rest] = process.argv.slice(2);
const isFolder = statSync(join(root, target), { throwIfNoEntry: false })?.isDirectory() ?? false;
const isNamed = /^\w+$/.test(rest[0] ?? "");
const file = isFolder ? join(target, `${isNamed ? rest.shift() : basename(target)}.ts`) : target;
if (!statSync(join(root, file), { throwIfNoEntry: false })?.isFile()) {
  const programs = isFolder ? readdirSync(join(root, target)).filter((name) => name.endsWith(".ts")) : [];
  console.error(
    programs.length ? `name one of ${programs.map((name) => name.slice(0, -3)).join(", ")}` : `there is no ${file || "program named"}`,
  );
  process.exit(2);
}
process.argv.splice(2, Infinity, file, ...rest);
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
  await program.default?.(rest);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
await vite.close();
process.exit(process.exitCode ?? 0);
