/** `npm test`: packages, a browser and a driver where they are missing, then every suite. Arguments go to Vitest. */
import { browser } from "./browser.mjs";
import { install } from "./install.mjs";
import { vulkan } from "./vulkan.mjs";

await install();
Object.assign(process.env, { CHROME: await browser() }, await vulkan());

const { parseCLI, startVitest } = await import("vitest/node");
const { filter, options } = parseCLI(["vitest", "run", ...process.argv.slice(2)]);
const vitest = await startVitest("test", filter, { ...options, watch: false });
const files = vitest.state.getTestModules();
const results = files.flatMap((file) => [...file.children.allTests()].map((test) => test.result().state));
const count = (state) => results.filter((result) => result === state).length;
// A file that does not load has no tests, and counts as one that failed.
const broken = files.filter((file) => file.state() === "failed" && ![...file.children.allTests("failed")].length).length;
const [passed, failed] = [count("passed"), count("failed") + broken];
const clean = vitest.state.getUnhandledErrors().length === 0 && !process.exitCode;
await vitest.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(passed > 0 && failed === 0 && clean ? 0 : 1);
