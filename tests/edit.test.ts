import { ZipReader } from "@zip.js/zip.js";
import { describe, expect, test } from "vitest";
import type { Dataset, Part } from "../src/data/dataset.ts";
import {
  addClass,
  type Bench,
  deleteImages,
  dropClasses,
  evenOut,
  fixParts,
  mergeClasses,
  moveImages,
  pickImages,
  renameClass,
  restoreImages,
  setParts,
  takeOver,
} from "../src/data/edit.ts";
import { CELLS, describe as describeImages } from "../src/data/likeness.ts";
import { inMemory, readPixels } from "../src/data/pixels.ts";
import { splitDataset } from "../src/data/split.ts";
import { classTable } from "../src/data/table.ts";
import { safeName, writeZip } from "../src/data/takeout.ts";
import { findTwins } from "../src/data/twins.ts";
import { discard, drop, move, rename, restore } from "../src/store/bench.ts";
import { followImages, redo, undo, useEdits } from "../src/store/edits.ts";
import { useImages } from "../src/store/images.ts";
import { useSetup } from "../src/store/setup.ts";

/** A dataset of 1 × 1 images with `counts[c]` images in class c; every image has a colour and a digest of its own. */
function make(counts: Record<string, number>): Dataset {
  const classes = Object.keys(counts);
  const sources = classes.flatMap((name) => Array.from({ length: counts[name] ?? 0 }, (_, i) => `${name}/${i}.jpg`));
  const labels = Uint32Array.from(sources, (source) => classes.indexOf(source.split("/")[0] ?? ""));
  const pixels = Uint8Array.from({ length: labels.length * 3 }, (_, i) => i % 251);
  const digests = sources.map((source) => `digest of ${source}`);
  return { name: "made", classes, size: 1, pixels: inMemory(pixels, labels.length), labels, sources, digests };
}

/** What each image is: its class, its source, its digest and its pixels, which must stay together through every change. */
async function rows(dataset: Dataset): Promise<string[]> {
  const pixels = await readPixels(dataset, [...dataset.labels.keys()]);
  return Array.from(dataset.labels, (label, i) =>
    [dataset.classes[label], dataset.sources[i], dataset.digests?.[i], pixels[i]?.join(), dataset.parts?.[i]].join(" | "),
  );
}

const bench = (dataset: Dataset): Bench => ({ dataset, bin: null });
const names = (dataset: Dataset | null, images: Iterable<number>) => Array.from(images, (i) => dataset?.sources[i]);

