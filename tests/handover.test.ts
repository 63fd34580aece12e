/** What leaves a lane as files comes back as the same function of images: PEFT folders, merged models and ONNX, of every method at toy size. */
import { env } from "onnxruntime-web/wasm";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { type Entry, type FloatTensor, readSafetensors, toFloat32, writeSafetensors } from "../src/formats/safetensors.ts";
import { upload, write } from "../src/gpu/memory.ts";
import { runOnce } from "../src/tensor/once.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { tensor } from "../src/tensor/tensor.ts";
import { adopt } from "../src/train/adopt.ts";
import { Backbone } from "../src/train/backbone.ts";
import { adapterOf, adapters, buildModel, completeSettings, type Targets, targetSites, trainsHeadAlone } from "../src/train/catalog.ts";
import { type Exported, exportMerged, exportOnnx, exportPeft, type Files, peftForm } from "../src/train/export.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { runLane } from "../src/train/handover.ts";
import { classify, HEAD, type Head, headOf, headValues, prompts } from "../src/train/head.ts";
import { Lane, type LaneSetup } from "../src/train/lane.ts";
import { read } from "../src/train/merge.ts";
import { ownTensors } from "../src/train/outline.ts";
import { sizeOfExport } from "../src/train/size.ts";
import { runOnnx } from "../src/train/verify.ts";
import { gpu } from "./gpu.ts";
import { modelFiles, relativeError } from "./model.ts";
import { kernels } from "./toy.ts";
import { toysOf, toyValues } from "./toys.ts";

env.wasm.numThreads = 1;

const CLASSES = ["red", "green", "blue"];
const IMAGES = 2;
const SEED = 7;
const SIX = ["q", "k", "v", "out", "fc1", "fc2"];

function open(type: string): Backbone {
  const { config } = toysOf(type)[0]!;
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>();
  buildModel(config, (name, shape) => {
    weights.set(name, { shape, data: toyValues(name, shape) });
    return tensor(shape);
  });
  // What no classifier keeps of its base.
  for (const name of ["classifier.weight", "classifier.bias"]) weights.set(name, { shape: [9], data: new Float32Array(9) });
  return new Backbone(gpu, kernels, { config: new TextEncoder().encode(JSON.stringify(config)), weights: writeSafetensors(weights) });
}

const integers = (...data: number[]) => tensor([data.length], { type: "u32", buffer: upload(gpu, Uint32Array.from(data), "texts") });

/** Both towers of a CLIP, whose layers differ in their smaller side, beside prompts; and a ViT, which transformers 5 names otherwise. */
const subjects: Readonly<Record<string, { readonly backbone: Backbone; readonly targets: Targets; readonly head: Head }>> = {
  "CLIP with prompts": {
    backbone: open("clip"),
    targets: { image: SIX, text: SIX },
    head: { kind: "prompts", ids: integers(1, 4, 19, 0, 0, 0, 1, 5, 6, 7, 8, 19, 1, 9, 9, 19, 0, 0), ends: integers(2, 5, 3) },
  },
  "ViT with a linear head": {
    backbone: open("vit"),
    targets: { image: ["q", "fc1", "fc2"], text: [] },
    head: { kind: "linear", classes: 3 },
  },
};
type Subject = (typeof subjects)[string];

const pixels = Float32Array.from({ length: IMAGES * 3 * 16 * 16 }, (_, i) => normal(3, 1, i));

async function start({ backbone, targets, head }: Subject, setup: Omit<LaneSetup, "head" | "own">): Promise<Exported> {
  const own = ownTensors(backbone, targets, head.kind === "linear" ? "linear" : "text");
  const lane = await Lane.open(gpu, kernels, { ...setup, own, head: headValues(head, backbone.model.image.width, 1) });
  return { backbone, lane, head, classes: CLASSES, baseModel: null };
}

