/** Where models come from: a Hub on this computer that answers as the real one does, and fails as it may; dropped folders; the bundled model. */
import { openAsBlob } from "node:fs";
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { hash } from "../src/data/hash.ts";
import { readBundled, readFolder } from "../src/train/folder.ts";
import { Hub, type Inspection } from "../src/train/hub.ts";
import { SourceError, type SourceFault } from "../src/train/input.ts";
import { cardOf, licenceOf } from "../src/train/licence.ts";
import { parseId } from "../src/train/modelid.ts";
import type { Store } from "../src/train/opfs.ts";
import { type LoadedModel, plan } from "../src/train/source.ts";
import { serve } from "./browser/harness.mjs";
import { startHub, type ToyHub, type ToyModel } from "./toyhub.ts";

/** A store on this computer's disk. */
function diskStore(top: string): Store {
  const missing = (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  };
  return {
    async read(path) {
      const found = await stat(join(top, path)).catch(missing);
      return found && openAsBlob(join(top, path));
    },
    async append(path, keep) {
      await mkdir(dirname(join(top, path)), { recursive: true });
      const file = await open(join(top, path), "a");
      await file.truncate(keep);
      return { write: async (bytes) => void (await file.write(bytes)), close: () => file.close() };
    },
    remove: (path) => rm(join(top, path), { recursive: true, force: true }),
    async list() {
      const entries = await readdir(top, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      return Promise.all(
        paths.map(async (path) => ({ path: path.slice(top.length + 1).replaceAll("\\", "/"), size: (await stat(path)).size })),
      );
    },
  };
}

const noise = (size: number, seed: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => hash(seed, i));
const text = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

const CONFIG = text({ model_type: "vit", hidden_size: 12 });
const PREPROCESS = { do_resize: true, size: { shortest_edge: 16 } };
const WEIGHTS = noise(300_001, 1);
const REVISION = "0123456789abcdef0123456789abcdef01234567";
const single = new Map<string, Uint8Array>([
  ["README.md", text("---\nlanguage: en\nlicense: apache-2.0 # as the paper says\ntags:\n- vision\n---\n# A model\n")],
  [".gitattributes", text("*.safetensors filter=lfs\n")],
  ["config.json", CONFIG],
  ["preprocessor_config.json", text(PREPROCESS)],
  ["model.safetensors", WEIGHTS],
  ["pytorch_model.bin", noise(20_000, 2)],
  ["tokenizer.json", text({ model: { vocab: { a: 0 } } })],
  ["tokenizer_config.json", text({ eos_token: "a" })],
]);
const without = (files: ReadonlyMap<string, Uint8Array>, ...names: string[]): Map<string, Uint8Array> =>
  new Map([...files].filter(([name]) => !names.includes(name)));
const SHARDS = [1, 2, 3].map((i) => [`model-0000${i}-of-00003.safetensors`, noise(40_000 + i, 10 + i)] as const);
const sharded = new Map<string, Uint8Array>([
  ...without(single, "model.safetensors", "README.md"),
  ...SHARDS,
  ["model.safetensors.index.json", text({ metadata: {}, weight_map: Object.fromEntries(SHARDS.map(([name], i) => [`w${i}`, name])) })],
]);
const models: ToyModel[] = [
  { id: "toy/vit", revision: REVISION, files: single, card: { license: "apache-2.0" } },
  { id: "toy/sharded", revision: REVISION, files: sharded, card: { license: "other", license_name: "toy-licence" } },
  { id: "toy/gated", revision: REVISION, files: single, gated: true },
  { id: "toy/pickled", revision: REVISION, files: without(single, "model.safetensors") },
];

let hub: ToyHub;
let folder: string;
const scratch: string[] = [];
const fresh = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), "fullrank-hub-"));
  scratch.push(made);
  return made;
};
/** As after a reload of the page: all that is left is on the disk. */
const page = (): Hub => new Hub(diskStore(folder), hub.url);
beforeEach(async () => {
  hub = await startHub(models);
  folder = await fresh();
});
afterEach(() => hub.close());
afterAll(() => Promise.all(scratch.map((made) => rm(made, { recursive: true, force: true }))));

/** The fault that something ends with, with a message and a way out for people. */
async function fault(work: Promise<unknown>): Promise<SourceFault> {
  const error = await work.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SourceError)) throw error;
  expect(error.message).toMatch(/^\S.*\.$/);
  expect(error.todo).toMatch(/^[A-Z].*\.$/);
  return error.fault;
}

