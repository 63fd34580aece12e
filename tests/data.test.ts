import { describe, expect, test } from "vitest";
import { batches } from "../src/data/batch.ts";
import { checkDataset } from "../src/data/check.ts";
import { collect, type Progress } from "../src/data/collect.ts";
import type { Dataset, Pixels } from "../src/data/dataset.ts";
import { openDecoder } from "../src/data/decoder.ts";
import { pickImages, renameClass } from "../src/data/edit.ts";
import { inMemory, joinPixels, openPixels, Places, readPixels } from "../src/data/pixels.ts";
import { summarise } from "../src/data/report.ts";
import { arrange } from "../src/data/source.ts";
import { type Amount, splitDataset } from "../src/data/split.ts";
import { classTable, toRgba } from "../src/data/table.ts";
import type { Job, Order, Outcome } from "../src/data/worker.ts";

const found = (...paths: string[]) => paths.map((path) => ({ path, open: async () => new Blob([path]) }));

/** A dataset of 1 × 1 images with `counts[c]` images in class c. */
function makeDataset(counts: Record<string, number>): Dataset {
  const classes = Object.keys(counts);
  const sources = classes.flatMap((name) => Array.from({ length: counts[name] ?? 0 }, (_, i) => `${name}/${i}.jpg`));
  const labels = Uint32Array.from(sources, (source) => classes.indexOf(source.split("/")[0] ?? ""));
  const pixels = Uint8Array.from({ length: labels.length * 3 }, (_, i) => i);
  return { name: "made", classes, size: 1, pixels: inMemory(pixels, labels.length), labels, sources };
}

/** Stands in for the decoder: the pixel and the digest are the text of the file; "bad…" is refused. */
const fakePreparer = {
  lanes: 2,
  prepare: async (orders: readonly Order[]) => {
    const outcomes = await Promise.all(orders.map(({ file }) => fakeOutcome(file)));
    return { outcomes, decoded: outcomes.length, shown: new Uint8Array(3) };
  },
  close: async () => undefined,
};

async function fakeOutcome(file: Blob): Promise<Outcome> {
  const text = await file.text();
  if (text.startsWith("bad")) return { kind: "damaged", reason: "a JPEG that could not be decoded" };
  if (text.startsWith("full")) return "full";
  const remark = text.startsWith("small") ? "only 9 × 9 pixels: enlarged to 64 × 64" : undefined;
  return { prepared: { at: new Uint8Array([text.length, 0, 0]), digest: text, remark } };
}

