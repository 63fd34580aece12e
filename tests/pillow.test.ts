/** Decoding and resizing in a real browser give what Pillow gives. The images and what Pillow makes of them are from pillow.py. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { BlobReader, TextWriter, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { build } from "vite";
import { expect, test } from "vitest";
import type { Preprocess } from "../src/data/dataset.ts";
import { launch, open, serve } from "./browser/harness.mjs";
import type { Desk } from "./browser/sets.ts";

const PAGE = "browser/sets.html";
const FOLDER = join(import.meta.dirname, "fixtures/pillow");

interface Case {
  readonly file: string;
  readonly mode: string;
  /** JPEG, and WebP and AVIF as they are mostly written: decoders may differ, as the formats allow. */
  readonly lossy: boolean;
  readonly resize: number;
  readonly crop: number;
  readonly stretch?: boolean;
  readonly resample: Preprocess["resample"];
}

/**
 * Differences of 255 that decoders bring in. A lossless file has none: its pixels after resizing may differ by one step of rounding. Chromium
 * decodes JPEG, WebP and AVIF as Pillow does, to the last bit, but for CMYK, where it rounds the product of colour and black otherwise.
 */
const DECODER: Readonly<Record<string, number>> = { "cmyk.jpg": 2, "ycck.jpg": 2 };

test("as Pillow prepares them", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "fullrank-pillow-"));
  const root = join(import.meta.dirname, "..");
  const input = join(import.meta.dirname, PAGE);
  await build({ root, logLevel: "error", publicDir: false, build: { outDir: scratch, emptyOutDir: false, rolldownOptions: { input } } });
  const site = await serve(scratch);
  const browser = await launch({ webgpu: false });
  try {
    const { page, problems } = await open(browser, `${site.url}tests/${PAGE}`);
    const archive = join(FOLDER, "images.zip");
    const cases = await indexOf(archive);
    const expected = gunzipSync(readFileSync(join(FOLDER, "expected.gz")));
    await page.locator("#files").setInputFiles(archive);
    const { files } = await page.evaluate(() => (globalThis as typeof globalThis & { desk: Desk }).desk.list("files"));
    const places = new Map(files.map(({ path }, i) => [path, i]));
    const worst = new Map<string, number>();
    const wrong: string[] = [];
    let from = 0;
    for (const { file, mode, lossy, ...how } of cases) {
      const reference = expected.subarray(from, from + how.crop ** 2 * 3);
      from += reference.length;
      for (const name of lossy ? [file, `${file}.png`] : [file]) {
        const decoded = await page.evaluate(
          ([at, preprocess]) => (globalThis as typeof globalThis & { desk: Desk }).desk.decode(at, preprocess),
          [places.get(name) ?? -1, { ...how, mean: [0, 0, 0], std: [1, 1, 1] }] as const,
        );
        const pixels = "pixels" in decoded ? decoded.pixels : [];
        const difference =
          "reason" in decoded ? Number.NaN : Math.max(...pixels.map((value, i) => Math.abs(value - (reference[i] ?? 999))));
        const kind = name.replace(/^\d+x\d+-|\d(?=\.)/g, "");
        const most = DECODER[kind] ?? 1;
        worst.set(kind, Math.max(worst.get(kind) ?? 0, difference));
        if (!(difference <= most) || pixels.length !== reference.length) {
          wrong.push(`${name} (${mode}, ${JSON.stringify(how)}): ${"reason" in decoded ? decoded.reason : difference}`);
        }
      }
    }
    console.log([...worst].map(([kind, difference]) => `${kind} ${difference}`).join(", "));
    expect(wrong).toEqual([]);
    expect(cases.filter(({ lossy }) => !lossy).length).toBeGreaterThanOrEqual(200);
    expect(from).toBe(expected.length);
    expect(problems).toEqual([]);
  } finally {
    await browser.close();
    site.close();
    rmSync(scratch, { recursive: true, force: true });
  }
});

async function indexOf(archive: string): Promise<Case[]> {
  const reader = new ZipReader(new BlobReader(new Blob([readFileSync(archive)])), { useWebWorkers: false });
  const entry = (await reader.getEntries()).find(({ filename }) => filename === "index.json");
  if (!entry || entry.directory) throw new Error("no index");
  return JSON.parse(await entry.getData(new TextWriter())) as Case[];
}
