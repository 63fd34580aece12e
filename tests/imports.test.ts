/** Image sets in every form, listed and decoded in a real browser. Their makers are in makers.py. */
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open, serve } from "./browser/harness.mjs";
import type { Decoded, Desk, Listed } from "./browser/sets.ts";

const PAGE = "browser/sets.html";
const SETS = join(import.meta.dirname, "fixtures/sets");
const scratch = mkdtempSync(join(tmpdir(), "fullrank-imports-"));
let site: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
let page: Page;
let problems: readonly string[];
beforeAll(async () => {
  await build({
    root: join(import.meta.dirname, ".."),
    logLevel: "error",
    publicDir: false,
    build: { outDir: join(scratch, "site"), emptyOutDir: false, rolldownOptions: { input: join(import.meta.dirname, PAGE) } },
  });
  site = await serve(join(scratch, "site"));
  browser = await launch({ webgpu: false });
  ({ page, problems } = await open(browser, `${site.url}tests/${PAGE}`));
});
afterAll(async () => {
  await browser.close();
  site.close();
  rmSync(scratch, { recursive: true, force: true });
});

type WithDesk = typeof globalThis & { desk: Desk };

/** Chooses files, or one folder, and lists them; every path in `sets` is one of the fixtures, or absolute. */
async function list(...sets: string[]): Promise<Listed> {
  await page.locator("#files").setInputFiles(sets.map((set) => join(set.startsWith("/") ? "" : SETS, set)));
  return page.evaluate(() => (globalThis as WithDesk).desk.list("files"));
}
async function listFolder(folder: string): Promise<Listed> {
  await page.locator("#folder").setInputFiles(folder.startsWith("/") ? folder : join(SETS, folder));
  return page.evaluate(() => (globalThis as WithDesk).desk.list("folder"));
}
const decode = (file: number, side: number): Promise<Decoded> =>
  page.evaluate(
    ([at, size]) => {
      const plain = { resize: size, stretch: true, resample: "bicubic", crop: size, mean: [0, 0, 0], std: [1, 1, 1] } as const;
      return (globalThis as WithDesk).desk.decode(at, plain);
    },
    [file, side] as const,
  );
async function pixelsOf(file: number, side: number): Promise<readonly number[]> {
  const decoded = await decode(file, side);
  if ("reason" in decoded) throw new Error(decoded.reason);
  return decoded.pixels;
}

const CLASSES = ["cat", "dog", "owl"];
const partOf = (i: number) => (i < 8 ? "train" : i < 10 ? "validation" : "test");
/** Where makers.py puts it. */
const folderOf = (i: number) => `${{ train: "train", validation: "val", test: "test" }[partOf(i)]}/${CLASSES[i % 3]}`;
/** What makers.py draws: (side, side, 3). */
const colour = (i: number, side: number) =>
  Array.from({ length: side * side }, (_, at) => {
    const [r, c] = [Math.floor(at / side), at % side];
    return [20 * i + 3 * r, 10 * r + 2 * c, 30 * c + i].map((value) => value % 256);
  }).flat();
const grey = (i: number) =>
  Array.from({ length: 64 }, (_, at) => {
    const value = 20 * i + 2 * Math.floor(at / 8) + (at % 8 > 4 ? 1 : 0);
    return [value, value, value];
  }).flat();

interface Expected {
  readonly side?: number;
  readonly classes?: readonly string[];
  readonly part?: (i: number) => string | null;
  readonly draw?: (i: number, side: number) => number[];
  readonly images?: readonly number[];
}
const ALL = Array.from({ length: 12 }, (_, i) => i);

/** Every one of the images is there once, under its class and its part, with its pixels to the last bit. */
async function expectImages(listed: Listed, expected: Expected = {}): Promise<void> {
  const { side = 8, classes = CLASSES, part = partOf, draw = colour, images = ALL } = expected;
  const seen: number[] = [];
  for (const [at, file] of listed.files.entries()) {
    const pixels = await pixelsOf(at, side);
    const i = Math.round((pixels[0] as number) / 20);
    seen.push(i);
    expect([file.path, file.className, file.part]).toEqual([file.path, classes[i % 3], part(i)]);
    expect(pixels, file.path).toEqual(draw(i, side));
  }
  expect(seen.sort((a, b) => a - b)).toEqual(images);
  expect(new Set(listed.files.map(({ path }) => path)).size).toBe(images.length);
  expect(problems).toEqual([]);
}
const halves = (i: number) => (i < 8 ? "train" : "test");