/** A lane none of whose trained numbers is at its start. */
async function trainedLane(subject: Subject, method: string, change: Readonly<Record<string, number>> = {}): Promise<Exported> {
  const { backbone, targets } = subject;
  const def = adapterOf(method);
  const sites = targetSites(backbone.sites, targets);
  const defaults = completeSettings(def, {});
  const settings = { ...defaults, ...def.match?.(sites, defaults, 60 * sites.length), ...change };
  const exported = await start(subject, { sites, config: { method, settings, lr: 1 }, seed: SEED });
  for (const [stream, [name, t]] of [...exported.lane.trainables.tensors].entries()) {
    const { data } = await read(backbone, t);
    const size = exported.lane.own.has(name) || method.startsWith("nola") ? 0.02 : 0.1;
    const noisy = data.map((v, i) => v + size * normal(1, stream, i));
    write(gpu, t.buffer as GPUBuffer, t.offset, noisy);
  }
  return exported;
}

const logitsOf = async (exported: Exported) => (await runLane(exported, pixels, IMAGES, 16)).logits;

/** The lane that continues a folder. */
async function resumed(subject: Subject, files: Files): Promise<Exported> {
  const { config, ...rest } = adopt(files, subject.backbone);
  return start(subject, { ...rest, config: { ...config, lr: 1 } });
}

/** The logits of the frozen model. */
const before = async (subject: Subject) =>
  logitsOf(await start(subject, { sites: [], config: { method: "lora", settings: {}, lr: 1 }, seed: SEED }));

const jsonOf = (files: Files, name: string): Record<string, unknown> => JSON.parse(new TextDecoder().decode(files.get(name)));
const tensorsOf = (files: Files, name = "adapter_model.safetensors") => readSafetensors(files.get(name)!).tensors;
const v4 = { transformers: 4, perModule: false } as const;
const v5 = { transformers: 5, perModule: false } as const;

describe.each(Object.entries(subjects))("%s", (_name, subject) => {
  const { backbone, head } = subject;
  const changing = [...adapters.keys()].filter((method) => head.kind === "linear" || !trainsHeadAlone(method));
  const inPeft = changing.filter((method) => peftForm(adapterOf(method), completeSettings(adapterOf(method), {})) !== "none");

  test.each(inPeft)("%s as a PEFT folder comes back with the same logits, in the names of either transformers", async (method) => {
    const exported = await trainedLane(subject, method);
    const want = await logitsOf(exported);
    expect(relativeError(want, await before(subject))).toBeGreaterThan(1e-3);
    const own = adapterOf(method).peft !== undefined;
    for (const options of [v4, v5, { transformers: 5, perModule: true }] as const) {
      const files = await exportPeft(exported, options);
      if (options === v5) expect(sizeOfExport(exported)).toEqual({ form: "peft", bytes: files.get("adapter_model.safetensors")!.length });
      const paths = jsonOf(files, "adapter_config.json").target_modules as string[];
      const rename = (path: string) => (options.transformers === 5 ? (backbone.def.renamed?.(path) ?? path) : path);
      expect(paths).toEqual(targetSites(backbone.sites, subject.targets).map(({ path }) => rename(path)));
      for (const path of paths) expect([...tensorsOf(files).keys()].some((key) => key.startsWith(`base_model.model.${path}.`))).toBe(true);
      const opened = adopt(files, backbone);
      expect(opened.config.method).toBe(own ? method : "lora");
      if (own) expect(opened.config.settings).toEqual(exported.lane.settings);
      expect([...opened.saved.keys()]).toEqual(head.kind === "linear" ? [HEAD.bias, HEAD.weight] : []);
      const got = await logitsOf(await resumed(subject, files));
      if (own) expect([...got]).toEqual([...want]);
      else expect(relativeError(got, want)).toBeLessThan(1e-5);
    }
  });

  test.each(changing)("%s merged is a checkpoint with the same logits", async (method) => {
    const exported = await trainedLane(subject, method);
    const files = await exportMerged(exported);
    if (!inPeft.includes(method)) expect(sizeOfExport(exported)).toEqual({ form: "merged", bytes: files.get("model.safetensors")!.length });
    const config = files.get("config.json")!;
    const merged = new Backbone(gpu, kernels, { config, weights: files.get("model.safetensors")! });
    const tape = new Tape(gpu.software);
    const given = (shape: readonly number[], data: Float32Array<ArrayBuffer>) => tensor(shape, { buffer: upload(gpu, data, "given") });
    const y = classify(frozenPass(tape), merged.model, given([IMAGES, 3, 16, 16], pixels), head, (name) => {
      const shape = name === HEAD.weight ? [3, merged.model.image.width] : [3];
      return given(shape, merged.checkpoint.tensor(name, shape));
    });
    const [got] = await runOnce(gpu, kernels, tape, [y]);
    expect(relativeError(got!, await logitsOf(exported))).toBeLessThan(1e-5);
    merged.destroy();
  });

  test.each(["randlora", "dora", "full"])("%s as ONNX gives onnxruntime the same logits", async (method) => {
    const exported = await trainedLane(subject, method);
    const want = await logitsOf(exported);
    const { logits } = await runOnnx((await exportOnnx(exported)).get("model.onnx")!, pixels, 16);
    expect(relativeError(logits, want)).toBeLessThan(1e-4);
  });

  test.each(["randlora", "vera"])("%s without its frozen tensors draws them from its seed", async (method) => {
    const exported = await trainedLane(subject, method);
    const files = await exportPeft(exported, v5);
    const config = { ...jsonOf(files, "adapter_config.json"), save_projection: false };
    const keys = adapterOf(method).peft!.shared!.keys;
    const left = [...tensorsOf(files)].filter(([name]) => !keys.some((key) => name.endsWith(key)));
    const bare: Files = new Map([
      ["adapter_config.json", new TextEncoder().encode(JSON.stringify(config))],
      ["adapter_model.safetensors", writeSafetensors(new Map(left))],
    ]);
    expect(left.length).toBe(tensorsOf(files).size - keys.length);
    expect([...(await logitsOf(await resumed(subject, bare)))]).toEqual([...(await logitsOf(exported))]);
    const saved = new Map(bare).set("adapter_config.json", files.get("adapter_config.json")!);
    expect(() => adopt(saved, backbone)).toThrow(keys[0]!);
  });
});

