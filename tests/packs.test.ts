/** Images in the private file system of a real browser: written by the workers of an import, read back, found again, lost. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlobReader, BlobWriter, TextReader, ZipReader, ZipWriter } from "@zip.js/zip.js";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Dataset, Preprocess } from "../src/data/dataset.ts";
import { launch, open, serve } from "./browser/harness.mjs";
import type { packs } from "./browser/packs.ts";

const SMALL: Preprocess = { resize: 64, resample: "bicubic", crop: 64, mean: [0, 0, 0], std: [1, 1, 1] };
const LARGE: Preprocess = { ...SMALL, resize: 96, crop: 80, resample: "bilinear" };
const COUNT = 24;

const scratch = mkdtempSync(join(tmpdir(), "fullrank-packs-"));
let site: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
beforeAll(async () => {
  await build({
    configFile: false,
    logLevel: "error",
    root: scratch,
    base: "./",
    worker: { format: "es" },
    build: {
      outDir: scratch,
      emptyOutDir: false,
      target: "es2023",
      rolldownOptions: { input: join(import.meta.dirname, "browser/packs.ts"), output: { entryFileNames: "packs.js" } },
    },
  });
  writeFileSync(
    join(scratch, "index.html"),
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="packs.js"></script>',
  );
  await makeZip("images.zip");
  // The same pictures in files of 300 kB.
  await makeZip("large.zip", 5);
  site = await serve(scratch);
  browser = await launch({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  site?.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** Images of the sample, one of them twice, and a text that is none. `comments` of 60 kB make each file larger. */
async function makeZip(name: string, comments = 0): Promise<void> {
  const sample = readFileSync(join(import.meta.dirname, "../public/data/eurosat-mini.zip"));
  const reader = new ZipReader(new BlobReader(new Blob([sample])));
  const writer = new ZipWriter(new BlobWriter());
  const entries = (await reader.getEntries()).filter(({ filename }) => /(Forest|River|SeaLake)\/\w+_00[0-7]\.jpg$/.test(filename));
  const comment = Uint8Array.of(0xff, 0xfe, 60_000 >> 8, 60_000 & 255, ...new Uint8Array(59_998));
  for (const [i, entry] of entries.entries()) {
    if (entry.directory) continue;
    const jpeg = await entry.getData(new BlobWriter());
    const blob = new Blob([jpeg.slice(0, 2), ...Array.from({ length: comments }, () => comment), jpeg.slice(2)]);
    await writer.add(entry.filename, new BlobReader(blob));
    if (i === 0) await writer.add(entry.filename.replace(".jpg", "-again.jpg"), new BlobReader(blob));
  }
  await writer.add("Forest/none.jpg", new TextReader("no image"));
  writeFileSync(join(scratch, name), Buffer.from(await (await writer.close()).arrayBuffer()));
}

type Room = typeof globalThis & { packs: typeof packs; zip: File; sets: Record<string, Dataset> };

async function visit(story: (page: Page) => Promise<void>): Promise<void> {
  const { page, problems } = await open(browser, site.url);
  try {
    await ready(page);
    await story(page).catch((cause: unknown) => {
      throw new Error([String(cause), ...problems].join("\n"), { cause });
    });
    expect(problems).toEqual([]);
  } finally {
    await page.context().close();
  }
}

async function ready(page: Page, zip = "images.zip"): Promise<void> {
  await page.waitForFunction(() => "packs" in globalThis);
  await page.evaluate(async (name) => {
    const at = globalThis as Room;
    at.zip = new File([await (await fetch(name)).blob()], name);
    at.sets = {};
  }, zip);
}

/** Imports the zip on the page as a set of that name, and tells about it what goes through JSON. */
const importAs = (page: Page, name: string, preprocess = SMALL, keep = true) =>
  page.evaluate(
    async ({ name, preprocess, keep }) => {
      const at = globalThis as Room;
      const { dataset, report, decoded } = await at.packs.importZip(at.zip, preprocess, { keep });
      at.sets[name] = dataset;
      const { packs, pack, row } = dataset.pixels;
      return {
        decoded,
        report,
        sources: dataset.sources,
        kinds: packs.map((one) => typeof one),
        places: [...pack].map((number, i) => `${packs[number]} ${row[i]}`),
        files: dataset.files,
      };
    },
    { name, preprocess, keep },
  );