describe("every image, class and part of", () => {
  test("a folder with train, val and test", async () => {
    const listed = await listFolder("folder");
    await expectImages(listed);
    expect(listed).toMatchObject({ name: "folder", notes: [], warnings: [] });
  });

  test("zips by Info-ZIP and Python", async () => {
    await expectImages(await list("infozip.zip"));
    const methods = await list("methods.zip");
    expect(methods.files.map(({ className }) => className)).toEqual(["cat", "cat", "cat", "cat", "cat", "café"]);
    for (const at of [0, 1, 4, 5]) expect(await pixelsOf(at, 8)).toEqual(colour(at, 8));
    expect(await decode(2, 8)).toMatchObject({ kind: "unreadable", reason: expect.stringContaining("bzip2") });
    expect(await decode(3, 8)).toMatchObject({ kind: "unreadable", reason: expect.stringContaining("LZMA") });
    const { files, notes } = await list("encrypted.zip");
    expect(files).toEqual([]);
    expect(notes.map(({ kind }) => kind)).toEqual(["encrypted", "encrypted"]);
  });

  test.each(["v7.tar", "ustar.tar", "gnu.tar", "posix.tar"])("%s", async (name) => {
    await expectImages(await list(name));
  });

  test("tar.gz, with names of more than a hundred bytes", async () => {
    for (const name of ["gnu.tar.gz", "posix.tar.gz"]) {
      const listed = await list(name);
      const long = listed.files.findIndex(({ className }) => className.startsWith("a folder whose name is much longer"));
      expect(listed.files[long]).toMatchObject({
        className: expect.stringContaining("written elsewhere"),
        path: expect.stringContaining("é.png"),
      });
      expect(await pixelsOf(long, 8)).toEqual(colour(0, 8));
      expect(listed.files).toHaveLength(9);
    }
    await expectImages(await list("python.tgz"), { images: [10, 11], part: () => "test" });
  });

  test("WebDataset shards", async () => {
    const shards = ["train-000000.tar", "train-000001.tar", "val-000000.tar"];
    const numbers = ["0", "1", "2"];
    await expectImages(await list(...shards), { classes: numbers, images: ALL.slice(0, 10) });
    await expectImages(await list("records-test.tar"), { images: [10, 11] });
    const folder = join(scratch, "shards");
    for (const shard of shards) cpSync(join(SETS, shard), join(folder, shard));
    await expectImages(await listFolder(folder), { classes: numbers, images: ALL.slice(0, 10) });
  });

  test("parquet by datasets, and by pyarrow in all its codecs", async () => {
    await expectImages(await listFolder("hub"));
    await expectImages(await list(...["train", "validation", "test"].map((part) => `hub/data/${part}-00000-of-00001.parquet`)));
    const unlabelled = await list("unlabelled.parquet");
    expect(unlabelled.files.map(({ className }) => className)).toEqual(["dog"]);
    expect(unlabelled.notes).toMatchObject([
      { source: "unlabelled.parquet", kind: "no class", reason: expect.stringContaining("2 of its 3 rows") },
    ]);
    const two = await list("two.parquet");
    await expectImages(two, { part: () => null });
    expect(two.warnings).toEqual(["The classes are those of the column fine_label; coarse_label was not taken."]);
    for (const codec of ["none", "gzip", "zstd", "brotli", "lz4"]) await expectImages(await list(`${codec}.parquet`), { part: () => null });
  });

  test("CIFAR-10 and CIFAR-100, binary and pickled", async () => {
    const ten = { side: 32, classes: ["airplane", "automobile", "bird"], part: halves };
    for (const form of ["binary", "python"]) {
      await expectImages(await list(`cifar-10-${form}.tar.gz`), ten);
      const hundred = await list(`cifar-100-${form}.tar.gz`);
      await expectImages(hundred, { side: 32, part: halves });
      if (form === "python") expect(hundred.warnings).toEqual(["The 100 fine classes were taken; the 20 coarse ones were not."]);
    }
    for (const protocol of [4, 5]) {
      const batch = join(scratch, `p${protocol}`, "data_batch_1");
      mkdirSync(join(batch, ".."), { recursive: true });
      writeFileSync(batch, gunzipSync(readFileSync(join(SETS, `protocol${protocol}.pickle.gz`))));
      await expectImages(await list(batch), { ...ten, part: () => "train" });
    }
  });

  test("MNIST, Fashion-MNIST and EMNIST", async () => {
    await expectImages(await listFolder("mnist"), { draw: grey, classes: ["0", "1", "2"], part: halves });
    const names = ["T-shirt/top", "Trouser", "Pullover"];
    await expectImages(await listFolder("fashion-mnist"), { draw: grey, classes: names, part: halves });
    await expectImages(await listFolder("emnist"), { draw: grey, classes: ["A", "B", "C"], part: halves });
    const both = join(scratch, "two");
    cpSync(join(SETS, "emnist"), both, { recursive: true });
    for (const side of ["images-idx3", "labels-idx1"]) {
      cpSync(join(SETS, "emnist", `emnist-letters-test-${side}-ubyte.gz`), join(both, `emnist-mnist-test-${side}-ubyte.gz`));
    }
    const letters = await listFolder(both);
    expect(letters.files).toHaveLength(12);
    expect(letters.notes.map(({ reason }) => reason)).toEqual(Array(2).fill(expect.stringContaining("letters is taken")));
    const alone = await list("mnist/train-images-idx3-ubyte");
    expect(alone.notes).toMatchObject([{ kind: "missing", reason: expect.stringContaining("labels") }]);
  });

  test("NumPy's npz and npy", async () => {
    await expectImages(await list("keras.npz"), { draw: grey, classes: ["0", "1", "2"], part: halves });
    await expectImages(await list("medmnist.npz"), { classes: ["0", "1", "2"] });
    for (const name of ["floats.npz", "planes.npz"]) await expectImages(await list(name), { part: () => null });
    await expectImages(await list("fortran.npz"), { classes: ["0", "1", "2"], part: () => null });
    await expectImages(await listFolder("npy"), { part: () => null });
    const objects = await list("objects.npz");
    expect(objects.files).toEqual([]);
    expect(objects.notes).toMatchObject([{ kind: "unreadable", reason: expect.stringContaining("records or objects") }]);
  });

  test("Teachable Machine's projects", async () => {
    for (const name of ["project.tm", "folders.tm"]) await expectImages(await list(name), { part: () => null });
  });
});

