/** What is measured: vision towers of known sizes with random weights, on random images, in races that the page could run. */
import type { Dataset } from "../data/dataset.ts";
import { inMemory } from "../data/pixels.ts";
import { type FloatTensor, writeSafetensors } from "../formats/safetensors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { hash } from "../tensor/random.ts";
import type { Tape } from "../tensor/tape.ts";
import { numel, tensor } from "../tensor/tensor.ts";
import type { Trial } from "../tensor/variant.ts";
import { NO_AUGMENT } from "../train/augment.ts";
import { Backbone } from "../train/backbone.ts";
import { adapterOf, buildModel, completeSettings } from "../train/catalog.ts";
import { adamwOf } from "../train/optimizer.ts";
import { Race } from "../train/race.ts";
import { Batch, recordStep, unit } from "../train/record.ts";
import type { LaneConfig, RunConfig } from "../train/run.ts";
import { TOWERS, type TowerName } from "./order.ts";

/** The sizes at which PEFT is timed beside these; other methods take their own defaults. */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  lora: { rank: 32, alpha: 64 },
  randlora: { rank: 6, alpha: 60 },
  dora: { rank: 32, alpha: 64 },
  vera: { rank: 256 },
};

export const CLASSES = 100;

export function openTower(gpu: Gpu, kernels: Kernels, name: TowerName): Backbone {
  const { width, depth, heads, image, patch } = TOWERS[name];
  const config = {
    model_type: "clip_vision_model",
    hidden_size: width,
    intermediate_size: 4 * width,
    num_hidden_layers: depth,
    num_attention_heads: heads,
    image_size: image,
    patch_size: patch,
    hidden_act: "quick_gelu",
    layer_norm_eps: 1e-5,
  };
  const weights = new Map<string, FloatTensor>();
  buildModel(config, (at, shape) => {
    weights.set(at, { shape, data: drawn(at, shape, weights.size + 1) });
    return tensor(shape);
  });
  return new Backbone(gpu, kernels, { config: new TextEncoder().encode(JSON.stringify(config)), weights: writeSafetensors(weights) });
}

/** Of the size that activations of about one need. Not the project's own random numbers: these are many, and need only be quick. */
function drawn(name: string, shape: readonly number[], stream: number): Float32Array {
  const data = new Float32Array(numel(shape));
  const scale = shape.length > 1 ? 2 / Math.sqrt(numel(shape.slice(1))) : 0.1;
  const middle = /norm\w*\.weight$/.test(name) ? 1 : 0;
  let [x] = hash(1, stream, 0);
  for (let i = 0; i < data.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    data[i] = middle + scale * (x / 2 ** 32 - 0.5);
  }
  return data;
}

/** Exactly one batch, so that no step is like another only by chance. */
function images(size: number, n: number): Dataset {
  const words = Uint32Array.from({ length: Math.ceil((n * size * size * 3) / 4) }, (_, i) => hash(1, 2, i)[0]);
  return {
    name: "random",
    classes: Array.from({ length: CLASSES }, (_, c) => `class ${c}`),
    size,
    pixels: inMemory(new Uint8Array(words.buffer), n),
    labels: Uint32Array.from({ length: n }, (_, i) => i % CLASSES),
    sources: Array.from({ length: n }, (_, i) => String(i)),
  };
}

/** As a report names it: "lora", or "lora+randlora" for two lanes in one race. Throws when there is no such method. */
export function lanesOf(tower: TowerName, methods: string): LaneConfig[] {
  const { settings } = TOWERS[tower];
  return methods.split("+").map((method) => {
    const given = settings?.[method] ?? SETTINGS[method] ?? {};
    return { method, settings: completeSettings(adapterOf(method), given), lr: 1e-4 };
  });
}

/** All six linear layers of every block are adapted, and a linear head is trained. Throws where the GPU's memory does not suffice. */
export function openRace(
  backbone: Backbone,
  lanes: readonly LaneConfig[],
  batch: number,
  onStatus: (text: string, progress?: number) => void,
): Promise<Race> {
  const config: RunConfig = {
    version: 1,
    model: "tower",
    precision: "checkpoint",
    seed: 0,
    validation: 0,
    test: 0,
    amount: "all",
    head: { kind: "linear" },
    targets: { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] },
    lanes,
    steps: 1_000_000,
    batch,
    warmup: 0,
    weightDecay: 0.01,
    clip: 0,
    labelSmoothing: 0,
    augment: NO_AUGMENT,
    balance: false,
  };
  const { size } = backbone.model.image;
  const dataset = images(size, batch);
  const all = Uint32Array.from(dataset.labels.keys());
  const preprocess = { resize: size, resample: "bicubic", crop: size, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  return Race.open({ backbone, config, dataset, split: { train: all, validation: all, test: new Uint32Array() }, preprocess, onStatus });
}

/** Its steps recorded once more, to be looked at: nothing of them can be run. */
export function recordSteps({ lanes, head, setup: { backbone, config, preprocess } }: Race): readonly Tape[] {
  const batch = new Batch(backbone, config.batch);
  const one = unit(backbone);
  const input = { backbone, batch, head, mean: preprocess.mean, std: preprocess.std };
  const tapes = lanes.map((lane) => recordStep(input, lane, one, config.labelSmoothing, adamwOf(config)));
  batch.destroy();
  one.buffer?.destroy();
  return tapes;
}

/** All problems of its steps for which there is more than one kernel, by the key of their choice. */
export function problemsOf(race: Race): ReadonlyMap<string, Trial> {
  const { tuned } = race.gpu;
  const known = [...tuned];
  tuned.clear(); // what is not known is told
  const tapes = recordSteps(race);
  for (const [key, name] of known) tuned.set(key, name);
  return new Map(tapes.flatMap(({ untuned }) => [...untuned]));
}