/** SHA-256 of all pixels of a set, read by the page and by a worker. */
const sums = (page: Page, name: string) =>
  page.evaluate(async (set) => {
    const { packs: room, sets } = globalThis as Room;
    const dataset = sets[set] as Dataset;
    const all = [...dataset.labels.keys()];
    // Backwards, with gaps between: neighbours are read together.
    const some = all.filter((image) => image % 7 !== 3).reverse();
    const sum = async (pixels: readonly Uint8Array[] | string) => {
      if (typeof pixels === "string") return pixels;
      const digest = await crypto.subtle.digest("SHA-256", await new Blob(pixels as Uint8Array<ArrayBuffer>[]).arrayBuffer());
      return Array.from(new Uint8Array(digest), (byte) => byte.toString(16)).join("");
    };
    const page = await room.readPixels(dataset, all);
    return {
      page: await sum(page),
      worker: await sum(await room.readInWorker(dataset, all)),
      some: await sum(await room.readPixels(dataset, some)),
      expected: await sum(some.map((image) => page[image] as Uint8Array)),
    };
  }, name);

test("what is read back is what was decoded, in the order of the source", () =>
  visit(async (page) => {
    const memory = await importAs(page, "memory", SMALL, false);
    const kept = await importAs(page, "kept");
    expect(memory.kinds).toEqual(["object"]);
    expect(new Set(kept.kinds)).toEqual(new Set(["string"]));
    expect(kept.sources).toEqual(memory.sources);
    expect(kept.sources).toHaveLength(COUNT);
    expect(kept.report).toEqual(memory.report);
    expect(kept.report.notes.map(({ kind }) => kind).sort()).toEqual(["duplicate", "not an image"]);
    expect(kept.decoded).toBe(COUNT + 1);
    const [before, after] = [await sums(page, "memory"), await sums(page, "kept")];
    expect(after).toEqual(before);
    expect(after.worker).toBe(after.page);
    expect(after.some).toBe(after.expected);
  }));

test("the same files again are not decoded again, also after a reload", () =>
  visit(async (page) => {
    const first = await importAs(page, "first");
    await page.reload();
    await ready(page);
    const again = await importAs(page, "again");
    expect(again.decoded).toBe(0);
    expect(again.places).toEqual(first.places);
    expect(again.files).toEqual(first.files);
    const other = await importAs(page, "other", LARGE);
    expect(other.decoded).toBe(COUNT + 1);
    expect(other.files).toEqual(first.files);
  }));

test("files come back byte by byte, and are prepared for another model", () =>
  visit(async (page) => {
    await importAs(page, "small");
    const fresh = await importAs(page, "large", LARGE, false);
    const again = await page.evaluate(
      async ({ small, large }) => {
        const { packs: room, sets } = globalThis as Room;
        const dataset = sets.small as Dataset;
        const digests = await Promise.all(
          dataset.sources.map(async (_, image) => {
            const bytes = await (await room.fileOf(dataset, image)).arrayBuffer();
            const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
            return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
          }),
        );
        const edited = { ...dataset, labels: dataset.labels.map((label) => (label + 1) % 3) };
        const there = await room.prepareAgain(edited, large);
        const back = await room.prepareAgain(there.dataset, small);
        sets.again = there.dataset;
        return {
          same: digests.join() === dataset.digests?.join(),
          decoded: [there.decoded, back.decoded],
          notes: there.notes,
          size: there.dataset.size,
          labels: [...there.dataset.labels].join() === [...edited.labels].join(),
          places: [...back.dataset.pixels.row].join() === [...dataset.pixels.row].join(),
        };
      },
      { small: SMALL, large: LARGE },
    );
    expect(again).toEqual({ same: true, decoded: [COUNT, 0], notes: [], size: LARGE.crop, labels: true, places: true });
    expect(fresh.decoded).toBe(COUNT + 1);
    expect((await sums(page, "again")).worker).toBe((await sums(page, "large")).page);
  }));

test("an import and another preparing can be cancelled: what is in stays, and is not done twice", () =>
  visit(async (page) => {
    const ended = await page.evaluate(
      async ({ small, large }) => {
        const { packs: room, zip } = globalThis as Room;
        const stop = new AbortController();
        const onProgress = () => stop.abort();
        const part = await room.importZip(zip, small, { keep: true, signal: stop.signal, onProgress });
        const read = await room.readInWorker(part.dataset, [...part.dataset.labels.keys()]);
        const { dataset } = await room.importZip(zip, small, { keep: true });
        const cancelled = await room.prepareAgain(dataset, large, { signal: AbortSignal.abort("cancelled") }).catch(String);
        return { read: typeof read, warnings: part.report.warnings, taken: dataset.labels.length, cancelled };
      },
      { small: SMALL, large: LARGE },
    );
    expect(ended).toMatchObject({ read: "object", taken: COUNT, cancelled: "cancelled" });
  }));

