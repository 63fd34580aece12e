/** Every backbone as ONNX in a real browser: onnxruntime-web's logits are ours. The page is built as the app is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ModelDef } from "../src/models/model.ts";
import type { Comparison, Order, Reply } from "./browser/exported.ts";
import { launch, open, serve } from "./browser/harness.mjs";

const scratch = mkdtempSync(join(tmpdir(), "fullrank-exported-"));
/** In the folder of the tests, and in that of the build. */
const PAGE = "browser/exported.html";
let site: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
beforeAll(async () => {
  await build({
    root: join(import.meta.dirname, ".."),
    logLevel: "error",
    publicDir: false,
    build: { outDir: scratch, emptyOutDir: false, rolldownOptions: { input: join(import.meta.dirname, PAGE) } },
  });
  site = await serve(scratch);
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  site.close();
  rmSync(scratch, { recursive: true, force: true });
});

type Put = (order: Order) => Promise<Extract<Reply, { adapter: string }>>;

/** Opens the page, whose worker can be given orders. */
async function visit(url: string, story: (put: Put) => Promise<void>): Promise<void> {
  const { page, problems } = await open(browser, `${url}tests/${PAGE}`);
  let started = 0;
  page.on("worker", () => started++);
  try {
    await story(async (order) => {
      const reply = await page.evaluate(
        (what) =>
          new Promise<Reply>((resolve) => {
            const { desk } = globalThis as typeof globalThis & { desk: Worker };
            desk.onmessage = ({ data }: MessageEvent<Reply>) => resolve(data);
            desk.onerror = ({ message }) => resolve({ error: message });
            desk.postMessage(what);
          }),
        order,
      );
      if ("error" in reply) throw new Error([reply.error, ...problems].join("\n"));
      // The memory of onnxruntime goes with its worker.
      await expect.poll(() => page.workers().length).toBe(1);
      return reply;
    });
    expect(started).toBeGreaterThan(0);
    expect(problems).toEqual([]);
  } finally {
    await page.context().close();
  }
}

const definitions = Object.values(import.meta.glob<ModelDef<unknown> | undefined>("/src/models/*.ts", { import: "default", eager: true }));
const types = definitions.flatMap((def) => def?.types ?? []);

test("every model file's export gives onnxruntime-web our logits to 1e-3, whatever method has changed it", () =>
  visit(site.url, async (put) => {
    const { adapter, result } = await put({ types });
    const rows = result as Comparison[];
    const lines = rows.map(({ toy, method, head, difference, largest }) => {
      const name = `${toy}, ${method}, ${head} head`;
      return `${name.padEnd(48)} largest difference ${difference.toExponential(1)} of logits up to ${largest.toFixed(2)}`;
    });
    console.log([`onnxruntime-web beside ${adapter}`, ...lines].join("\n"));

    expect(rows.filter(({ difference }) => !(difference < 1e-3))).toEqual([]);
    // An export without what was trained would be seen.
    expect(rows.filter(({ moved }) => !(moved > 1e-2))).toEqual([]);
    expect(new Set(rows.map(({ type }) => type))).toEqual(new Set(types));
  }));

const KEPT = "The file is written, but not verified";

test("a file that onnxruntime-web cannot read, or has no memory for, ends in an error with a name that says what is left", () =>
  visit(site.url, async (put) => {
    expect((await put({ file: "damaged" })).result).toMatch(new RegExp(`^OnnxError: onnxruntime-web could not run model.onnx .*${KEPT}`));
    expect((await put({ file: "large" })).result).toMatch(new RegExp(`^OnnxError: onnxruntime-web has not enough memory for .*${KEPT}`));
  }));

test("so does an onnxruntime-web that cannot be fetched, when the connection is gone", async () => {
  const passing = await serve(scratch);
  await visit(passing.url, async (put) => {
    await put({ file: "damaged" });
    passing.close();
    expect((await put({ file: "damaged" })).result).toMatch(new RegExp(`^OnnxError: .*\\(its worker did not start\\). ${KEPT}`));
  });
});