describe("a table of labels", () => {
  /** The images of the fixtures in one folder, and a table beside them. */
  const flat = (name: string, tables: Record<string, string>) => {
    const folder = join(scratch, name);
    for (const i of ALL) {
      cpSync(join(SETS, "folder", folderOf(i), `${i}.png`), join(folder, "images", `${i}.png`));
    }
    for (const [file, text] of Object.entries(tables)) writeFileSync(join(folder, file), text);
    return folder;
  };
  const rows = (line: (i: number) => string) => ALL.map(line).join("\n");

  test.each([
    [
      "metadata.csv",
      `\ufefffile_name,label,split\r\n${rows((i) => `images/${i}.png,${CLASSES[i % 3]},${partOf(i)}`).replaceAll("\n", "\r\n")}\r\n`,
    ],
    ["labels.csv", `id;text;Class;Set\n${rows((i) => `${i};"a; ""b""\nc";"${CLASSES[i % 3]}";${partOf(i)}`)}`],
    ["all.tsv", `split\tpath\tlabel\tlabel_name\n${rows((i) => `${partOf(i)}\t/data/set/images/${i}.png\t${i % 3}\t${CLASSES[i % 3]}`)}`],
    ["metadata.jsonl", rows((i) => JSON.stringify({ file_name: `images/${i}.png`, label: CLASSES[i % 3], split: partOf(i) }))],
  ])("%s", async (file, text) => {
    await expectImages(await listFolder(flat(`table-${basename(file)}`, { [file]: text })));
  });

  test("without names of columns, for each part", async () => {
    const of = (part: string) => rows((i) => (partOf(i) === part ? `${i}.png,${CLASSES[i % 3]}` : ""));
    const folder = flat("parts", { "train.csv": of("train"), "valid.csv": of("validation"), "test.csv": of("test") });
    await expectImages(await listFolder(folder));
  });

  test("in each folder, as datasets' image folders have it", async () => {
    const folder = join(scratch, "hub-folder");
    for (const part of ["train", "validation", "test"]) {
      const images = ALL.filter((i) => partOf(i) === part);
      for (const i of images) cpSync(join(SETS, "folder", folderOf(i), `${i}.png`), join(folder, part, "images", `${i % 8}.png`));
      const lines = images.map((i) => `images/${i % 8}.png,${CLASSES[i % 3]}`);
      writeFileSync(join(folder, part, "metadata.csv"), ["file_name,label", ...lines].join("\n"));
    }
    await expectImages(await listFolder(folder));
    for (const part of ["train", "validation", "test"]) rmSync(join(folder, part, "metadata.csv"));
    writeFileSync(join(folder, "all.csv"), `path,label\n${rows((i) => `${partOf(i)}/images/${i % 8}.png,${CLASSES[i % 3]}`)}`);
    await expectImages(await listFolder(folder));
  });

  test("of numbers does not rename class folders", async () => {
    const folder = join(scratch, "numbers");
    cpSync(join(SETS, "folder"), folder, { recursive: true });
    writeFileSync(join(folder, "train.csv"), `id,label\n${rows((i) => `${i},${i % 3}`)}`);
    await expectImages(await listFolder(folder));
  });

  test("that names files which are not there, and not all that are", async () => {
    const table = `file,label\n${rows((i) => `${i + 2}.png,${i}`)}\n0.png,`;
    const { files, notes } = await listFolder(flat("gaps", { "labels.csv": table, "about.csv": "a,b\n1,2" }));
    expect(files.map(({ path, className }) => [path, className])).toContainEqual(["gaps/images/11.png", "9"]);
    expect(files).toHaveLength(10);
    expect(notes.map(({ source, kind }) => `${source} ${kind}`).sort()).toEqual([
      "0.png no class",
      "12.png missing",
      "13.png missing",
      "gaps/about.csv not an image",
      "gaps/images/0.png no class",
      "gaps/images/1.png no class",
    ]);
  });
});