test("a worker that dies in the middle costs no image", () =>
  visit(async (page) => {
    const memory = await importAs(page, "memory", SMALL, false);
    let killed = 0;
    page.on("worker", (worker) => {
      if (killed++ > 0) return;
      void worker.evaluate(() => {
        const { digest } = SubtleCrypto.prototype;
        let hashed = 0;
        // The fifth file is its last.
        SubtleCrypto.prototype.digest = function (...given) {
          if (++hashed < 5) return digest.apply(this, given);
          setTimeout(() => {
            throw new Error("killed by the test");
          });
          return new Promise(() => undefined);
        };
      });
    });
    const kept = await importAs(page, "kept");
    expect(killed).toBeGreaterThan(1);
    expect(kept.sources).toEqual(memory.sources);
    expect(await sums(page, "kept")).toEqual(await sums(page, "memory"));
  }));

test("with little room the pixels are kept without the files, and with none the import ends with what is in", () =>
  visit(async (page) => {
    const session = await page.context().newCDPSession(page);
    const origin = new URL(site.url).origin;
    await ready(page, "large.zip");
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 4e6 });
    const pixels = await importAs(page, "pixels");
    expect(pixels.sources).toHaveLength(COUNT);
    expect(pixels.files).toBeUndefined();
    expect(pixels.report.warnings.join()).toMatch(/storage is full: the files of \d+ images are not kept/);
    expect((await sums(page, "pixels")).worker).toBe((await sums(page, "pixels")).page);
    const lost = await page.evaluate(() => {
      const { packs: room, sets } = globalThis as Room;
      return room.fileOf(sets.pixels as Dataset, 0).catch(String);
    });
    expect(lost).toMatch(/is not in the browser's storage/);

    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1e6 });
    const some = await importAs(page, "some", { ...SMALL, resize: 224, crop: 224 });
    expect(some.sources.length).toBeLessThan(COUNT);
    expect(some.report.warnings.join()).toMatch(/storage is full with \d+ new images: \d+ more files were not read/);
  }));

test("what no kept dataset needs is swept; what is lost of pixels is made again from the files", () =>
  visit(async (page) => {
    await importAs(page, "forgotten", LARGE);
    const keepAs = (name: string) =>
      page.evaluate(
        async ({ name, small }) => {
          const { packs: room, sets } = globalThis as Room;
          await room.keep({ id: name, dataset: sets[name] as Dataset, prepared: small, sample: null, at: 1 });
        },
        { name, small: SMALL },
      );
    await importAs(page, "kept");
    await keepAs("kept");
    const [bytes, before] = await page.evaluate(async () => {
      const { packs: room } = globalThis as Room;
      return [await room.keptBytes(), await room.shelved()] as const;
    });
    await page.reload();
    await ready(page);
    const after = await page.evaluate(async () => {
      const { packs: room, sets } = globalThis as Room;
      await room.enter();
      const kept = await room.recall("kept");
      if (kept) sets.kept = kept.dataset;
      return { bytes: await room.keptBytes(), shelved: await room.shelved(), lost: await room.lostPixels(sets.kept as Dataset) };
    });
    expect(after.shelved).toEqual(before);
    expect(after.shelved).toMatchObject([{ id: "kept", images: COUNT, classes: 3 }]);
    expect(after.bytes).toBe(after.shelved[0]?.bytes);
    expect(after.bytes).toBeLessThan(bytes - COUNT * LARGE.crop ** 2 * 3);
    expect(after.lost).toEqual([]);
    const whole = await sums(page, "kept");
    expect(whole.worker).toBe(whole.page);

    const repaired = await page.evaluate(async (small) => {
      const { packs: room, sets } = globalThis as Room;
      const dataset = sets.kept as Dataset;
      const path = String(dataset.pixels.packs[0]).split("/");
      let folder = await navigator.storage.getDirectory();
      for (const part of path.slice(0, -1)) folder = await folder.getDirectoryHandle(part);
      const writable = await (await folder.getFileHandle(path.at(-1) as string)).createWritable({ keepExistingData: true });
      await writable.truncate(3 * small.crop ** 2 * 2);
      await writable.close();
      const lost = (await room.lostPixels(dataset)).length;
      const refused = await room.readInWorker(dataset, [0]);
      const again = await room.prepareAgain(dataset, small);
      sets.kept = again.dataset;
      return { lost, refused, decoded: again.decoded, left: await room.lostPixels(again.dataset) };
    }, SMALL);
    expect(repaired.lost).toBeGreaterThan(0);
    expect(repaired.refused).toMatch(/missing from the browser's storage/);
    expect(repaired).toMatchObject({ decoded: repaired.lost, left: [] });
    expect(await sums(page, "kept")).toEqual(whole);
  }));
