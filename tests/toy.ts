/** A CLIP that fits in a few kilobytes, images that it can tell apart, and races between lanes on them. */
import type { Values } from "../src/adapters/adapter.ts";
import type { Dataset, Preprocess } from "../src/data/dataset.ts";
import { inMemory } from "../src/data/pixels.ts";
import { splitDataset } from "../src/data/split.ts";
import { type FloatTensor, writeSafetensors } from "../src/formats/safetensors.ts";
import type { Gpu } from "../src/gpu/device.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { readback, storage } from "../src/gpu/memory.ts";
import type { Site } from "../src/models/model.ts";
import { Arena } from "../src/tensor/plan.ts";
import { normal, uniform } from "../src/tensor/random.ts";
import type { Tape } from "../src/tensor/tape.ts";
import { byteLength, numel, owner, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { NO_AUGMENT } from "../src/train/augment.ts";
import { Backbone, type ModelFiles } from "../src/train/backbone.ts";
import { adapterOf, buildModel, type Targets, targetSites } from "../src/train/catalog.ts";
import type { Head } from "../src/train/head.ts";
import { Lane } from "../src/train/lane.ts";
import { ownTensors } from "../src/train/outline.ts";
import { Race } from "../src/train/race.ts";
import type { LaneConfig, RunConfig } from "../src/train/run.ts";
import { gpu } from "./gpu.ts";

const SIDE = 16;
/** All six of the vision tower. */
export const TARGETS: Targets = { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] };
export const preprocess: Preprocess = { resize: SIDE, resample: "bicubic", crop: SIDE, mean: [0.5, 0.4, 0.6], std: [0.25, 0.3, 0.2] };
/** preprocessor_config.json of the same. */
export const preprocessJson = {
  size: { shortest_edge: SIDE },
  crop_size: { height: SIDE, width: SIDE },
  resample: 3,
  image_mean: preprocess.mean,
  image_std: preprocess.std,
};

/** Two blocks of 5 tokens for images, one of 6 for texts. Layers are square, wide and tall, so that an adapter meets all three. */
const CONFIG = {
  model_type: "clip",
  projection_dim: 8,
  vision_config: {
    hidden_size: 12,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    image_size: SIDE,
    patch_size: 8,
    hidden_act: "quick_gelu",
    layer_norm_eps: 1e-5,
  },
  text_config: {
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    vocab_size: 20,
    max_position_embeddings: 6,
    hidden_act: "gelu",
    layer_norm_eps: 1e-5,
  },
};

/** Every weight that the model asks for, drawn by its name's place. */
export function toyWeights(): Map<string, FloatTensor> {
  const weights = new Map<string, FloatTensor>();
  const draw = (name: string, shape: readonly number[]): Tensor => {
    const stream = weights.size + 1;
    if (name === "logit_scale") weights.set(name, { shape, data: Float32Array.of(Math.log(30)) });
    if (weights.has(name)) return tensor(shape);
    const isGain = /norm\w*\.weight$/.test(name);
    const scale = isGain || name.endsWith("bias") ? 0.2 : shape.length > 1 ? 1.5 / Math.sqrt(numel(shape.slice(1))) : 0.5;
    weights.set(name, {
      shape,
      data: Float32Array.from({ length: numel(shape) }, (_, i) => Number(isGain) + scale * normal(7, stream, i)),
    });
    return tensor(shape);
  };
  buildModel(CONFIG, draw);
  return weights;
}

export const toyFiles = (): ModelFiles => ({
  config: new TextEncoder().encode(JSON.stringify(CONFIG)),
  weights: writeSafetensors(toyWeights()),
});

/** Red, green and blue images, each with stripes of its own and some noise. */
export function toyDataset(perClass = 10, classes = 3): Dataset {
  const n = classes * perClass;
  const labels = Uint32Array.from({ length: n }, (_, i) => i % classes);
  const pixels = Uint8Array.from({ length: n * SIDE * SIDE * 3 }, (_, at) => {
    const [channel, x] = [at % 3, Math.floor(at / 3) % SIDE];
    const image = Math.floor(at / (3 * SIDE * SIDE));
    const label = labels[image] as number;
    const colour = channel === label % 3 ? 150 : 50;
    const stripe = x % (label + 2) === 0 ? 40 : 0;
    return colour + stripe + 60 * uniform(3, image, at);
  });
  const names = ["red", "green", "blue", "grey"].slice(0, classes);
  return {
    name: "toy",
    classes: names,
    size: SIDE,
    pixels: inMemory(pixels, n),
    labels,
    sources: Array.from({ length: n }, (_, i) => `${names[i % classes]}/${i}.png`),
  };
}

