/**
 * The same LoRA training step in this project, in TensorFlow.js and in jax-js, in one browser on one machine:
 *   npm run bench -- peers [small|real] [steps] [JSON]
 *   npm run bench -- peers build FOLDER
 * The second makes a page that peers/run.mjs measures elsewhere, where there is no network. The other libraries are packages of
 * tests/bench/peers alone, installed on first use.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "vite";

const folder = join(import.meta.dirname, "peers");

/** Runs a program with our own streams; throws when it fails. */
function run(command: string, args: readonly string[], shell = false): void {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", shell });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`, { cause: error });
}

/** The version of each package, as a lock file has it; npm leaves one of what it really installed. */
function versions(lock: string): string {
  try {
    const { packages } = JSON.parse(readFileSync(join(folder, lock), "utf8")) as { packages: Record<string, { version?: string }> };
    return Object.entries(packages)
      .flatMap(([path, { version }]) => (path ? [`${path} ${version}`] : []))
      .join("\n");
  } catch {
    return "";
  }
}

/** Writes the page as static files. It is not minified: TensorFlow.js sends the text of a function to its threads. */
async function make(outDir: string): Promise<void> {
  if (versions("package-lock.json") !== versions("node_modules/.package-lock.json")) {
    const args = ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run("npm", args, process.platform === "win32");
  }
  await build({
    root: join(folder, "../../.."),
    logLevel: "error",
    publicDir: false,
    build: { outDir, minify: false, assetsInlineLimit: 0, rolldownOptions: { input: join(folder, "index.html") } },
  });
}

export default async function peers([first = "", ...rest]: string[]): Promise<void> {
  if (first === "build") {
    if (!rest[0]) throw new Error("name the folder that is to hold the page");
    return make(resolve(rest[0]));
  }
  const page = mkdtempSync(join(tmpdir(), "fullrank-peers-"));
  try {
    await make(page);
    run(process.execPath, [join(folder, "run.mjs"), page, first, ...rest]);
  } finally {
    rmSync(page, { recursive: true, force: true });
  }
}