describe("edits", () => {
  const dataset = make({ a: 2, b: 1, c: 3 });

  test("rename and merge", () => {
    expect(renameClass(dataset, "b", " bee ").classes).toEqual(["a", "bee", "c"]);
    expect(renameClass(dataset, "b", "b")).toEqual(dataset);
    const two = renameClass(dataset, "a", "c");
    expect(two.classes).toEqual(["c", "b"]);
    expect([...two.labels]).toEqual([0, 0, 1, 0, 0, 0]);
    const one = mergeClasses(dataset, ["b", "c"], "rest");
    expect(one.classes).toEqual(["a", "rest"]);
    expect([...one.labels]).toEqual([0, 0, 1, 1, 1, 1]);
    expect(mergeClasses(dataset, ["c", "b"], "a").classes).toEqual(["a"]);
    expect(() => renameClass(dataset, "a", " ")).toThrow("A class needs a name.");
    expect(() => mergeClasses(dataset, ["x"], "a")).toThrow("There is no class named x.");
    expect([...dataset.labels]).toEqual([0, 0, 1, 2, 2, 2]);
  });

  test("move to a class, old or new; a class without images", () => {
    expect([...moveImages(dataset, [0, 5], "b").labels]).toEqual([1, 0, 1, 2, 2, 1]);
    const made = moveImages(dataset, [0], "new");
    expect(made.classes).toEqual(["a", "b", "c", "new"]);
    expect([...made.labels]).toEqual([3, 0, 1, 2, 2, 2]);
    expect(addClass(dataset, "d").classes).toEqual(["a", "b", "c", "d"]);
    expect(addClass(dataset, "a")).toBe(dataset);
    expect(() => addClass(dataset, "")).toThrow("A class needs a name.");
  });

  test("deleted images lie in the bin, whole, and come back one by one", async () => {
    const before = await rows(dataset);
    const cut = deleteImages(bench(dataset), [4, 0, 2]);
    expect(await rows(cut.dataset)).toEqual([before[1], before[3], before[5]]);
    expect(await rows(cut.bin!)).toEqual([before[0], before[2], before[4]]);
    expect(cut.dataset.classes).toEqual(["a", "b", "c"]);
    const more = deleteImages(cut, [0]);
    expect(await rows(more.bin!)).toEqual([before[0], before[2], before[4], before[1]]);
    const back = restoreImages(more, [1, 3]);
    expect(await rows(back.dataset)).toEqual([before[3], before[5], before[2], before[1]]);
    expect(await rows(back.bin!)).toEqual([before[0], before[4]]);
    expect(restoreImages(back, [0, 1]).bin).toBeNull();
    expect(back.dataset.pixels.packs).toHaveLength(1);
    expect(deleteImages(bench(dataset), [])).toEqual(bench(dataset));
  });

  test("a dropped class goes to the bin with its images, and comes back with the first of them", async () => {
    const dropped = dropClasses(bench(dataset), ["a", "b"]);
    expect(dropped.dataset.classes).toEqual(["c"]);
    expect([...dropped.dataset.labels]).toEqual([0, 0, 0]);
    const back = restoreImages(dropped, [2]);
    expect(back.dataset.classes).toEqual(["c", "b"]);
    expect((await rows(back.dataset)).at(-1)).toBe((await rows(dataset))[2]);
  });

  test("images of another set come behind, with the classes that they are in", async () => {
    const other = make({ c: 1, z: 2, y: 1 });
    const joined = takeOver(dataset, other, [2, 0]);
    expect(joined.classes).toEqual(["a", "b", "c", "z"]);
    expect((await rows(joined)).slice(-2)).toEqual([(await rows(other))[2], (await rows(other))[0]]);
    expect(takeOver({ ...pickImages(other, []), classes: [] }, other, [3]).classes).toEqual(["y"]);
  });

  test("images of another import come into the bin with their own pack", async () => {
    const other = { ...make({ z: 2 }), name: "other" };
    const first = deleteImages(bench(dataset), [0]);
    const both = deleteImages({ dataset: other, bin: first.bin }, [1]);
    expect(await rows(both.bin!)).toEqual([(await rows(dataset))[0], (await rows(other))[1]]);
    expect(both.bin?.pixels.packs).toHaveLength(2);
  });

  test("an image that is put into a part by hand leaves the others where they are", () => {
    const large = make({ a: 40, b: 40 });
    const plan = { validation: 0.1, test: 0.2, amount: "all", seed: 3 } as const;
    const split = splitDataset(large, plan);
    const [moved] = split.train;
    const parts = splitDataset(setParts(fixParts(large, split), [moved!], "test"), { ...plan, seed: 4 });
    expect([...parts.test]).toEqual([...split.test, moved!].sort((x, y) => x - y));
    expect(parts.validation).toEqual(split.validation);
    const free = setParts(setParts(large, [3], "test"), [3], null);
    expect(free).toEqual(large);
    expect(Object.hasOwn(free, "parts")).toBe(false);
    const binned = deleteImages(bench(setParts(large, [3], "test")), [3, 4]).bin;
    expect(binned?.parts).toEqual(["test", null] satisfies (Part | null)[]);
  });

  test("evening out: at most so many of a class, by seed, and the test set is spared", () => {
    const large = make({ a: 50, b: 9, c: 30 });
    const split = splitDataset(large, { validation: 0.1, test: 0.2, amount: "all", seed: 0 });
    const even = evenOut(bench(large), 12, 1, split);
    expect(classTable(even.dataset).map(({ count }) => count)).toEqual([12, 9, 12]);
    expect(names(even.dataset, even.dataset.labels.keys())).toEqual(expect.arrayContaining(names(large, split.test)));
    expect(evenOut(bench(large), 12, 1, split)).toEqual(even);
    expect(evenOut(bench(large), 12, 2, split).dataset.sources).not.toEqual(even.dataset.sources);
    expect(even.bin?.labels).toHaveLength(38 + 18);
    expect(evenOut(bench(large), 50, 1, split).dataset).toBe(large);
  });
});