/** LoRA of rank 2 and RandLoRA of rank 5, which divides no side of any layer. */
export const LANES: readonly LaneConfig[] = [
  { method: "lora", settings: { rank: 2, alpha: 4 }, lr: 1e-2 },
  { method: "randlora", settings: { rank: 5, alpha: 5 }, lr: 1e-2 },
];

export const toyConfig = (change: Partial<RunConfig> = {}): RunConfig => ({
  version: 1,
  model: "toy",
  precision: "checkpoint",
  seed: 11,
  validation: 0.25,
  test: 0,
  amount: "all",
  head: { kind: "linear" },
  targets: TARGETS,
  lanes: LANES,
  steps: 20,
  batch: 4,
  warmup: 0.1,
  weightDecay: 0.01,
  clip: 1,
  labelSmoothing: 0.1,
  augment: NO_AUGMENT,
  balance: false,
  ...change,
});

/** The same device, with the kernels for GPUs or those for CPU adapters, whatever it is. */
export const gpuAs = (software: boolean): Gpu => ({ ...gpu, software });
export const kernels = new Kernels(gpu);
export const toyBackbone = (software = gpu.software): Backbone => new Backbone(gpuAs(software), kernels, toyFiles());

const backbone = toyBackbone();
export const dataset = toyDataset();
export const openRace = (config: RunConfig, on = backbone): Promise<Race> =>
  Race.open({
    backbone: on,
    config,
    dataset,
    split: splitDataset(dataset, config),
    preprocess,
    onStatus: () => undefined,
  });

/** Frozen embeddings of three texts of different lengths. */
export async function textHead(on: Backbone): Promise<Head> {
  const ids = Uint32Array.of(1, 4, 19, 0, 0, 0, 1, 5, 6, 7, 8, 19, 1, 9, 9, 19, 0, 0);
  return { kind: "text", classes: await on.embed({ ids, ends: Uint32Array.of(2, 5, 3) }) };
}

/** A lane on layers of the toy's vision tower: all of them, or those given. */
export function toyLane(
  on: Backbone,
  config: LaneConfig,
  head: ReadonlyMap<string, Values> = new Map(),
  seed = 11,
  sites: readonly Site[] = targetSites(on.sites, TARGETS),
): Promise<Lane> {
  const own = ownTensors(on, TARGETS, "text");
  return Lane.open(on.gpu, kernels, { sites, own, config, seed, head });
}

/** Settings of any method with about as many parameters as LoRA of `rank` has. */
export function settingsLike(
  method: string,
  shapes: readonly { readonly in: number; readonly out: number }[],
  rank: number,
): Record<string, number> {
  const def = adapterOf(method);
  const defaults = Object.fromEntries(Object.entries(def.fields).map(([name, field]) => [name, field.default]));
  return {
    ...(def.match?.(
      shapes,
      defaults,
      shapes.reduce((sum, layer) => sum + rank * (layer.in + layer.out), 0),
    ) ?? defaults),
  };
}

/** What is trained, as it is now. */
export async function trained(lane: Lane): Promise<Map<string, Float32Array>> {
  const all = await readback(gpu, lane.trainables.weight, 0, lane.trainables.weight.size);
  return new Map(
    [...lane.trainables.tensors].map(([name, { shape, offset }]) => [name, new Float32Array(all.slice(offset, offset + 4 * numel(shape)))]),
  );
}

/** Adds noise to all trainables, so that none is at its start. */
export async function disturb(lane: Lane, size = 0.1): Promise<void> {
  for (const [s, [name, values]] of [...(await trained(lane))].entries()) {
    const { buffer, offset } = lane.tensor(name);
    gpu.device.queue.writeBuffer(
      buffer as GPUBuffer,
      offset,
      values.map((v, i) => v + size * normal(5, s, i)),
    );
  }
}

/** A tape whose results stay. */
export interface Program {
  run(): void;
  read(y: Tensor): Promise<Float32Array>;
}

/** Plans a tape in an arena of its own; `kept` are read afterwards. */
export async function program(tape: Tape, kept: readonly Tensor[]): Promise<Program> {
  for (const y of kept) owner(y).buffer ??= storage(gpu, byteLength(y), "kept");
  const [plan] = await new Arena(gpu, kernels).plan([tape]);
  return {
    run() {
      const encoder = gpu.device.createCommandEncoder();
      plan?.encode(encoder);
      gpu.device.queue.submit([encoder.finish()]);
    },
    read: async (y) => new Float32Array(await readback(gpu, y.buffer as GPUBuffer, y.offset, 4 * numel(y.shape))),
  };
}

/** Bit for bit, so that -0 is not 0 and NaN is NaN. */
export const bits = (values: Float32Array): string => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");