/** Downloads, and holds progress to its promises. */
async function download(model: Inspection, signal?: AbortSignal): Promise<void> {
  let last = -1;
  try {
    await page().download(model, {
      ...(signal && { signal }),
      onProgress(done, total, file) {
        expect(done).toBeGreaterThanOrEqual(last);
        expect(done).toBeLessThanOrEqual(total);
        expect(total).toBe(model.bytes);
        expect(model.files.map(({ name }) => name)).toContain(file);
        last = done;
      },
    });
    expect(last).toBe(model.bytes);
  } finally {
    expect(last).toBeGreaterThanOrEqual(model.cached);
  }
}

function expectToy({ files, licence }: LoadedModel): void {
  expect(files.config).toEqual(CONFIG);
  expect(files.preprocess).toEqual(PREPROCESS);
  expect(Buffer.from(files.weights as Uint8Array).equals(WEIGHTS)).toBe(true);
  expect(files.tokenizer).toEqual({ tokenizer: { model: { vocab: { a: 0 } } }, config: { eos_token: "a" } });
  expect(licence).toBe("apache-2.0");
}

describe("a model of the Hub", () => {
  test("is looked at before any of it is downloaded", async () => {
    const seen = await page().inspect("toy/vit");
    const read = ["config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "model.safetensors"];
    expect(seen).toMatchObject({ id: "toy/vit", revision: REVISION, cached: 0, licence: "apache-2.0" });
    expect(seen.files.map(({ name, size }) => [name, size])).toEqual(read.map((name) => [name, single.get(name)!.length]));
    expect(seen.bytes).toBe(read.reduce((sum, name) => sum + single.get(name)!.length, 0));
    expect(seen.files.at(-1)!.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(seen.files[0]!.digest).toMatch(/^git:[0-9a-f]{40}$/);
    expect(hub.served).toEqual([]);
    expect(hub.asked[0]).toBe("/api/models/toy/vit/revision/HEAD");
    expect(new Set(hub.asked.slice(1))).toEqual(new Set([`/api/models/toy/vit/tree/${REVISION}`]));
  });

  test("is downloaded at the commit that was looked at, and opened without the network", async () => {
    const seen = await page().inspect("toy/vit", "main");
    await download(seen);
    expect(hub.served.map(({ file }) => file)).toEqual(seen.files.map(({ name }) => name));
    expect((await page().inspect("toy/vit")).cached).toBe(seen.bytes);
    await hub.close();
    await download({ ...seen, cached: seen.bytes });
    const steps: number[] = [];
    const loaded = await page().open(seen, (done, total) => {
      expect(total).toBe(WEIGHTS.length);
      steps.push(done);
    });
    expectToy(loaded);
    expect(loaded.source).toEqual({ kind: "hub", id: "toy/vit", revision: REVISION });
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.at(-1)).toBe(WEIGHTS.length);
  });

  test("may be in shards", async () => {
    const seen = await page().inspect("toy/sharded");
    expect(seen.licence).toBe("toy-licence");
    await download(seen);
    const { files, licence } = await page().open(seen);
    expect(files.weights).toEqual({ index: sharded.get("model.safetensors.index.json"), shards: new Map(SHARDS) });
    expect(licence).toBeUndefined();
  });

  test("is listed with its size, and removed", async () => {
    expect(await page().listCached()).toEqual([]);
    const [one, two] = [await page().inspect("toy/vit"), await page().inspect("toy/sharded")];
    await download(one);
    hub.mood.cut = (file) => (file.startsWith("model-00002") ? 0 : undefined);
    expect(await fault(download(two))).toBe("network");
    const listed = await page().listCached();
    expect(listed).toMatchObject([
      { id: "toy/sharded", revision: REVISION, complete: false },
      { id: "toy/vit", revision: REVISION, complete: true },
    ]);
    expect(listed[1]!.bytes).toBeGreaterThanOrEqual(one.bytes);
    await page().remove(one);
    expect(await page().listCached()).toEqual([listed[0]]);
    expect((await page().inspect("toy/vit")).cached).toBe(0);
    expect(await fault(page().open(one))).toBe("missing");
  });

  test("that is not there to its end is not opened", async () => {
    const seen = await page().inspect("toy/sharded");
    expect(await fault(page().open(seen))).toBe("missing");
    for (const { name } of seen.files) {
      hub.mood.cut = (file) => (file === name ? 0 : undefined);
      expect(await fault(download(await page().inspect("toy/sharded")))).toBe("network");
      expect(await fault(page().open(seen))).toBe("missing");
    }
    hub.mood.cut = undefined;
    await download(await page().inspect("toy/sharded"));
    await page().open(seen);
  });
});

describe("a download that breaks off", () => {
  test("goes on by itself as long as it gets further, and asks for the rest only", async () => {
    const seen = await page().inspect("toy/vit");
    hub.mood.cut = (file) => (file === "model.safetensors" ? 70_000 : undefined);
    await download(seen);
    const starts = hub.served.filter(({ file }) => file === "model.safetensors").map(({ range }) => range);
    expect(starts[0]).toBeUndefined();
    expect(starts.length).toBeGreaterThanOrEqual(5);
    expectToy(await page().open(seen));
  });

  test("goes on after a reload where it was, whatever byte that is", async () => {
    for (let trial = 0; trial < 12; trial++) {
      folder = await fresh();
      hub.served.length = 0;
      let turn = 0;
      // A cut somewhere, then one at once, so that the download gives up each time.
      hub.mood.cut = (file) => {
        if (file !== "model.safetensors") return undefined;
        turn++;
        return turn % 2 ? hash(trial, turn) % 120_000 : 0;
      };
      let resumed = 0;
      for (;;) {
        const seen = await page().inspect("toy/vit");
        const before = hub.served.length;
        const end = await download(seen).then(
          () => "done",
          (error: SourceError) => error.fault,
        );
        const first = hub.served.slice(before).find(({ file }) => file === "model.safetensors");
        const kept = seen.cached - (seen.bytes - WEIGHTS.length);
        if (kept > 0 && first) {
          expect(first.range).toBe(`bytes=${kept}-`);
          resumed++;
        }
        if (end === "done") break;
        expect(end).toBe("network");
      }
      expect(resumed).toBeGreaterThan(0);
      const sent = hub.served.filter(({ file }) => file === "model.safetensors").reduce((sum, part) => sum + part.sent, 0);
      expect(sent).toBeLessThan(2 * WEIGHTS.length); // bytes on the way are lost with a connection, those that came are not
      expectToy(await page().open({ id: "toy/vit", revision: REVISION }));
    }
  });

  test("begins again where the server knows no ranges", async () => {
    const seen = await page().inspect("toy/vit");
    hub.mood.cut = (file) => (file === "model.safetensors" ? 100_000 : undefined);
    hub.mood.ignoreRange = true;
    expect(await fault(download(seen))).toBe("network"); // it never gets further than the first time
    expect((await page().inspect("toy/vit")).cached).toBeGreaterThan(seen.bytes - WEIGHTS.length);
    hub.mood.cut = undefined;
    await download(seen);
    expect(hub.served.at(-1)).toMatchObject({ sent: WEIGHTS.length });
    expect(hub.served.at(-1)!.range).toMatch(/^bytes=/);
    expectToy(await page().open(seen));
  });

  test("by the one who began it keeps what has come", async () => {
    const seen = await page().inspect("toy/vit");
    hub.mood.hold = (file) => (file === "model.safetensors" ? 90_000 : undefined);
    const stop = new AbortController();
    const small = seen.bytes - WEIGHTS.length;
    const work = page().download(seen, { signal: stop.signal, onProgress: (done) => done > small && stop.abort(new Error("enough")) });
    await expect(work).rejects.toThrow("enough");
    const again = await page().inspect("toy/vit");
    expect(again.cached).toBeGreaterThan(small);
    await expect(page().download(again, { signal: stop.signal })).rejects.toThrow("enough");
    await expect(page().inspect("toy/vit", undefined, stop.signal)).rejects.toThrow("enough");
    hub.mood.hold = undefined;
    await download(again);
    expect(hub.served.at(-1)!.range).toBe(`bytes=${again.cached - small}-`);
    expectToy(await page().open(seen));
  });
});

describe("bytes that are not the model's", () => {
  const swapped = WEIGHTS.slice();
  swapped[200_000] = swapped[200_000]! ^ 1;

  test.each([
    ["of the same size", "model.safetensors", swapped, "hash"],
    ["in a small file", "config.json", text({ model_type: "vit", hidden_size: 13 }), "hash"],
    ["too many", "model.safetensors", noise(WEIGHTS.length + 1, 1), "changed"],
    ["too few", "model.safetensors", WEIGHTS.subarray(0, 1000), "changed"],
  ] as const)("are never used: %s", async (_how, name, bytes, want) => {
    const seen = await page().inspect("toy/vit");
    hub.mood.swap = new Map([[name, bytes]]);
    expect(await fault(download(seen))).toBe(want);
    expect(await fault(page().open(seen))).toBe("missing");
    hub.mood.swap = new Map();
    await download(await page().inspect("toy/vit"));
    expectToy(await page().open(seen));
  });

  test.each([
    ["changed", swapped, "hash"],
    ["grew", noise(WEIGHTS.length + 1, 1), "changed"],
    ["shrank", WEIGHTS.subarray(0, 1000), "changed"],
  ] as const)("are never used: the file %s between two parts of the download", async (_how, bytes, want) => {
    const seen = await page().inspect("toy/vit");
    let first = true;
    hub.mood.cut = (file) => {
      if (file !== "model.safetensors") return undefined;
      const limit = first ? 100_000 : 0;
      first = false;
      return limit;
    };
    expect(await fault(download(seen))).toBe("network");
    hub.mood.cut = undefined;
    hub.mood.swap = new Map([["model.safetensors", bytes]]);
    expect(await fault(download(seen))).toBe(want);
    expect(await fault(page().open(seen))).toBe("missing");
    hub.mood.swap = new Map();
    await download(seen);
    expectToy(await page().open(seen));
  });

  test.each([
    ["right", WEIGHTS, "done"],
    ["wrong", swapped, "hash"],
  ] as const)("that were whole but not checked yet are checked, and not asked for again: %s ones", async (_how, bytes, want) => {
    const seen = await page().inspect("toy/vit");
    const writer = await diskStore(folder).append(`toy/vit/${REVISION}/model.safetensors`, 0);
    await writer.write(bytes);
    await writer.close();
    expect(await fault(page().open(seen))).toBe("missing");
    const again = await page().inspect("toy/vit");
    expect(again.cached).toBe(WEIGHTS.length);
    if (want === "hash") {
      expect(await fault(download(again))).toBe("hash");
      expect(await fault(page().open(seen))).toBe("missing");
      expect((await page().inspect("toy/vit")).cached).toBe(seen.bytes - WEIGHTS.length);
    } else {
      await download(again);
      expectToy(await page().open(seen));
    }
    expect(hub.served.map(({ file }) => file)).not.toContain("model.safetensors");
  });
});

describe("the Hub says no", () => {
  test("to a gated model", async () => {
    expect(await fault(page().inspect("toy/gated"))).toBe("gated");
    const files = (await page().inspect("toy/vit")).files;
    const seen = { id: "toy/gated", revision: REVISION, files, bytes: 0, cached: 0, licence: undefined };
    expect(await fault(page().download(seen))).toBe("gated");
  });

  test("to what it does not have", async () => {
    expect(await fault(page().inspect("toy/nothing"))).toBe("missing");
    expect(await fault(page().inspect("toy/vit", "v2"))).toBe("missing");
    const seen = await page().inspect("toy/vit");
    const gone = { ...seen, files: [{ name: "gone.json", size: 3, digest: "git:0" }] };
    expect(await fault(page().download(gone))).toBe("missing");
    expect(await fault(page().inspect("toy/pickled"))).toBe("weights");
  });

  test.each([
    [429, { "retry-after": "37" }, "busy"],
    [429, {}, "busy"],
    [401, {}, "gated"],
    [403, {}, "gated"],
    [500, {}, "server"],
    [503, {}, "server"],
  ] as const)("with %i", async (status, headers, want) => {
    hub.mood.refuse = { path: /^\/api/, status, headers };
    expect(await fault(page().inspect("toy/vit"))).toBe(want);
    hub.mood.refuse = undefined;
    const seen = await page().inspect("toy/vit");
    hub.mood.refuse = { path: /model\.safetensors$/, status, headers };
    expect(await fault(download(seen))).toBe(want);
    if ("retry-after" in headers) await expect(download(seen)).rejects.toMatchObject({ todo: expect.stringContaining("in 37 seconds") });
    hub.mood.refuse = undefined;
    await download(await page().inspect("toy/vit"));
    expectToy(await page().open(seen));
  });

  test("by silence", async () => {
    const seen = await page().inspect("toy/vit");
    await hub.close();
    expect(await fault(page().inspect("toy/vit"))).toBe("network");
    expect(await fault(page().download(seen))).toBe("network");
  });
});

test.each([
  ["toy/vit", "toy/vit", undefined],
  [" WinKawaks/vit-tiny-patch16-224 ", "WinKawaks/vit-tiny-patch16-224", undefined],
  ["https://huggingface.co/openai/clip-vit-base-patch32", "openai/clip-vit-base-patch32", undefined],
  ["http://hf.co/openai/clip-vit-base-patch32/?library=transformers#model", "openai/clip-vit-base-patch32", undefined],
  ["huggingface.co/a/b/tree/main", "a/b", "main"],
  ["https://huggingface.co/a/b/tree/refs%2Fpr%2F1", "a/b", "refs/pr/1"],
  [`https://huggingface.co/a/b/blob/${REVISION}/config.json`, "a/b", REVISION],
])("%s is a model's id", (given, id, revision) => {
  expect(parseId(given)).toEqual({ id, ...(revision && { revision }) });
});

test.each([
  "",
  "vit",
  "a/b/c",
  "a/b/tree",
  "a/b/tree/%zz",
  "../b",
  "a/..",
  "a/b--c",
  "a b/c",
  "a/-b",
  `a/${"b".repeat(97)}`,
  "https://example.org/a/b",
  "https://huggingface.co/datasets/a/b",
  "spaces/a/b",
  "a\\b",
])("%s is none", async (given) => {
  expect(await fault(Promise.resolve().then(() => parseId(given)))).toBe("id");
});

describe("a dropped folder", () => {
  const drop = (files: ReadonlyMap<string, Uint8Array>, at = ""): Promise<LoadedModel> =>
    readFolder({ kind: "folder", name: "toy", files: new Map([...files].map(([name, bytes]) => [at + name, new Blob([bytes.slice()])])) });
  const both = (...places: string[]) => new Map(places.flatMap((at) => [...single].map(([name, bytes]) => [at + name, bytes] as const)));

  test.each(["", "toy/", "outer/toy/"])('is read at "%s"', async (at) => {
    const steps: number[] = [];
    const files = new Map([...single].map(([name, bytes]) => [at + name, new Blob([bytes.slice()])]));
    const loaded = await readFolder({ kind: "folder", name: "toy", files }, (done, total) => steps.push(done / total));
    expectToy(loaded);
    expect(steps.at(-1)).toBe(1);
  });

  test("is read from files on the disk, in shards", async () => {
    for (const [name, bytes] of sharded) {
      const writer = await diskStore(folder).append(name, 0);
      await writer.write(bytes);
      await writer.close();
    }
    const names = (await diskStore(folder).list()).map(({ path }) => path);
    const files = new Map(await Promise.all(names.map(async (name) => [`toy/${name}`, await openAsBlob(join(folder, name))] as const)));
    const loaded = await readFolder({ kind: "folder", name: "toy", files });
    expect(loaded.files.weights).toEqual({ index: sharded.get("model.safetensors.index.json"), shards: new Map(SHARDS) });
    const shorter = await diskStore(folder).append(SHARDS[1]![0], 100);
    await shorter.close();
    expect(await fault(readFolder({ kind: "folder", name: "toy", files }))).toBe("unreadable");
  });

  test("may have other things in it, but not two checkpoints", async () => {
    const onnx = new Map([...both("toy/"), ["toy/onnx/config.json", CONFIG], ["toy/onnx/model.onnx", noise(10, 1)]]);
    expectToy(await drop(onnx));
    expect(await fault(drop(both("toy/", "toy/checkpoint-10/")))).toBe("several");
    expect(await fault(drop(both("a/", "b/")))).toBe("several");
    expect(await fault(drop(new Map([...sharded, ["model-00001-of-00002.safetensors", noise(10, 1)]])))).toBe("several");
  });

  test("needs no tokenizer and no card", async () => {
    const { files, licence } = await drop(without(single, "tokenizer.json", "README.md"));
    expect(files.tokenizer).toBeUndefined();
    expect(licence).toBeUndefined();
    const stated = new Map([...without(single, "README.md"), ["config.json", text({ model_type: "vit", license: "mit" })]]);
    expect((await drop(stated)).licence).toBe("mit");
  });

  test("may have its image preparation in processor_config.json, as transformers 5 writes it", async () => {
    const bare = without(single, "preprocessor_config.json");
    const nested = text({ image_processor: PREPROCESS, processor_class: "CLIPProcessor" });
    expect((await drop(new Map([...bare, ["processor_config.json", nested]]))).files.preprocess).toEqual(PREPROCESS);
    expect(await fault(drop(new Map([...bare, ["processor_config.json", text({})]])))).toBe("missing");
  });

  test.each([
    ["config.json", "missing"],
    ["preprocessor_config.json", "missing"],
    ["model.safetensors", "weights"],
  ] as const)("without %s is refused", async (name, want) => {
    await expect(drop(without(single, name))).rejects.toThrow(name === "model.safetensors" ? "pytorch_model.bin" : name);
    expect(await fault(drop(without(single, name)))).toBe(want);
  });

  test("without anything, without a shard, or with an index that names another, is refused", async () => {
    expect(await fault(drop(new Map()))).toBe("missing");
    expect(await fault(drop(without(single, "model.safetensors", "pytorch_model.bin")))).toBe("missing");
    await expect(drop(without(sharded, SHARDS[1]![0]))).rejects.toThrow(SHARDS[1]![0]);
    await expect(drop(without(sharded, ...SHARDS.map(([name]) => name)))).rejects.toThrow("model-00001-of-00001");
    const index = text({ weight_map: { w: "model-00009-of-00003.safetensors" } });
    await expect(drop(new Map([...sharded, ["model.safetensors.index.json", index]]))).rejects.toThrow("model-00009");
    await expect(drop(new Map([...single, ["tokenizer.json", text("{")]]))).rejects.toThrow("tokenizer.json is not JSON");
  });
});

test("the bundled model gives the same, served or dropped", async () => {
  const top = join(import.meta.dirname, "../public/models");
  const { url, close } = await serve(top);
  try {
    let last = 0;
    const served = await readBundled({ kind: "bundled", name: "clip-tiny" }, url, (done, total) => {
      last = done / total;
    });
    expect(last).toBe(1);
    const names = await readdir(join(top, "clip-tiny"));
    const files = new Map(await Promise.all(names.map(async (name) => [name, await openAsBlob(join(top, "clip-tiny", name))] as const)));
    const dropped = await readFolder({ kind: "folder", name: "clip-tiny", files });
    expect(Buffer.from(served.files.weights as Uint8Array).equals(await readFile(join(top, "clip-tiny/model.safetensors")))).toBe(true);
    expect(Buffer.from(dropped.files.weights as Uint8Array).equals(served.files.weights as Uint8Array)).toBe(true);
    expect({ ...dropped.files, weights: 0 }).toEqual({ ...served.files, weights: 0 });
    expect(await fault(readBundled({ kind: "bundled", name: "no-such" }, url))).toBe("missing");
  } finally {
    close();
  }
  expect(await fault(readBundled({ kind: "bundled", name: "clip-tiny" }, url))).toBe("network");
});

test.each([
  ["---\nlicense: mit\n---\n", "mit"],
  ['---\r\nlicense: "cc-by-4.0"\r\n---\r\n', "cc-by-4.0"],
  ["---\nlicense:\n- mit\n- apache-2.0\ntags:\n- x\n---\n", "mit, apache-2.0"],
  ["---\nlicense: [mit, 'apache-2.0']\n---\n", "mit, apache-2.0"],
  ["---\nlicense: other\nlicense_name: apple-amlr\n---\n", "apple-amlr"],
  ["---\nlicense: other\n---\n", "other"],
  ["---\nlicense_name: x\n---\n", undefined],
  ["# A card\nlicense: mit\n", undefined],
  ["---\ntags:\n- license: no\n---\nlicense: mit\n---\n", undefined],
  ["", undefined],
])("the licence of %j is %s", (card, licence) => {
  expect(licenceOf(cardOf(card))).toBe(licence);
});

test("a single file goes before shards, as in transformers", () => {
  expect(plan([...sharded.keys(), "model.safetensors"], "it").weights).toEqual(["model.safetensors"]);
});
