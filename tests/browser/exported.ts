/**
 * A worker that opens models at toy size on the browser's GPU, trains nothing but disturbs everything that a
 * method trains, and compares its logits with those that onnxruntime-web makes of the exported file.
 */
import { OnnxGraph } from "../../src/formats/onnx.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { type Gpu, openGpu } from "../../src/gpu/device.ts";
import { Kernels } from "../../src/gpu/kernel.ts";
import { upload, write } from "../../src/gpu/memory.ts";
import { normal } from "../../src/tensor/random.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { Backbone } from "../../src/train/backbone.ts";
import { adapterOf, buildModel, completeSettings, type Targets, targetSites } from "../../src/train/catalog.ts";
import { type Exported, exportOnnx } from "../../src/train/export.ts";
import { runLane } from "../../src/train/handover.ts";
import { type Head, headValues } from "../../src/train/head.ts";
import { Lane } from "../../src/train/lane.ts";
import { read } from "../../src/train/merge.ts";
import { ownTensors } from "../../src/train/outline.ts";
import { verifyOnnx } from "../../src/train/verifier.ts";
import { type ToyModel, toysOf, toyValues } from "../toys.ts";

/** Compare the toys of these `model_type`s, answered by Comparison[]; or verify such a file, answered by the error's words. */
export type Order = { readonly types: readonly string[] } | { readonly file: "damaged" | "large" };

export interface Comparison {
  /** `model_type` */
  readonly type: string;
  readonly toy: string;
  readonly method: string;
  readonly head: Head["kind"];
  /** Largest |difference| of a logit between onnxruntime-web and us. */
  readonly difference: number;
  /** Largest |logit| of ours, and how far disturbing what is trained has moved one. */
  readonly largest: number;
  readonly moved: number;
}

export type Reply = { readonly adapter: string; readonly result: Comparison[] | string } | { readonly error: string };

/** A plain ΔW, and beside it in turn rows that are rescaled and tensors that are replaced. */
const METHODS = [
  ["randlora", "dora"],
  ["randlora", "full"],
] as const;
const CLASSES = ["red", "green", "blue"];
const IMAGES = 3;
const SIX = ["q", "k", "v", "out", "fc1", "fc2"];
/** A text of 6 tokens for each class, and where it ends. */
const IDS = Uint32Array.of(1, 4, 19, 0, 0, 0, 1, 5, 6, 7, 8, 19, 1, 9, 9, 19, 0, 0);
const ENDS = Uint32Array.of(2, 5, 3);

const worst = (a: Float32Array, b: Float32Array): number =>
  a.length === b.length ? a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] as number))), 0) : Number.NaN;

function open(gpu: Gpu, kernels: Kernels, { config, size }: ToyModel): Backbone {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>();
  buildModel(
    config,
    (name, shape, { values } = {}) => {
      if (!values) weights.set(name, { shape, data: toyValues(name, shape) });
      return tensor(shape);
    },
    size,
  );
  const files = { config: new TextEncoder().encode(JSON.stringify(config)), weights: writeSafetensors(weights) };
  return new Backbone(gpu, kernels, files, size === undefined ? {} : { size });
}

async function headFor(backbone: Backbone, kind: Head["kind"]): Promise<Head> {
  if (kind === "linear") return { kind, classes: CLASSES.length };
  if (kind === "text") return { kind, classes: await backbone.embed({ ids: IDS, ends: ENDS }) };
  const given = (data: Uint32Array) => tensor([data.length], { type: "u32", buffer: upload(backbone.gpu, data, "texts") });
  return { kind, ids: given(IDS), ends: given(ENDS) };
}

/** Adds noise to everything that is trained: small beside weights, large beside rounding. */
async function disturb({ backbone, lane }: Exported): Promise<void> {
  for (const [stream, [name, t]] of [...lane.trainables.tensors].entries()) {
    const { data } = await read(backbone, t);
    const size = lane.own.has(name) ? 0.02 : 0.1;
    const noisy = data.map((v, i) => v + size * normal(1, stream, i));
    write(backbone.gpu, t.buffer as GPUBuffer, t.offset, noisy);
  }
}

async function compare(backbone: Backbone, toy: ToyModel, method: string, kind: Head["kind"]): Promise<Comparison> {
  const { gpu, kernels, model } = backbone;
  const { size, width } = model.image;
  const def = adapterOf(method);
  const targets: Targets = { image: SIX, text: kind === "prompts" ? SIX : [] };
  const sites = targetSites(backbone.sites, targets);
  const own = ownTensors(backbone, targets, kind === "linear" ? "linear" : "text");
  const defaults = completeSettings(def, {});
  const settings = { ...defaults, ...def.match?.(sites, defaults, 96 * sites.length) };
  const head = await headFor(backbone, kind);
  const config = { method, settings, lr: 1 };
  const lane = await Lane.open(gpu, kernels, { sites, own, config, seed: 7, head: headValues(head, width, 1) });
  const exported: Exported = { backbone, lane, head, classes: CLASSES, baseModel: null };
  const pixels = Float32Array.from({ length: IMAGES * 3 * size * size }, (_, i) => normal(3, 1, i));
  const before = await runLane(exported, pixels, IMAGES, size);
  await disturb(exported);
  const ours = await runLane(exported, pixels, IMAGES, size);
  const file = (await exportOnnx(exported)).get("model.onnx") as Uint8Array<ArrayBuffer>;
  const theirs = await verifyOnnx(file, pixels, size);
  lane.destroy();
  return {
    type: String(toy.config.model_type),
    toy: toy.name,
    method,
    head: kind,
    difference: worst(ours.logits, theirs.logits),
    largest: Math.max(...ours.logits.map(Math.abs)),
    moved: worst(ours.logits, before.logits),
  };
}

async function compareAll(gpu: Gpu, types: readonly string[]): Promise<Comparison[]> {
  const kernels = new Kernels(gpu);
  const found: Comparison[] = [];
  let turn = 0;
  for (const toy of types.flatMap(toysOf)) {
    const backbone = open(gpu, kernels, toy);
    const heads = backbone.model.text ? (["linear", "text", "prompts"] as const) : (["linear"] as const);
    for (const head of heads) {
      const methods = METHODS[turn++ % 2] as (typeof METHODS)[number];
      for (const method of methods) found.push(await compare(backbone, toy, method, head));
    }
    backbone.destroy();
  }
  return found;
}

/** A model whose activations would fill all 4 GiB that WebAssembly has. */
function largeModel(): Uint8Array {
  const graph = new OnnxGraph();
  const pixels = graph.input("pixel_values", ["batch", 3, 2, 2]);
  const all = graph.node("Expand", [pixels, graph.integers([89_478_000, 3, 2, 2])]);
  graph.output("logits", graph.node("ReduceSum", [all]), [1, 1, 1, 1]);
  return graph.encode();
}

const refusal = (file: Uint8Array): Promise<string> => verifyOnnx(file, new Float32Array(12), 2).then(() => "none", String);

async function carryOut(order: Order): Promise<Reply> {
  const gpu = await openGpu(navigator.gpu);
  const files = { damaged: () => new Uint8Array(99), large: largeModel };
  const result = "types" in order ? compareAll(gpu, order.types) : refusal(files[order.file]());
  return { adapter: gpu.name, result: await Promise.race([result, gpu.fault]) };
}

self.onmessage = ({ data }: MessageEvent<Order>) => {
  carryOut(data).then(
    (reply) => self.postMessage(reply),
    (error: unknown) => self.postMessage({ error: error instanceof Error ? String(error.stack) : String(error) } satisfies Reply),
  );
};
