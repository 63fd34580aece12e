/**
 * Shows that the suites see bugs: plants one after the other in a copy of the project and expects a test to fail.
 *   npm run plant [-- WORD …]     only the bugs whose name or file holds one of the words
 * The project itself is never changed, so that nothing needs to be put back after Ctrl-C or a crash.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { install } from "./setup/install.mjs";
import { root } from "./setup/tools.mjs";
import { vulkan } from "./setup/vulkan.mjs";

await install();
Object.assign(process.env, await vulkan(), { NO_COLOR: "1" });

const copy = mkdtempSync(join(tmpdir(), "fullrank-plant-"));
let child;
process.on("exit", () => {
  child?.kill("SIGKILL");
  rmSync(copy, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
for (const part of ["src", "shaders", "tests", "package.json", "tsconfig.json", "vite.config.ts", "index.html"])
  cpSync(join(root, part), join(copy, part), { recursive: true });
for (const part of ["node_modules", "public"]) symlinkSync(join(root, part), join(copy, part), "junction");

const LIMIT = 300_000;

/** Runs a test in the copy: "passed", "failed", or "broken" when it did not get as far as testing. */
function run({ file, name }) {
  return new Promise((resolve) => {
    const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", file, ...(name ? ["-t", name] : [])];
    let text = "";
    child = spawn(process.execPath, args, { cwd: copy, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += chunk));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const failed = /^\s*Tests .*\b\d+ failed/m.test(text);
      const passed = /^\s*Tests .*\b\d+ passed/m.test(text);
      const compiles = !/does not compile/.test(text);
      const by = /^\s*FAIL\s+(.+)$/m.exec(text)?.[1] ?? "";
      if (signal) resolve({ outcome: "failed", by: `stopped after ${LIMIT / 1000} s`, text });
      else if (code === 0 && passed) resolve({ outcome: "passed", by: "", text });
      else resolve({ outcome: failed && compiles ? "failed" : "broken", by, text });
    });
  });
}

const words = process.argv.slice(2);
const lists = readdirSync(join(import.meta.dirname, "bugs")).map((file) => import(`./bugs/${file}`));
const bugs = (await Promise.all(lists)).flatMap((list) => Object.values(list).flat());
const chosen = bugs.filter(([what, file]) => !words.length || words.some((word) => `${what} ${file}`.includes(word)));
const healthy = new Map();
const count = { caught: 0, missed: 0, invalid: 0 };
const tell = (outcome, what, why) => {
  count[outcome]++;
  console.log(`${outcome.padEnd(7)}  ${what}${why ? `  (${why})` : ""}`);
};
for (const [what, file, find, replace, test] of chosen) {
  const path = join(copy, file);
  const original = readFileSync(path, "utf8");
  if (original.split(find).length !== 2) {
    tell("invalid", what, `its text stands ${original.split(find).length - 1} times in ${file}`);
    continue;
  }
  // Without the bug the tests must pass, or their failure says nothing.
  const key = `${test.file} ${test.name}`;
  if (!healthy.has(key)) healthy.set(key, (await run(test)).outcome === "passed");
  if (!healthy.get(key)) {
    tell("invalid", what, `${key} does not pass without it`);
    continue;
  }
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  const { outcome, by, text } = await run(test);
  writeFileSync(path, original);
  if (outcome === "failed") tell("caught", what, by);
  else if (outcome === "passed") tell("missed", what, key);
  else
    tell(
      "invalid",
      what,
      text
        .split("\n")
        .find((line) => /does not compile|Error/.test(line))
        ?.trim() ?? "no test ran",
    );
}
console.log(`${count.caught} caught, ${count.missed} missed${count.invalid ? `, ${count.invalid} invalid` : ""}`);
process.exitCode = count.caught > 0 && count.missed + count.invalid === 0 ? 0 : 1;
