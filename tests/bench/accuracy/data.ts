/** Sets as PyTorch can read them: prepared pixels, splits, and the very batches and views of every run. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "vite";
import { batches } from "../../../src/data/batch.ts";
import type { Preprocess } from "../../../src/data/dataset.ts";
import { parsePreprocess } from "../../../src/data/preprocess.ts";
import { fitPicture } from "../../../src/data/resize.ts";
import { splitDataset } from "../../../src/data/split.ts";
import { drawViews } from "../../../src/train/augment.ts";
import { learningRate } from "../../../src/train/schedule.ts";
import { launch, open, serve } from "../../browser/harness.mjs";
import type { Images } from "../../browser/prepare.ts";
import { AMOUNTS, configOf, datasetOf, METHODS, type Plan, type Prepared, SETS, type SetSpec } from "./plan.ts";

export interface DataOptions {
  /** Where the zips and folders lie. */
  readonly from: string;
  readonly dir: string;
  readonly sets: readonly string[];
  readonly seeds: number;
  /** Overrides the recipe's, for a try. */
  readonly steps: number | undefined;
  /** Share of each class that is tested on, where the set has no part for it. */
  readonly test: number;
}

type Loaded = Pick<Prepared, "labels" | "sources" | "parts" | "classes"> & { readonly pixels: Uint8Array };

export async function prepareData({ from, dir, sets, seeds, steps, test }: DataOptions): Promise<void> {
  const preprocess = parsePreprocess(JSON.parse(readFileSync("public/models/clip-tiny/preprocessor_config.json", "utf8")));
  const present = sets.filter((id) => existsSync(join(from, (SETS[id] as SetSpec).file)));
  for (const id of sets) if (!present.includes(id)) console.log(`${id}: there is no ${join(from, (SETS[id] as SetSpec).file)}; left out`);
  mkdirSync(join(dir, "views"), { recursive: true });
  const length = { all: steps ?? 300, "16": steps ?? 150 };
  const zips = present.filter((id) => (SETS[id] as SetSpec).file.endsWith(".zip"));
  const images = zips.length > 0 ? await inBrowser(from, zips, preprocess) : new Map<string, Loaded>();
  for (const id of present) {
    const spec = SETS[id] as SetSpec;
    const { pixels, ...loaded } = images.get(id) ?? fromIdx(join(from, spec.file), spec, preprocess);
    const set = { title: spec.title, prompt: spec.prompt, size: preprocess.crop, ...loaded };
    const dataset = datasetOf(set, pixels);
    let tested: readonly number[] = [];
    const counts: string[] = [];
    for (const amount of AMOUNTS)
      for (let seed = 0; seed < seeds; seed++) {
        const config = configOf(spec, [], amount, seed, length[amount], test);
        const split = splitDataset(dataset, config);
        tested = [...split.test]; // the same for all
        if (seed === 0) counts.push(`${split.train.length} (${amount})`);
        const batchOf = batches(split.train, config.batch, seed);
        const views = new Int32Array(length[amount] * config.batch * 4);
        const drawn = { place: new Float32Array(6 * config.batch), tone: new Float32Array(6 * config.batch) };
        for (let step = 0; step < length[amount]; step++) {
          drawViews(config.augment, preprocess.crop, seed, step, drawn);
          batchOf(step).forEach((image, i) => {
            const [a, , c, , , f] = drawn.place.subarray(6 * i, 6 * i + 6) as unknown as [number, number, number, number, number, number];
            views.set([image, a < 0 ? c - (preprocess.crop - 1) : c, f, Number(a < 0)], 4 * (step * config.batch + i));
          });
        }
        writeFileSync(join(dir, "views", `${id}-${amount}-${seed}.bin`), new Uint8Array(views.buffer));
      }
    writeFileSync(join(dir, `${id}.bin.gz`), gzipSync(pixels, { level: 6 }));
    writeFileSync(join(dir, `${id}.json`), JSON.stringify({ ...set, share: test, test: tested } satisfies Prepared));
    console.log(
      `${id}: ${dataset.labels.length} images of ${dataset.classes.length} classes, ${counts.join(" or ")} train, ${tested.length} test`,
    );
  }
  const curve = (count: number) => Array.from({ length: count }, (_, i) => learningRate(1, i + 1, { steps: count, warmup: 0.1 }));
  const plan: Plan = {
    batch: 64,
    seeds,
    steps: length,
    rates: { all: curve(length.all), "16": curve(length["16"]) },
    sets: present,
    methods: METHODS,
    mean: preprocess.mean,
    std: preprocess.std,
  };
  writeFileSync(join(dir, "plan.json"), JSON.stringify(plan));
}