describe("import", () => {
  const readText = (text: string): Blob => {
    if (text === "crash") throw new Error("out of memory");
    return new Blob([text]);
  };

  test("bad files are named, the rest goes on, in the order of the source", async () => {
    const text = new Map([
      ["dog/2.jpg", "bad"],
      ["dog/3.jpg", "cat/1.jpg"],
      ["cat/4.jpg", "cat/1.jpg"],
      ["cat/5.jpg", "crash"],
    ]);
    const paths = ["dog/1.jpg", "cat/1.jpg", "dog/2.jpg", "dog/3.jpg", "cat/4.jpg", "cat/5.jpg", "ant/1.jpg", "owl/bad.jpg"];
    const files = paths.map((path) => ({ path, open: async () => readText(text.get(path) ?? path.replace("owl/", "")) }));
    files.push({ path: "ant/small.jpg", open: async () => new Blob(["small"]) });
    const events: Progress[] = [];
    const source = arrange("pets", [...files, ...found("__MACOSX/a.jpg")]);
    const { dataset, report } = await collect(source, 1, fakePreparer, { onProgress: (event) => events.push(event) });
    expect(dataset).toMatchObject({ name: "pets", classes: ["ant", "cat", "dog"], size: 1 });
    expect(dataset.sources).toEqual(["dog/1.jpg", "cat/1.jpg", "ant/1.jpg", "ant/small.jpg"]);
    expect([...dataset.labels]).toEqual([2, 1, 0, 0]);
    expect(report.found).toBe(10);
    expect(report.notes.map((note) => [note.source, note.kind])).toEqual([
      ["__MACOSX/", "system file"],
      ["dog/2.jpg", "damaged"],
      ["dog/3.jpg", "same picture in two classes"],
      ["cat/4.jpg", "duplicate"],
      ["cat/5.jpg", "unreadable"],
      ["owl/bad.jpg", "damaged"],
      ["ant/small.jpg", "tiny"],
    ]);
    expect(report.notes[2]?.reason).toBe("same picture in two classes: the same file as cat/1.jpg, which is kept as cat");
    expect(report.notes[3]?.reason).toBe("the same file as cat/1.jpg");
    expect(report.warnings).toContain("No image of owl could be taken, so it is not a class.");
    expect(summarise(report)).toBe(
      "4 images taken. 6 left out: 2 damaged files, 1 system file or folder, 1 picture in two classes, 1 duplicate, " +
        "1 unreadable file. 1 taken with a remark: 1 tiny image.",
    );
    expect(events.at(-1)).toMatchObject({ seen: 9, total: 9, taken: 4 });
    expect(events.flatMap(({ fresh }) => fresh).length).toBeGreaterThan(0);
  });

  test("cancelling keeps what is in", async () => {
    const stop = new AbortController();
    const files = found(...Array.from({ length: 200 }, (_, i) => `cat/${i}.jpg`));
    let jobs = 0;
    const slow = {
      ...fakePreparer,
      lanes: 1,
      prepare: async (orders: readonly Order[]) => {
        if (++jobs === 3) stop.abort();
        return fakePreparer.prepare(orders);
      },
    };
    const { dataset, report } = await collect(arrange("c", files), 1, slow, { signal: stop.signal });
    expect(dataset.labels.length).toBeGreaterThan(0);
    expect(dataset.labels.length).toBeLessThan(100);
    expect(report.warnings[0]).toMatch(/^Stopped after \d+ of 200 files: the \d+ images read are kept\.$/);
  });

  test("adding to a dataset knows its images and keeps its labels", async () => {
    const { dataset } = await collect(arrange("p", found("dog/1.jpg", "cat/1.jpg")), 1, fakePreparer);
    const more = arrange("q", found("cat/1.jpg", "cat/2.jpg", "ant/1.jpg"));
    const { dataset: grown, report } = await collect(more, 1, fakePreparer, { into: dataset });
    expect(grown).toMatchObject({ name: "p", classes: ["cat", "dog", "ant"] });
    expect([...grown.labels]).toEqual([1, 0, 0, 2]);
    expect(report).toMatchObject({ found: 3, taken: 2, notes: [{ source: "cat/1.jpg", kind: "there already" }] });
    expect(summarise(report)).toBe("2 images taken. 1 is there already.");
    await expect(collect(more, 2, fakePreparer, { into: dataset })).rejects.toThrow("Images of 2 pixels");
  });

  test("the same folder again brings nothing, whatever its classes are called by now", async () => {
    const same = (path: string) => ({ path, open: async () => readText("dog/1.jpg") });
    const files = [...found("dog/1.jpg", "dog/2.jpg", "cat/1.jpg"), same("dog/copy.jpg")];
    const { dataset } = await collect(arrange("p", files), 1, fakePreparer);
    const renamed = renameClass(dataset, "dog", "hound");
    const { dataset: again, report } = await collect(arrange("p", files), 1, fakePreparer, { into: renamed });
    expect(again.classes).toEqual(["cat", "hound"]);
    expect(report).toMatchObject({ found: 4, taken: 0 });
    expect(report.warnings.join()).not.toMatch(/No image of dog/);
    expect(report.notes.map(({ kind }) => kind)).toEqual(Array(4).fill("there already"));
    expect(report.notes[0]?.reason).toBe("the same file as dog/1.jpg, which is kept as hound");
    expect(summarise(report)).toBe("4 images are there already.");
    // From elsewhere it is a contradiction, and said as one.
    const elsewhere = arrange("q", [same("cat/9.jpg"), ...found("owl/1.jpg")]);
    const { report: other } = await collect(elsewhere, 1, fakePreparer, { into: renamed });
    expect(other.notes.map(({ kind }) => kind)).toEqual(["same picture in two classes"]);
  });

  test("the order of the source is kept, whatever is done first", async () => {
    const files = found(...Array.from({ length: 200 }, (_, i) => `cat/${i}.jpg`));
    const late: (() => void)[] = [];
    let jobs = 0;
    const shuffling = {
      ...fakePreparer,
      lanes: 4,
      prepare: async (orders: readonly Order[]) => {
        // The first batches come last.
        if (++jobs < 6) await new Promise<void>((resolve) => late.push(resolve));
        else for (const resolve of late.splice(0).reverse()) resolve();
        return fakePreparer.prepare(orders);
      },
    };
    const { dataset } = await collect(arrange("c", files), 1, shuffling);
    expect(dataset.sources).toEqual(files.map(({ path }) => path));
    const pixels = await readPixels(dataset, [...dataset.labels.keys()]);
    expect(pixels.map(([first]) => first)).toEqual(files.map(({ path }) => path.length));
  });

  test("images in memory fill one pack after the other, and joined sets keep theirs", async () => {
    const size = 1500;
    const images = [1, 2, 3, 4].map((value) => new Uint8Array(size * size * 3).fill(value));
    const gather = (some: readonly Uint8Array[], before?: Pixels) => {
      const places = new Places(size);
      for (const image of some) places.add(image);
      return places.end(before);
    };
    const pixels = gather(images.slice(3), gather(images.slice(0, 3)));
    expect(pixels.packs.map((pack) => pack.length / (size * size * 3))).toEqual([2, 1, 1]);
    expect([...pixels.pack]).toEqual([0, 0, 1, 2]);
    const reader = await openPixels({ pixels, size });
    const into = new Uint8Array(size * size * 3);
    for (const [image, expected] of images.entries()) {
      reader.read(image, into);
      expect(Buffer.compare(into, expected)).toBe(0);
    }
    expect(() => reader.read(4, into)).toThrow("There is no image 4.");
    const elsewhere = joinPixels(
      { packs: ["a", "b"], pack: Uint16Array.of(0, 1), row: Uint32Array.of(5, 6) },
      { packs: ["b", "c"], pack: Uint16Array.of(1, 0), row: Uint32Array.of(7, 8) },
    );
    expect(elsewhere).toEqual({ packs: ["a", "b", "c"], pack: Uint16Array.of(0, 1, 2, 1), row: Uint32Array.of(5, 6, 7, 8) });
  });

  test("full storage ends an import with what is in", async () => {
    const files = found("cat/1.jpg", "dog/1.jpg", "full/1.jpg", "owl/1.jpg");
    const { dataset, report } = await collect(arrange("c", files), 1, fakePreparer);
    expect(dataset.sources).toEqual(["cat/1.jpg", "dog/1.jpg"]);
    expect(report.warnings).toContain("The browser's storage is full with 2 new images: 2 more files were not read.");
    expect(report.found).toBe(2);
  });

  test("a decoding worker that dies is replaced, and only the file that it dies of is refused", async () => {
    const started: Partial<Worker>[] = [];
    const start = () => {
      let onMessage: (event: MessageEvent) => void = () => undefined;
      const worker: Partial<Worker> & { onerror: Worker["onerror"] } = {
        onerror: null,
        terminate() {},
        addEventListener: (_: string, listener: unknown) => (onMessage = listener as typeof onMessage),
        postMessage(job: Job) {
          queueMicrotask(() => {
            if (job.type === "end") onMessage({ data: { type: "ended" } } as MessageEvent);
            else if (job.orders.some(({ file }) => file.size === 3)) (worker.onerror as (event: Event) => void)(new Event("error"));
            else {
              const outcomes = job.orders.map(({ file }) => ({ prepared: { digest: String(file.size) } }));
              worker.onmessage?.call(worker as Worker, { data: { type: "batch", batch: { outcomes, decoded: 1 } } } as MessageEvent);
            }
          });
        },
      };
      started.push(worker);
      return worker as Worker;
    };
    const preprocess = { resize: 1, resample: "bicubic", crop: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
    Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: 2 }, configurable: true });
    const decoder = openDecoder(preprocess, false, start);
    const { outcomes } = await decoder.prepare(["a", "bad", "ab"].map((text) => ({ file: new Blob([text]) })));
    expect(outcomes).toMatchObject([{ prepared: { digest: "1" } }, { kind: "damaged" }, { prepared: { digest: "2" } }]);
    expect(started).toHaveLength(3);
    await decoder.close();
  });
});

