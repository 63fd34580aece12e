/**
 * Trains the EuroSAT sample in a real browser, as a visitor does, and prints what the page exports:
 *   node tests/bench/page.mjs [DIST] [RUNS] [STEPS] [BATCH] [SETTINGS]
 * SETTINGS is more of the address, such as "seed=1". DIST is a built app (`npm run build`). CHROME and CHROME_GPU_FLAGS lead to a browser on the real GPU, see tests/browser.
 * With PICTURES=FOLDER the first run's end is saved there, narrow and wide, light and dark. With several runs it says whether their adapters are the same in every bit.
 */
import { readFileSync } from "node:fs";
import { launch, open, serve } from "../browser/harness.mjs";

const [dist = "dist", runs = "1", steps = "300", batch = "64", more = ""] = process.argv.slice(2);
const { url, close } = await serve(dist);
const browser = await launch();
const fingerprints = new Set();
let failed = false;
try {
  const { page, problems } = await open(browser, `${url}#steps=${steps}&batch=${batch}${more && `&${more}`}`);
  const button = (name) => page.getByRole("button", { name, exact: true });
  await button("Load sample").click();
  for (let run = 0; run < Number(runs); run++) {
    const start = performance.now();
    await button("Train").click({ timeout: 60_000 });
    await poll(page, () => button("Stop").isEnabled(), 120);
    await poll(page, () => button("Stop").isDisabled(), 540);
    const seconds = (performance.now() - start) / 1000;
    await button("Export").click();
    await page.getByRole("radio", { name: /^The run as JSON/ }).check();
    const [download] = await Promise.all([page.waitForEvent("download"), button("Download JSON").click()]);
    await page.keyboard.press("Escape");
    const record = JSON.parse(readFileSync(await download.path(), "utf8"));
    report(record, seconds);
    fingerprints.add(record.results[0].lanes.map(({ fingerprint }) => fingerprint).join(" "));
    if (process.env.PICTURES && run === 0) await picture(page, process.env.PICTURES);
    if (run + 1 < Number(runs)) await button("Reset").click();
  }
  for (const problem of problems) console.log(problem);
  failed = problems.length > 0 || fingerprints.size !== 1;
  console.log(
    `${runs} runs, ${fingerprints.size} different pair${fingerprints.size === 1 ? "" : "s"} of adapters: ${[...fingerprints].join("; ")}`,
  );
} finally {
  await browser.close();
  close();
}
process.exit(failed ? 1 : 0);

/** The page at the end of a run, as a phone, a laptop and a very wide screen show it. */
async function picture(page, folder) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [width, height] of [
      [360, 800],
      [1280, 800],
      [3840, 2160],
    ]) {
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(1000);
      await page.screenshot({ path: `${folder}/${colorScheme}-${width}.png`, fullPage: width < 1000 });
    }
  }
}

/** Waits for a condition; tells what the page shows when it does not come in time. */
async function poll(page, condition, seconds) {
  for (const end = performance.now() + 1000 * seconds; performance.now() < end; await page.waitForTimeout(50)) {
    if (await condition()) return;
  }
  throw new Error(`${condition} has not come true; the page shows:\n${await page.locator("body").innerText()}`);
}

function report({ config, device, data, memory, lanes, tested, results: [{ lanes: ends, validations }] }, seconds) {
  const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const images = (part) => data.counts.reduce((sum, counts) => sum + counts[part], 0);
  console.log(
    `${device.gpu}; ${images("train")} training, ${images("validation")} validation and ${images("test")} test images, ${config.steps} steps of ${config.batch}, ${seconds.toFixed(1)} s from click to end`,
  );
  config.lanes.forEach(({ method, settings }, l) => {
    const { msPerStep, layers, score } = ends[l];
    const { trainable, optimizer, frozen } = lanes[l].memory;
    const rank = layers.reduce((sum, layer) => sum + layer.effectiveRank, 0) / layers.length;
    const [first, last] = [validations[0], validations.at(-1)].map((measured) => percent(measured.lanes[l].accuracy));
    console.log(
      `${method} ${JSON.stringify(settings)}: ${lanes[l].parameters} trainable, ${msPerStep?.toFixed(2)} ms/step, validation accuracy ${first} -> ${last}, ${tested.part} accuracy ${percent(score.accuracy)} of ${tested.labels.length}, mean effective rank ${rank.toFixed(1)}, ${mib(trainable + optimizer + frozen)}`,
    );
  });
  console.log(`weights ${mib(memory.weights)}, activations ${mib(memory.activations)}`);
}