describe("beyond 4 GiB, where nothing but the end of the file is ever read", () => {
  const FAR = 5 * 2 ** 30;
  /** A file of zeros that takes no place on the disk, with bytes in some places. */
  const sparse = (name: string, pieces: readonly (readonly [at: number, bytes: Uint8Array])[]) => {
    const path = join(scratch, name);
    const file = openSync(path, "w");
    for (const [at, bytes] of pieces) writeSync(file, bytes, 0, bytes.length, at);
    closeSync(file);
    return path;
  };
  const images = ALL.map((i) => readFileSync(join(SETS, "folder", folderOf(i), `${i}.png`)));

  test("a ZIP64", async () => {
    const zip = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false, offset: FAR });
    for (const i of ALL) await zip.add(`${folderOf(i)}/${i}.png`, new Uint8ArrayReader(images[i] as Uint8Array), { level: i % 2 ? 0 : 6 });
    await expectImages(await list(sparse("far.zip", [[FAR, await zip.close()]])));
  });

  test("a tar", async () => {
    const header = (name: string, size: number) => {
      const block = Buffer.alloc(512);
      block.write(name, 0);
      block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
      block.write("0", 156);
      block.write("        ", 148);
      block.write(
        `${block
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, "0")}\0 `,
        148,
      );
      return block;
    };
    const pieces: [number, Uint8Array][] = [[0, header("README", FAR)]];
    let at = 512 + FAR;
    for (const i of ALL) {
      const image = images[i] as Buffer;
      pieces.push([at, header(`${folderOf(i)}/${i}.png`, image.length)], [at + 512, image]);
      at += 512 + Math.ceil(image.length / 512) * 512;
    }
    const listed = await list(sparse("far.tar", [...pieces, [at, Buffer.alloc(1024)]]));
    await expectImages(listed);
    expect(listed.notes).toMatchObject([{ source: "README", kind: "not an image" }]);
  });
});

test("what cannot be read is named, and the rest is taken", async () => {
  const spoiled = (set: string, change: (bytes: Buffer) => Buffer) => {
    const path = join(scratch, `spoiled-${basename(set)}`);
    writeFileSync(path, change(readFileSync(join(SETS, set))));
    return path;
  };
  const half = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2));
  const bad = ["infozip.zip", "gnu.tar.gz", "two.parquet", "keras.npz", "project.tm", "cifar-10-python.tar.gz"].map((set) =>
    spoiled(set, half),
  );
  const bomb = join(scratch, "bomb.tar.gz");
  writeFileSync(bomb, gzipSync(Buffer.alloc(80 * 2 ** 20)));
  const listed = await list(...bad, bomb, "npy/X.npy", "npy/y.npy");
  await expectImages(listed, { part: () => null });
  for (const path of [...bad, bomb]) {
    expect(listed.notes).toContainEqual(expect.objectContaining({ source: expect.stringContaining(basename(path)), outcome: "left out" }));
  }
  expect(listed.notes).toContainEqual(expect.objectContaining({ source: "bomb.tar.gz", kind: "huge" }));
  // A tar is read up to where it ends.
  const cut = await list(spoiled("gnu.tar", half));
  expect(cut.files.length).toBeGreaterThan(0);
  expect(cut.warnings.concat(cut.notes.map(({ reason }) => reason)).join()).toMatch(/ends/);
});
