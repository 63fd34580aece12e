/** What a visitor's browser fetches before the page can be used: little, whatever the page can do later. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type App, startApp } from "./browser/app.ts";
import { launch, open } from "./browser/harness.mjs";

const LIMIT = 250_000;
/** Models, samples and onnxruntime come later, or beside the shell. */
const NOT_SHELL = /^\/(models|data)\/|\.wasm$/;

let app: App;
beforeAll(async () => {
  app = await startApp();
}, 180_000);
afterAll(() => app.close());

const zipped = (path: string): number => gzipSync(readFileSync(join(app.built, path === "/" ? "index.html" : path))).length;
const told = (paths: Iterable<string>): string => [...paths].map((path) => `${path} ${zipped(path)}`).join("\n");

/** What index.html names: scripts, preloaded modules, styles. */
function named(): string[] {
  const html = readFileSync(join(app.built, "index.html"), "utf8");
  return [...html.matchAll(/<(?:script|link)[^>]*\s(?:src|href)="\.?\/?([^"]+\.(?:js|css|svg|webmanifest))"/g)].map(
    ([, path]) => `/${path}`,
  );
}

test("the shell has at most 250 KB, with all that is fetched before the first click", async () => {
  const browser = await launch();
  const fetched = new Set<string>();
  try {
    const { page, problems } = await open(browser, "about:blank");
    page.context().on("request", (request) => {
      // The offline copy is made in the background, once the page stands.
      if (request.url().startsWith(app.url) && !request.serviceWorker()) fetched.add(new URL(request.url()).pathname);
    });
    await page.goto(app.url);
    await page.getByRole("button", { name: "Load sample" }).waitFor();
    await expect.poll(() => page.getByRole("button", { name: /^Model/ }).innerText()).toContain("CLIP-tiny");
    await page.getByText("Nothing to show yet: train").waitFor(); // no view of the answers is there before them
    await page.waitForLoadState("networkidle");
    await page.waitForTimeout(2000);
    expect(problems).toEqual([]);
  } finally {
    await browser.close();
  }
  const html = named();
  expect(html.length).toBeGreaterThanOrEqual(2);
  expect([...fetched]).toEqual(expect.arrayContaining(html.filter((path) => /\.(js|css)$/.test(path))));
  const shell = new Set([...html, ...fetched].filter((path) => !NOT_SHELL.test(path)));
  // The worker of the engine looks the model up.
  expect([...shell].filter((path) => /\/worker-/.test(path))).toHaveLength(1);
  const bytes = [...shell].reduce((sum, path) => sum + zipped(path), 0);
  expect(bytes, told(shell)).toBeLessThanOrEqual(LIMIT);
  expect([...shell].filter((path) => zipped(path) > 0)).toHaveLength(shell.size);
}, 120_000);
