/**
 * Every method on CLIP-tiny (class prompts) and on a vision tower of ViT-B/32's size with random weights (linear head): trained
 * numbers, bytes of its export, GPU memory and milliseconds per step:
 *   npm run bench -- methods [tiny|base] [batch] [steps]
 */
import type { Dataset } from "../../src/data/dataset.ts";
import { splitDataset } from "../../src/data/split.ts";
import { type FloatTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { Kernels } from "../../src/gpu/kernel.ts";
import { hash } from "../../src/tensor/random.ts";
import { numel, tensor } from "../../src/tensor/tensor.ts";
import { Backbone, type ModelFiles } from "../../src/train/backbone.ts";
import { adapters, buildModel, completeSettings, type Targets, trainsHeadAlone } from "../../src/train/catalog.ts";
import { exportMerged, exportPeft, peftForm } from "../../src/train/export.ts";
import { Race } from "../../src/train/race.ts";
import type { LaneConfig, RunConfig } from "../../src/train/run.ts";
import { Stopwatch } from "../../src/train/stopwatch.ts";
import { gpu } from "../gpu.ts";
import { modelFiles } from "../model.ts";

/** CLIP ViT-B/32's vision tower. */
const BASE = {
  model_type: "clip_vision_model",
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 32,
  hidden_act: "quick_gelu",
  layer_norm_eps: 1e-5,
};

/** The sizes of the paper (§5.3), and for the rest those of their own papers; CLIP-tiny's RandLoRA matches LoRA's count. */
const SIZES: Readonly<Record<"tiny" | "base", Readonly<Record<string, Readonly<Record<string, number>>>>>> = {
  tiny: { randlora: { rank: 2, alpha: 20 } },
  base: { randlora: { rank: 6, alpha: 60 }, lora: { rank: 32, alpha: 64 } },
};

function randomFiles(): ModelFiles {
  const weights = new Map<string, FloatTensor>();
  let stream = 0;
  buildModel(BASE, (name, shape) => {
    stream++;
    const data = new Float32Array(numel(shape));
    const scale = shape.length > 1 ? 2 / Math.sqrt(numel(shape.slice(1))) : 0.1;
    let [x] = hash(1, stream, 0);
    for (let i = 0; i < data.length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      data[i] = (/norm\w*\.weight$/.test(name) ? 1 : 0) + scale * (x / 2 ** 32 - 0.5);
    }
    weights.set(name, { shape, data });
    return tensor(shape);
  });
  return { config: new TextEncoder().encode(JSON.stringify(BASE)), weights: writeSafetensors(weights) };
}

function randomImages(size: number): Dataset {
  const n = 160;
  const pixels = Uint8Array.from({ length: n * size * size * 3 }, (_, i) => hash(1, 2, i >> 2)[0] >>> (8 * (i & 3)));
  return {
    name: "random",
    classes: Array.from({ length: 10 }, (_, c) => `class ${c}`),
    size,
    pixels,
    labels: Uint32Array.from({ length: n }, (_, i) => i % 10),
    sources: Array.from({ length: n }, (_, i) => `${i}`),
  };
}

const count = (n: number): string => n.toLocaleString("en");
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export default async function methods([which = "tiny", batchText, stepsText]: string[]): Promise<void> {
  if (which !== "tiny" && which !== "base") throw new Error('The model is "tiny" or "base".');
  const files = which === "tiny" ? modelFiles() : randomFiles();
  const backbone = new Backbone(gpu, new Kernels(gpu), files);
  const dataset = randomImages(backbone.model.image.size);
  const batch = Number(batchText ?? (gpu.software ? 4 : 64));
  const steps = Number(stepsText ?? (gpu.software ? 2 : 120));
  const targets: Targets = { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] };
  const preprocess = {
    resize: dataset.size,
    resample: "bicubic",
    crop: dataset.size,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
  } as const;
  console.log(`${gpu.name}; ${which}, batch ${batch}, ${steps} steps; weights ${mib(backbone.bytes)}`);
  console.log("| method | trained | export | own memory | activations | ms/step |");
  for (const [id, def] of adapters) {
    const lane: LaneConfig = { method: id, settings: completeSettings(def, SIZES[which][id] ?? {}), lr: 1e-4 };
    // A probe trains a head: it gets one on CLIP-tiny too.
    const isLinear = which === "base" || trainsHeadAlone(id);
    const config: RunConfig = {
      version: 1,
      model: which,
      precision: "checkpoint",
      seed: 0,
      validation: 0.2,
      head: isLinear ? { kind: "linear" } : { kind: "text", template: "a photo of {class}." },
      targets,
      lanes: [lane],
      steps,
      batch,
      warmup: 0,
      weightDecay: 0,
      clip: 0,
      labelSmoothing: 0,
    };
    const race = await Race.open({
      backbone,
      config,
      dataset,
      split: splitDataset(dataset, 0.2, 0),
      preprocess,
      onStatus: () => undefined,
    });
    const watch = new Stopwatch(race);
    await watch.run(1, 1);
    await gpu.device.queue.onSubmittedWorkDone();
    watch.restart();
    const chunk = Math.max(1, Math.floor(steps / 12));
    for (let step = 2; step + chunk <= steps + 1; step += chunk) await watch.run(step, Math.min(chunk, steps + 1 - step));
    await gpu.device.queue.onSubmittedWorkDone();
    const { msPerStep } = watch.read();
    watch.destroy();
    const [first] = race.lanes;
    if (!first) throw new Error("no lane");
    const trained = { backbone, lane: first, head: race.head, classes: dataset.classes, baseModel: null };
    const own = peftForm(def, lane.settings);
    const exported = own === "none" ? await exportMerged(trained) : await exportPeft(trained, { transformers: 5, perModule: false });
    const bytes = [...exported.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const { activations, lanes } = race.memory;
    const { trainable, optimizer, frozen } = lanes[0] as (typeof lanes)[number];
    const size = Object.entries(lane.settings).map(([name, value]) => `${name} ${value}`);
    console.log(
      `| ${def.title} (${size.join(", ")}) | ${count(first.parameters)} | ${mib(bytes)} ${own === "none" ? "merged" : own === "lora" ? "as LoRA" : ""} | ` +
        `${mib(trainable + optimizer + frozen)} | ${mib(activations)} | ${msPerStep[0]?.toFixed(2)} |`,
    );
    race.destroy();
  }
}
