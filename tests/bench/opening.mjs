/**
 * How fast the page feels, on the sample set in a real browser: from opening it to the first training step, and every main-thread
 * task over 50 ms from the opening to the end of the race, with what ran in it:
 *   node tests/bench/opening.mjs [DIST] [STEPS] [SETTINGS]
 * DIST is a built app (`npm run build`). SETTINGS is more of the address, such as "batch=16". CHROME and CHROME_GPU_FLAGS lead to a
 * browser on the real GPU, see tests/browser. A task counts where the browser's own clock (PerformanceObserver) says so.
 */
import { launch, open, serve } from "../browser/harness.mjs";

const [dist = "dist", steps = "300", more = ""] = process.argv.slice(2);
const { url, close } = await serve(dist);
const browser = await launch();
try {
  const { page, problems } = await open(browser, "about:blank");
  await page.addInitScript(() => {
    globalThis.longTasks = [];
    globalThis.phaseNow = "opening";
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) {
        globalThis.longTasks.push({ phase: globalThis.phaseNow, at: startTime, ms: duration });
      }
    }).observe({ type: "longtask", buffered: true });
    // Which script took the time, where the browser tells.
    globalThis.longScripts = [];
    if (PerformanceObserver.supportedEntryTypes.includes("long-animation-frame")) {
      new PerformanceObserver((list) => {
        for (const { startTime, duration, renderStart, scripts } of list.getEntries()) {
          const told = scripts.map((s) => `${s.invoker} ${s.sourceFunctionName} ${s.duration.toFixed(0)} ms`);
          globalThis.longScripts.push({ at: startTime, ms: duration, render: startTime + duration - renderStart, told });
        }
      }).observe({ type: "long-animation-frame", buffered: true });
    }
  });
  const phase = (name) => page.evaluate((now) => (globalThis.phaseNow = now), name);
  const began = performance.now();
  const since = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  await page.goto(`${url}#steps=${steps}${more && `&${more}`}`);
  const button = (name) => page.getByRole("button", { name, exact: true });
  await phase("loading the sample");
  await button("Load sample").click();
  await button("Train").and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
  console.log(`ready to train after ${since()}`);
  await phase("starting");
  await button("Train").click();
  const race = page.getByRole("region", { name: "Race", exact: true });
  // What the page says that it does until then, and when it began to.
  const said = new Map();
  const listening = setInterval(async () => {
    const text = await race
      .getByRole("status")
      .first()
      .innerText()
      .catch(() => "");
    const doing = text.replace(/\d.*$/s, "").trim();
    if (doing && !said.has(doing)) said.set(doing, since());
  }, 50);
  await race.getByText(new RegExp(`step [1-9]\\d* / ${steps}`)).waitFor({ timeout: 600_000 });
  clearInterval(listening);
  for (const [doing, at] of said) console.log(`  ${at} ${doing}`);
  console.log(`first step shown after ${since()}`);
  await phase("training");
  await race.getByText("Done", { exact: true }).waitFor({ timeout: 600_000 });
  console.log(`${steps} steps done after ${since()}`);
  await phase("afterwards");
  await page.waitForTimeout(3000);
  const { tasks, scripts } = await page.evaluate(() => ({ tasks: globalThis.longTasks, scripts: globalThis.longScripts }));
  for (const name of ["opening", "loading the sample", "starting", "training", "afterwards"]) {
    const own = tasks.filter((task) => task.phase === name);
    const most = Math.max(0, ...own.map(({ ms }) => ms));
    console.log(`${name}: ${own.length} tasks over 50 ms, the longest ${most.toFixed(0)} ms`);
    for (const { at, ms } of own.sort((a, b) => b.ms - a.ms).slice(0, 5)) {
      const frame = scripts.find((s) => s.at <= at + ms && at <= s.at + s.ms);
      console.log(
        `  ${ms.toFixed(0)} ms at ${(at / 1000).toFixed(1)} s: ${frame ? `${frame.told.join("; ")}; render ${frame.render.toFixed(0)} ms` : "not told"}`,
      );
    }
  }
  for (const problem of problems) console.log(problem);
} finally {
  await browser.close();
  close();
}