/** Smooth random pictures: a few blobs of colour on a slope. */
function paint(seed: number, size: number): Uint8Array {
  let state = seed * 2654435761 + 1;
  const random = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) random();
  const blobs = Array.from({ length: 24 }, () => ({
    at: [random(), random()] as const,
    wide: 0.04 + 0.15 * random(),
    colour: [random(), random(), random()].map((value) => 110 * (value - 0.5)),
  }));
  const [dx, dy] = [60 * (random() - 0.5), 60 * (random() - 0.5)];
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [x, y] = [((Math.floor(i / 3) % size) + 0.5) / size, (Math.floor(i / 3 / size) + 0.5) / size];
    const sum = blobs.reduce(
      (value, { at, wide, colour }) => value + (colour[i % 3] ?? 0) * Math.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / wide ** 2),
      128 + dx * x + dy * y,
    );
    return Math.max(0, Math.min(255, Math.round(sum)));
  });
}

const change = (pixels: Uint8Array, by: (value: number, i: number) => number) =>
  pixels.map((value, i) => Math.max(0, Math.min(255, Math.round(by(value, i)))));

function groupsOf(images: readonly Uint8Array[], size: number, limit = 6): number[][] {
  const side = new Uint8Array(images.length * size * size * 3);
  for (const [i, image] of images.entries()) side.set(image, i * image.length);
  return findTwins(describeImages(side, size), limit).map(({ images: group }) => [...group]);
}

describe("twins", () => {
  const size = 48;
  const mirrored = (pixels: Uint8Array) =>
    pixels.map((_, i) => {
      const [x, y, channel] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size), i % 3];
      return pixels[(y * size + size - 1 - x) * 3 + channel] as number;
    });
  /** Drawn at half the size and enlarged again, each pixel four times. */
  const resized = (seed: number) => {
    const half = paint(seed, size / 2);
    return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
      return half[((y >> 1) * (size / 2) + (x >> 1)) * 3 + (i % 3)] as number;
    });
  };

  test.each([
    ["coarser levels, as when it is saved again", (pixels: Uint8Array) => change(pixels, (value) => 8 * Math.round(value / 8))],
    ["noise", (pixels: Uint8Array) => change(pixels, (value, i) => value + ((i * 7919) % 13) - 6)],
    ["brighter", (pixels: Uint8Array) => change(pixels, (value) => value + 30)],
    ["less contrast", (pixels: Uint8Array) => change(pixels, (value) => 128 + 0.7 * (value - 128))],
  ])("%s: the same picture", (_, changed) => {
    const originals = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => paint(seed, size));
    const all = [...originals, ...originals.map(changed)];
    expect(groupsOf(all, size)).toEqual(originals.map((_, i) => [i, i + 8]));
  });

  test("resized: the same; mirrored, or another picture: not", () => {
    const originals = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => paint(seed, size));
    expect(groupsOf([...originals, ...[1, 2, 3, 4, 5, 6, 7, 8].map(resized)], size)).toEqual(originals.map((_, i) => [i, i + 8]));
    expect(groupsOf([...originals, ...originals.map(mirrored)], size)).toEqual([]);
    expect(
      groupsOf(
        Array.from({ length: 200 }, (_, seed) => paint(seed + 20, size)),
        size,
      ),
    ).toEqual([]);
  });

  test("plain pictures are told apart by their colours, which the hash does not see", () => {
    const plain = (...colour: number[]) => Uint8Array.from({ length: size * size * 3 }, (_, i) => colour[i % 3] ?? 0);
    expect(groupsOf([plain(200, 0, 0), plain(0, 0, 200), plain(190, 0, 0), plain(0, 200, 0)], size)).toEqual([[0, 2]]);
  });

  /** Hashes made by hand, all of one colour. */
  const described = (...hashes: readonly (readonly [number, number])[]) => ({
    hashes: Uint32Array.from(hashes.flat()),
    cells: new Uint8Array(hashes.length * CELLS).fill(90),
  });

  test("every pair up to the limit is found, in whichever bits it differs", () => {
    const [high, low] = [0x12345678, 0x9abcdef0];
    for (let trial = 0; trial < 100; trial++) {
      const bits = new Set(Array.from({ length: 10 }, (_, i) => (trial * 37 + i * (2 * (trial % 29) + 1)) % 64));
      let [a, b] = [high, low];
      for (const bit of bits) {
        if (bit < 32) a ^= 1 << bit;
        else b ^= 1 << (bit - 32);
      }
      const pair = described([high, low], [a, b]);
      expect(findTwins(pair, bits.size), [...bits].join()).toEqual([{ images: [0, 1], kept: [0] }]);
      expect(findTwins(pair, bits.size - 1)).toEqual([]);
    }
  });

  test("a chain is one group, and each image that goes is like one that is kept", () => {
    const chain = described([0, 0], [0xffff0000, 0], [0b1111, 0], [0b11111111, 0], [0, 0], [0b111111111111, 0]);
    expect(findTwins(chain, 4)).toEqual([{ images: [0, 2, 3, 4, 5], kept: [0, 3] }]);
    expect(findTwins(chain, 3)).toEqual([{ images: [0, 4], kept: [0] }]);
  });
});