test("a LoRA that stands for another method has its gains in B, and zeros up to the largest rank", async () => {
  const subject = subjects["CLIP with prompts"]!;
  const files = await exportPeft(await trainedLane(subject, "randlorab", { rank: 4 }), v4);
  expect(jsonOf(files, "adapter_config.json")).toMatchObject({ peft_type: "LORA", r: 8, lora_alpha: 8 });
  const tensors = tensorsOf(files);
  // d is 8 in the text tower: one base of rank 4, beside two in layers of width 12.
  const of = (part: string) => {
    const { shape, ...entry } = tensors.get(`base_model.model.text_model.encoder.layers.0.mlp.fc1.lora_${part}.weight`)!;
    return { shape, data: toFloat32({ shape, ...entry }) };
  };
  const [A, B] = [of("A"), of("B")];
  expect([A.shape, B.shape]).toEqual([
    [8, 8],
    [16, 8],
  ]);
  expect(A.data.subarray(32).every((v) => v === 0)).toBe(true);
  expect(B.data.every((v, i) => i % 8 < 4 === (v !== 0))).toBe(true);
});

test("a list of names means the tower that was trained, where the class has no other", async () => {
  const { backbone } = subjects["CLIP with prompts"]!;
  const alone: Subject = { backbone, targets: { image: ["q", "v"], text: [] }, head: { kind: "linear", classes: 3 } };
  const files = await exportPeft(await trainedLane(alone, "lora", { rank: 2 }), v4);
  const json = { ...jsonOf(files, "adapter_config.json"), target_modules: ["q_proj", "v_proj"] };
  const { sites } = adopt(new Map([...files, ["adapter_config.json", new TextEncoder().encode(JSON.stringify(json))]]), backbone);
  expect(sites.map(({ path }) => path)).toEqual(targetSites(backbone.sites, alone.targets).map(({ path }) => path));
});