/** Zips, imported by the app's own code in a real browser. */
async function inBrowser(from: string, ids: readonly string[], preprocess: Preprocess): Promise<ReadonlyMap<string, Loaded>> {
  const scratch = mkdtempSync(join(tmpdir(), "fullrank-prepare-"));
  const input = resolve("tests/browser/prepare.html");
  await build({
    logLevel: "error",
    publicDir: resolve(from),
    build: { outDir: scratch, emptyOutDir: false, rolldownOptions: { input } },
  });
  const site = await serve(scratch);
  const browser = await launch({ webgpu: false });
  try {
    const { page, problems } = await open(browser, `${site.url}tests/browser/prepare.html`);
    await page.waitForFunction("globalThis.prepare");
    const all = new Map<string, Loaded>();
    for (const id of ids) {
      const { file, classes } = SETS[id] as SetSpec;
      const given = [`/${file}`, file, preprocess] as const;
      const images = await page.evaluate(
        ([address, name, as]) =>
          (globalThis as typeof globalThis & { prepare(address: string, name: string, as: Preprocess): Promise<Images> }).prepare(
            address,
            name,
            as,
          ),
        given,
      );
      if (problems.length > 0) throw new Error(problems.join("\n"));
      const words = images.classes.map((name) => classes[name] ?? name);
      all.set(id, { ...images, classes: words, parts: null, pixels: Uint8Array.from(Buffer.from(images.pixels, "base64")) });
    }
    return all;
  } finally {
    await browser.close();
    site.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** At most as many as the reference has. */
const MOST = { train: 5000, test: 3000 } as const;

/** MNIST's format: two pairs of files, of images and of labels. */
function fromIdx(folder: string, { classes }: SetSpec, preprocess: Preprocess): Loaded {
  const read = (name: string): Uint8Array => {
    const path = join(folder, name);
    return existsSync(`${path}.gz`) ? gunzipSync(readFileSync(`${path}.gz`)) : readFileSync(path);
  };
  const side = preprocess.crop ** 2 * 3;
  const loaded = (["train", "test"] as const).map((part) => {
    const stem = part === "train" ? "train" : "t10k";
    const [pictures, labels] = [read(`${stem}-images-idx3-ubyte`), read(`${stem}-labels-idx1-ubyte`)];
    const view = new DataView(pictures.buffer, pictures.byteOffset);
    const [height, width] = [view.getUint32(8), view.getUint32(12)];
    const count = Math.min(MOST[part], view.getUint32(4));
    const pixels = new Uint8Array(count * side);
    for (let image = 0; image < count; image++) {
      const grey = pictures.subarray(16 + image * height * width, 16 + (image + 1) * height * width);
      const rgb = Uint8Array.from({ length: 3 * grey.length }, (_, k) => grey[Math.floor(k / 3)] as number);
      const rows = (top: number, rowCount: number) => rgb.subarray(3 * top * width, 3 * (top + rowCount) * width);
      pixels.set(fitPicture({ width, height, channels: 3, rows }, preprocess), image * side);
    }
    return { part, labels: [...labels.subarray(8, 8 + count)], pixels };
  });
  return {
    classes: Object.values(classes),
    labels: loaded.flatMap(({ labels }) => labels),
    sources: loaded.flatMap(({ part, labels }) => labels.map((_, i) => `${part}/${i}`)),
    parts: loaded.flatMap(({ part, labels }) => labels.map(() => part)),
    pixels: Uint8Array.from(Buffer.concat(loaded.map(({ pixels }) => pixels))),
  };
}
