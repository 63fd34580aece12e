/**
 * Measures the programs of a built page; it needs that folder, playwright-core and a browser:
 *   node tests/bench/peers/run.mjs FOLDER [small|real] [steps] [JSON]
 * CHROME and CHROME_GPU_FLAGS lead to the browser and to its GPU, see tests/browser. Without a size the adapter decides.
 */
import { writeFileSync } from "node:fs";
import { launch, open, serve } from "../../browser/harness.mjs";

const [folder, wanted, stepsText, json] = process.argv.slice(2);
/** Of a loss, relative to the median of all programs. */
const TOLERANCE = 1e-4;
/** Minutes that a program may take for one block. */
const LIMIT = 5;
/** What a page must be served with to have threads. */
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const executable = process.env.CHROME || (await (await import("../../setup/browser.mjs")).browser());
const { url, close } = await serve(folder);
const browser = await launch({ executable });
try {
  const { device, cases, programs } = await visit((page) =>
    page.evaluate(async () => {
      const { adapter, cases, programs } = globalThis.peers;
      return { device: await adapter(), cases, programs };
    }),
  );
  const size = wanted || (device.software ? "small" : "real");
  if (!cases[size]) throw new Error(`the size is one of ${Object.keys(cases).join(", ")}`);
  const steps = Number(stepsText || (device.software ? 20 : 300));
  console.log(`${device.name}; Chromium ${browser.version()}; milliseconds per step, median over ${steps} steps or more`);
  const rows = [];
  for (const one of cases[size]) {
    const some = [];
    for (const program of programs) some.push(await measure(program, one, steps));
    compare(some);
    print(one, some);
    rows.push(...some);
  }
  if (json) writeFileSync(json, `${JSON.stringify({ device: device.name, browser: browser.version(), rows }, undefined, 1)}\n`);
  process.exitCode = rows.some(({ problem }) => problem) ? 1 : 0;
} finally {
  await browser.close();
  close();
}

/** Opens the page anew for `story`: no program inherits another's memory, threads or device. */
async function visit(story) {
  const { page } = await open(browser, "about:blank");
  await page.route("**/*", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), ...ISOLATED } });
  });
  try {
    await page.goto(`${url}tests/bench/peers/index.html`);
    await page.waitForFunction(() => globalThis.peers);
    return await story(page);
  } finally {
    await page.context().close();
  }
}

/** A row of the table; for a program that fails it says why, and has no time. */
async function measure(program, one, steps) {
  let timer;
  try {
    return await visit((page) =>
      Promise.race([
        page.evaluate((order) => globalThis.peers.measure(...order), [program, one, steps]),
        new Promise((_, reject) => {
          timer = setTimeout(() => reject(new Error(`not done after ${LIMIT} minutes`)), LIMIT * 60_000);
        }),
      ]),
    );
  } catch (error) {
    return { program, version: "", ...one, ms: null, loss: [], problem: error.message.split("\n")[0] };
  } finally {
    clearTimeout(timer);
  }
}

/** Takes the time from a program whose losses are not those of the others: it does other work. */
function compare(rows) {
  const ran = rows.filter(({ problem }) => !problem);
  for (const row of ran) {
    const off = row.loss.map((loss, step) => {
      const all = ran.map((other) => other.loss[step]).sort((a, b) => a - b);
      return Math.abs(loss / all[Math.floor(all.length / 2)] - 1);
    });
    if (off.every((error) => error <= TOLERANCE)) continue;
    row.problem = `its losses are off by ${Math.max(...off).toExponential(1)}`;
    row.ms = null;
  }
}

function print({ block, width, batch, tokens, rank }, rows) {
  console.log(`\n${block} block, width ${width}, batch ${batch}, ${tokens} tokens, rank ${rank}`);
  for (const { program, version, ms, loss, problem } of rows) {
    const ratio = ms && rows[0].ms ? `(${(ms / rows[0].ms).toFixed(2)}x)` : "";
    const time = ms === null ? "" : `${ms.toFixed(3)} ${ratio.padStart(9)}`;
    const losses = loss.map((value) => value.toFixed(6)).join(" ");
    console.log(`${program.padEnd(21)} ${time.padStart(20)}  losses ${losses}  ${problem ?? version}`);
  }
}