test("weights that were rounded to 16 bits for training leave rounded", async () => {
  const { checkpoint } = subjects["ViT with a linear head"]!.backbone;
  const config = { ...checkpoint.config, hidden_size: 72, intermediate_size: 144, num_attention_heads: 3, num_hidden_layers: 2 };
  const weights = new Map<string, FloatTensor>();
  buildModel(config, (name, shape) => {
    weights.set(name, { shape, data: toyValues(name, shape) });
    return tensor(shape);
  });
  const files = { config: new TextEncoder().encode(JSON.stringify(config)), weights: writeSafetensors(weights) };
  const backbone = new Backbone(gpu, kernels, files, { precision: "half" });
  const packed = backbone.parameters.filter(({ name }) => backbone.tensor(name).type === "f16").map(({ name }) => name);
  expect(packed.length).toBeGreaterThan(0);
  const half = await trainedLane({ backbone, targets: { image: ["q"], text: [] }, head: { kind: "linear", classes: 3 } }, "lora", {
    rank: 2,
  });
  const onnx = (await exportOnnx(half)).get("model.onnx")!;
  const { size } = backbone.model.image;
  const images = Float32Array.from({ length: IMAGES * 3 * size * size }, (_, i) => normal(3, 2, i));
  const ours = (await runLane(half, images, IMAGES, size)).logits;
  expect(relativeError((await runOnnx(onnx, images, size)).logits, ours)).toBeLessThan(1e-5);
  const written = tensorsOf(await exportMerged(half), "model.safetensors");
  for (const name of packed.filter((path) => !path.includes("query"))) {
    expect(toFloat32(written.get(name)!), name).not.toEqual(weights.get(name)!.data);
  }
});

test("a dual encoder in half precision leaves as an image classifier", async () => {
  const { checkpoint } = subjects["CLIP with prompts"]!.backbone;
  const text = { ...(checkpoint.config.text_config as object), hidden_size: 72, intermediate_size: 144, num_attention_heads: 3 };
  const config = { ...checkpoint.config, text_config: text };
  const weights = new Map<string, FloatTensor>();
  buildModel(config, (name, shape) => {
    weights.set(name, { shape, data: toyValues(name, shape) });
    return tensor(shape);
  });
  const files = { config: new TextEncoder().encode(JSON.stringify(config)), weights: writeSafetensors(weights) };
  const backbone = new Backbone(gpu, kernels, files, { precision: "half" });
  expect(backbone.parameters.some(({ name, tower }) => tower === "text" && backbone.tensor(name).type === "f16")).toBe(true);
  const lane = await trainedLane({ backbone, targets: { image: ["q"], text: [] }, head: { kind: "linear", classes: 3 } }, "lora", {
    rank: 2,
  });
  const names = [...tensorsOf(await exportMerged(lane), "model.safetensors").keys()];
  expect(names.filter((name) => name.startsWith("text_"))).toEqual([]);
  expect(names).toContain("classifier.weight");
});