describe("a zip of the set", () => {
  const named = make({ cat: 3, Cat: 1, ab: 1, النمر: 1 });
  const dataset: Dataset = { ...named, classes: named.classes.map((name) => (name === "ab" ? "a/b" : name)) };
  const read = async (blob: Blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const entries = await new ZipReader(new Blob([bytes]).stream()).getEntries();
    return Promise.all(
      entries.map(async (entry) => {
        if (entry.directory) throw new Error("a folder");
        const content = new TransformStream<Uint8Array, Uint8Array>();
        const text = new Response(content.readable).text();
        await entry.getData(content.writable);
        return [entry.filename, await text] as const;
      }),
    );
  };

  test("parts, classes, names that collide, and a table for each part", async () => {
    const written: number[] = [];
    const zip = await writeZip(dataset, {
      partOf: (image) => (image === 2 ? "test" : "train"),
      fileOf: async (image) => ({ name: image < 2 ? "x/1.jpg" : `${image}.png`, blob: new Blob([`image ${image}`]) }),
      onProgress: (count) => written.push(count),
    });
    expect(await read(zip)).toEqual([
      ["train/cat/1.jpg", "image 0"],
      ["train/cat/1 (2).jpg", "image 1"],
      ["test/cat/2.png", "image 2"],
      ["train/Cat (2)/3.png", "image 3"],
      ["train/a_b/4.png", "image 4"],
      ["train/النمر/5.png", "image 5"],
      [
        "train/metadata.csv",
        "file_name,label,split,source\ncat/1.jpg,cat,train,cat/0.jpg\ncat/1 (2).jpg,cat,train,cat/1.jpg\n" +
          "Cat (2)/3.png,Cat,train,Cat/0.jpg\na_b/4.png,a/b,train,ab/0.jpg\nالنمر/5.png,النمر,train,النمر/0.jpg\n",
      ],
      ["test/metadata.csv", "file_name,label,split,source\ncat/2.png,cat,test,cat/2.jpg\n"],
    ]);
    expect(written).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("without parts; quotes in a name; a cancelled one ends", async () => {
    const odd = { ...make({ 'say "hi", you': 1 }) };
    const fileOf = async () => ({ name: "1.jpg", blob: new Blob(["x"]) });
    expect((await read(await writeZip(odd, { fileOf }))).at(-1)).toEqual([
      "metadata.csv",
      'file_name,label,split,source\n"say _hi_, you/1.jpg","say ""hi"", you",,"say ""hi"", you/0.jpg"\n',
    ]);
    const stop = new AbortController();
    const writing = writeZip(dataset, {
      fileOf,
      signal: stop.signal,
      onProgress: (count) => count === 2 && stop.abort(new Error("enough")),
    });
    await expect(writing).rejects.toThrow("enough");
  });

  test.each([
    ["forest", "forest"],
    ["a/b\\c:d", "a_b_c_d"],
    ["..", "_"],
    [".hidden", "_hidden"],
    ["con", "_con"],
    ["com1.png", "_com1.png"],
    ["__MACOSX", "___MACOSX"],
    ["ends. ", "ends"],
    ["", "other"],
    ["\u0000\u001f", "__"],
    ["🌲🌲", "🌲🌲"],
    [`${"é".repeat(400)}.jpg`, `${"é".repeat(60)}.jpg`],
  ])("%j is called %j", (name, safe) => expect(safeName(name, "other")).toBe(safe));
});

describe("history", () => {
  const first = make({ a: 4, b: 3 });
  const past = () => useEdits.getState().past.map(({ name }) => name);
  const shown = () => {
    const { dataset } = useImages.getState();
    return { dataset, bin: useEdits.getState().bin, sample: useSetup.getState().sample };
  };
  const begin = () => {
    useImages.setState({ dataset: first, importing: null });
    useSetup.getState().setSample("eurosat-mini");
    useEdits.setState({ past: [], future: [], bin: null, said: "" });
    return followImages();
  };

  test("undo and redo give back every state: images, bin, and whether it is a sample set", () => {
    const end = begin();
    const states = [shown()];
    const changes = [
      () => discard([0, 5]),
      () => move([0], "c"),
      () => rename("b", "bee"),
      () => drop(["a"]),
      () => restore([1]),
      () => rename("bee", "c"),
    ];
    for (const change of changes) {
      change();
      states.push(shown());
    }
    expect(past()).toEqual([
      "delete 2 images",
      "move one image to c",
      "rename b to bee",
      "remove the class a",
      "restore one image",
      "merge bee into c",
    ]);
    expect(states.map(({ sample }) => sample)).toEqual(["eurosat-mini", ...changes.map(() => null)]);
    for (let i = states.length - 2; i >= 0; i--) {
      undo();
      expect(shown()).toEqual(states[i]);
    }
    expect(shown().dataset).toBe(first);
    undo();
    for (const state of states.slice(1)) {
      redo();
      expect(shown()).toEqual(state);
    }
    expect(useEdits.getState().said).toBe("Done again: merge bee into c.");
    end();
  });

  test("a new change forgets what was undone; what changes nothing is no step; fifty are kept", () => {
    const end = begin();
    discard([0]);
    undo();
    discard([]);
    rename("b", " b ");
    move([1], "b");
    expect(useEdits.getState().future).toEqual([]);
    expect(past()).toEqual(["move one image to b"]);
    for (let i = 0; i < 60; i++) rename(i === 0 ? "a" : `a${i}`, `a${i + 1}`);
    expect(past()).toHaveLength(50);
    end();
  });

  test("imports are steps: more images keep the bin, others empty it, and undo brings all back", () => {
    const end = begin();
    discard([6]);
    const { dataset, bin } = shown();
    const more = { ...first, sources: dataset!.sources.concat("b/9.jpg"), labels: Uint32Array.of(0, 0, 0, 0, 1, 1, 1) };
    useImages.setState({ dataset: more });
    expect(shown().bin).toBe(bin);
    useImages.setState({ dataset: make({ z: 5 }) });
    expect(shown().bin).toBeNull();
    useImages.setState({ dataset: null });
    expect(past()).toEqual(["delete one image", "import one image", "import 5 images", "clear the images"]);
    undo();
    undo();
    expect(shown().dataset).toBe(more);
    expect(shown().bin).toBe(bin);
    useImages.setState({ importing: { name: "", seen: 0, total: 0, taken: 0, perSecond: 0 } });
    undo();
    expect(shown().dataset).toBe(more);
    useImages.setState({ importing: null });
    undo();
    expect(shown()).toMatchObject({ dataset, bin });
    end();
  });
});