describe("split and batches", () => {
  const plan = (validation: number, seed: number) => ({ validation, test: 0, amount: "all", seed }) as const;
  const key = (dataset: Dataset, indices: Uint32Array) => Array.from(indices, (i) => dataset.sources[i]).sort();

  test("every class is split in proportion, by seed", () => {
    const dataset = makeDataset({ a: 60, b: 10, c: 2, d: 1 });
    const split = splitDataset(dataset, plan(0.2, 7));
    expect([...split.train, ...split.validation].sort((x, y) => x - y)).toEqual(Array.from(dataset.labels.keys()));
    expect([0, 1, 2, 3].map((label) => split.validation.filter((i) => dataset.labels[i] === label).length)).toEqual([12, 2, 1, 0]);
    expect(splitDataset(dataset, plan(0.2, 7))).toEqual(split);
    expect(splitDataset(dataset, plan(0.2, 8))).not.toEqual(split);
    expect(splitDataset(dataset, plan(0, 7)).validation).toHaveLength(0);
    expect(splitDataset(dataset, plan(0.999, 7)).train).toHaveLength(4);
    expect(() => splitDataset(dataset, plan(1, 7))).toThrow(RangeError);
  });

  test("neither the order of import nor other classes move an image", () => {
    const one = makeDataset({ a: 30, b: 20 });
    const two = makeDataset({ z: 5, b: 20, a: 30 });
    const ofA = (dataset: Dataset) =>
      key(dataset, splitDataset(dataset, plan(0.3, 1)).validation).filter((source) => source?.startsWith("a"));
    expect(ofA(two)).toEqual(ofA(one));
  });

  test("the test set is the same for every seed, and never trained or validated on", () => {
    const dataset = makeDataset({ a: 60, b: 10, c: 3, d: 2, e: 1 });
    const splits = [0, 1, 2].map((seed) => splitDataset(dataset, { validation: 0.1, test: 0.2, amount: "all", seed }));
    const count = (indices: Uint32Array) => [0, 1, 2, 3, 4].map((label) => indices.filter((i) => dataset.labels[i] === label).length);
    for (const { train, validation, test } of splits) {
      expect(test).toEqual(splits[0]!.test);
      expect([count(train), count(validation), count(test)]).toEqual([
        [42, 7, 1, 1, 1],
        [6, 1, 1, 0, 0],
        [12, 2, 1, 1, 0],
      ]);
      expect(new Set([...train, ...validation, ...test]).size).toBe(76);
    }
    expect(splits[0]!.validation).not.toEqual(splits[1]!.validation);
  });

  test("few shots are nested, by seed, and leave what is held out as it is", () => {
    const dataset = makeDataset({ a: 60, b: 30, c: 3 });
    const of = (amount: Amount, seed = 0) => splitDataset(dataset, { validation: 0.1, test: 0.2, amount, seed });
    const all = of("all");
    let fewer = new Set<number>();
    for (const [amount, counts] of [
      ["1", 3],
      ["2", 5],
      ["4", 9],
      ["16", 33],
      ["50%", 33],
    ] as const) {
      const { train, validation, test } = of(amount);
      expect({ validation, test }).toEqual({ validation: all.validation, test: all.test });
      expect([...fewer].every((i) => train.includes(i) || amount === "50%")).toBe(true);
      fewer = new Set(train);
      expect(train, amount).toHaveLength(counts);
      expect([...train].every((i) => all.train.includes(i))).toBe(true);
    }
    expect(of("4", 1).train).not.toEqual(of("4").train);
  });

  test("images stay in the part that they were delivered in; a part without any is drawn", () => {
    const dataset = makeDataset({ a: 10, b: 10 });
    const parts = Array.from(dataset.labels, (_, i) => (i % 10 < 3 ? ("test" as const) : i % 10 < 5 ? ("train" as const) : null));
    const { train, validation, test } = splitDataset({ ...dataset, parts }, { validation: 0.2, test: 0.5, amount: "all", seed: 4 });
    expect([...test]).toEqual([0, 1, 2, 10, 11, 12]);
    expect(validation).toHaveLength(4);
    expect([...train, ...validation].sort((x, y) => x - y)).toEqual([3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19]);
    expect(pickImages({ ...dataset, parts }, [0, 3, 19]).parts).toEqual(["test", "train", null]);
  });

  test("two images", () => {
    expect(splitDataset(makeDataset({ a: 2 }), plan(0.2, 0))).toMatchObject({ train: { length: 1 }, validation: { length: 1 } });
    expect(splitDataset(makeDataset({ a: 1, b: 1 }), plan(0.2, 0))).toMatchObject({ train: { length: 2 }, validation: { length: 0 } });
  });

  test("batches: each index once per epoch, any step by itself, the same for every lane", () => {
    const indices = Uint32Array.from([3, 5, 8, 13, 21, 34, 55]);
    const draw = batches(indices, 3, 42);
    const stream = Array.from({ length: 14 }, (_, step) => [...draw(step)]).flat();
    for (let epoch = 0; epoch < 6; epoch++) {
      expect(stream.slice(epoch * 7, epoch * 7 + 7).sort((a, b) => a - b)).toEqual([...indices]);
    }
    expect([...batches(indices, 3, 42)(9)]).toEqual([...draw(9)]);
    expect(Array.from({ length: 14 }, (_, step) => [...batches(indices, 3, 43)(step)]).flat()).not.toEqual(stream);
    expect(batches(Uint32Array.of(4), 3, 0)(5)).toEqual(Uint32Array.of(4, 4, 4));
    expect(() => batches(new Uint32Array(), 3, 0)).toThrow("no images");
    expect(() => draw(-1)).toThrow(RangeError);
  });
});

describe("classes", () => {
  const dataset: Dataset = { ...makeDataset({ a: 2, b: 1, c: 3 }), digests: ["0", "1", "2", "3", "4", "5"] };

  test("table and thumbnails", () => {
    expect(classTable(dataset)[2]).toEqual({ name: "c", count: 3, images: [3, 4, 5] });
    expect([...toRgba(Uint8Array.of(3, 4, 5))]).toEqual([3, 4, 5, 255]);
  });

  test("warnings", () => {
    expect(checkDataset(makeDataset({}))).toEqual(["No images were found."]);
    expect(checkDataset(makeDataset({ a: 9 }))).toEqual(["Only one class was found, a: add a second one to train."]);
    expect(checkDataset(makeDataset({ a: 1, b: 1 }))).toEqual([
      "Only two images: enough to try the page, too few to learn from or to measure anything.",
      "a, b have one image each, which goes to training: nothing is left to check it on.",
    ]);
    expect(checkDataset(makeDataset({ a: 50, b: 10 }))).toEqual(["The classes are uneven: a has 50 images, b 10."]);
    expect(checkDataset(makeDataset({ a: 40, b: 10 }))).toEqual([]);
  });
});