describe("a folder that does not fit is refused", () => {
  const subject = subjects["ViT with a linear head"]!;
  const folder = trainedLane(subject, "lora", { rank: 2 }).then((exported) => exportPeft(exported, v4));
  const path = "vit.encoder.layer.0.attention.attention.query";

  async function changed(change: {
    readonly config?: (json: Record<string, unknown>) => object;
    readonly rename?: (key: string) => string | undefined;
    readonly add?: Readonly<Record<string, readonly number[]>>;
  }): Promise<Files> {
    const files = await folder;
    const json = jsonOf(files, "adapter_config.json");
    const kept = [...tensorsOf(files)].flatMap(([key, entry]) => {
      const name = change.rename ? change.rename(key) : key;
      return name === undefined ? [] : [[name, entry] as const];
    });
    const added = Object.entries(change.add ?? {}).map(([key, shape]) => {
      const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
      return [key, { shape, data }] as const;
    });
    return new Map([
      ["adapter_config.json", new TextEncoder().encode(JSON.stringify({ ...json, ...change.config?.(json) }))],
      ["adapter_model.safetensors", writeSafetensors(new Map<string, Entry | FloatTensor>([...kept, ...added]))],
    ]);
  }
  const refusal = async (change: Parameters<typeof changed>[0]) => {
    const files = await changed(change);
    try {
      adopt(files, subject.backbone);
    } catch (error) {
      return error instanceof FormatError ? `${error.fault}: ${error.message}` : error instanceof UnsupportedError ? error.message : error;
    }
    return "none";
  };
  const targets = (json: Record<string, unknown>) => json.target_modules as string[];

  test("unless nothing is changed", async () => expect(await refusal({})).toBe("none"));
  test("by its targets, when they leave out a layer that it changes, or name one that it lacks", async () => {
    expect(await refusal({ config: (json) => ({ target_modules: targets(json).filter((name) => name !== path) }) })).toMatch(
      new RegExp(`^config: .*"${path}"`),
    );
    expect(await refusal({ config: () => ({ target_modules: ["query", "key", "intermediate.dense", "output.dense"] }) })).toMatch(
      /^missing: .*attention\.key"/,
    );
  });
  test("by the layer, when the model lacks it, or it is there under two names", async () => {
    const key = `base_model.model.${path}.lora_A.weight`;
    expect(await refusal({ rename: (name) => name.replace("layer.0", "layer.7") })).toMatch(/^key: .*layer\.7/);
    const twice = { [key.replace("vit.", "")]: [2, 12], [key.replace("vit.", "").replace("_A", "_B")]: [12, 2] };
    expect(await refusal({ add: twice, config: (json) => ({ target_modules: [...targets(json), path.replace("vit.", "")] }) })).toMatch(
      new RegExp(`^key: .*"${path}" twice`),
    );
  });
  test("by the tensor, when its shape is not the config's or it is missing", async () => {
    expect(await refusal({ config: () => ({ r: 3 }) })).toMatch(/^shape: .*lora_A\.weight/);
    const key = `base_model.model.${path}.lora_B.weight`;
    expect(await refusal({ rename: (name) => (name === key ? undefined : name) })).toMatch(new RegExp(`^missing: .*${path}.lora_B`));
  });
  test("by the head, when a tensor of it is missing or is not of this model's width", async () => {
    const key = "base_model.model.classifier.weight";
    const other = (shape: readonly number[]) => ({ rename: (name: string) => (name === key ? undefined : name), add: { [key]: shape } });
    for (const shape of [
      [12, 3],
      [3, 5],
      [3, 12, 1],
    ])
      expect(await refusal(other(shape))).toMatch(/^shape: .*classifier\.weight/);
    for (const gone of [key, "base_model.model.classifier.bias"])
      expect(await refusal({ rename: (name) => (name === gone ? undefined : name) })).toMatch(/^missing: .*classifier\./);
  });
  test("by the module, when it saves another than a linear head", async () => {
    const pooler = { "base_model.model.vit.pooler.dense.weight": [2] };
    expect(await refusal({ add: pooler, config: () => ({ modules_to_save: ["classifier", "pooler"] }) })).toMatch(
      /^modules_to_save with "vit\.pooler/,
    );
    expect(await refusal({ add: { "base_model.model.classifier.gain": [2] } })).toMatch(/^key: .*classifier\.gain/);
  });
});

test("class prompts are embedded in every step where a lane changes the text tower, and once where none does", async () => {
  const backbone = new Backbone(gpu, kernels, modelFiles());
  const given = { kind: "text", template: "a photo of a {class}." } as const;
  const [once, anew] = [await headOf(backbone, given, CLASSES, false), await headOf(backbone, given, CLASSES, true)];
  expect([once.kind, anew.kind]).toEqual(["text", "prompts"]);
  const texts = backbone.encode(prompts(given.template, CLASSES));
  const tokens = texts.ids.length / CLASSES.length;
  // Cut to the longest text, of which the end token stays.
  expect(Math.max(...texts.ends)).toBe(tokens - 1);
  const end = texts.ids[texts.ends[0]!];
  for (const [t, at] of texts.ends.entries()) expect(texts.ids.subarray(t * tokens, (t + 1) * tokens).indexOf(end!)).toBe(at);
  backbone.destroy();
});
