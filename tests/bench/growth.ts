/**
 * How the cost of a training step grows: its time and its memory against batch, rank, lanes, tokens and width, one at a time and all
 * else fixed, beside its arithmetic:
 *   npm run bench -- growth [JSON] [small|real]
 * `npm run bench -- figures [JSON]` draws it. The real one is for a graphics card and takes two and a half minutes there; a processor
 * gets the small one, which only shows that everything runs.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { create, globals } from "webgpu";
import { type FloatTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { type Gpu, openGpu } from "../../src/gpu/device.ts";
import { Kernels } from "../../src/gpu/kernel.ts";
import { write } from "../../src/gpu/memory.ts";
import { arithmetic } from "../../src/lab/arithmetic.ts";
import { median } from "../../src/lab/clock.ts";
import { submit } from "../../src/tensor/pace.ts";
import { Arena, type Plan } from "../../src/tensor/plan.ts";
import { hash } from "../../src/tensor/random.ts";
import { numel, tensor } from "../../src/tensor/tensor.ts";
import { tune } from "../../src/tensor/tuning.ts";
import { Backbone } from "../../src/train/backbone.ts";
import { adapterOf, buildModel, completeSettings, targetSites } from "../../src/train/catalog.ts";
import { headValues } from "../../src/train/head.ts";
import { Lane } from "../../src/train/lane.ts";
import { adamwOf } from "../../src/train/optimizer.ts";
import { Batch, recordStep, unit } from "../../src/train/record.ts";

interface Method {
  readonly method: string;
  readonly rank: number;
}

/** A vision tower, and a race on it. */
export interface Setting {
  readonly depth: number;
  readonly width: number;
  readonly tokens: number;
  readonly batch: number;
  readonly lanes: readonly Method[];
}

/** What is measured: where all sweeps meet, and how far each of them goes. */
export interface Size {
  readonly base: Setting;
  readonly batches: readonly number[];
  readonly ranks: readonly number[];
  readonly lanes: readonly Method[];
  readonly tokens: readonly number[];
  readonly widths: readonly number[];
}

const LANES: readonly Method[] = [
  { method: "lora", rank: 32 },
  { method: "randlora", rank: 6 },
  { method: "dora", rank: 32 },
  { method: "vera", rank: 256 },
];

export const SIZES: Readonly<Record<"real" | "small", Size>> = {
  real: {
    base: { depth: 6, width: 384, tokens: 50, batch: 64, lanes: LANES.slice(0, 1) },
    batches: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    ranks: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    lanes: LANES,
    tokens: [17, 50, 65, 101, 145, 197, 257, 325, 401, 485, 577],
    widths: [192, 256, 320, 384, 512, 640, 768, 896, 1024],
  },
  small: {
    base: { depth: 1, width: 64, tokens: 5, batch: 2, lanes: [{ method: "lora", rank: 4 }] },
    batches: [1, 2, 4],
    ranks: [1, 4, 16],
    lanes: LANES.map(({ method }) => ({ method, rank: 4 })),
    tokens: [5, 10, 17],
    widths: [64, 128],
  },
};

/** What was found at a setting. */
export interface Figures {
  /** Milliseconds of forward, backward and AdamW of all lanes: the median over rounds of several steps. */
  readonly ms: number;
  /** Steps that were timed. */
  readonly steps: number;
  /** Bytes on the GPU: frozen weights, activations, and the lanes' trained numbers, moments and bases. */
  readonly weights: number;
  readonly activations: number;
  readonly lanes: number;
  /** Floating-point operations of one step by the model of src/lab/arithmetic.ts, and how many are done in a second, in 10¹². */
  readonly flops: number;
  readonly tflops: number;
  /** Kernels that run as guessed, because there was no time to look for their fastest variants. */
  readonly untuned: number;
}
export interface Point extends Figures {
  readonly x: number;
}
export interface Curve {
  readonly name: string;
  readonly points: readonly Point[];
  /** Where nothing could be measured, and why. */
  readonly missing: readonly { readonly x: number; readonly why: string }[];
}
export interface Axis {
  /** One word. */
  readonly name: string;
  /** What x counts. */
  readonly label: string;
  readonly curves: readonly Curve[];
}
export interface Growth {
  readonly format: "fullrank-growth";
  readonly version: 1;
  /** ISO 8601 */
  readonly date: string;
  readonly device: string;
  readonly runtime: string;
  readonly base: Setting;
  readonly axes: readonly Axis[];
}

/** An axis, with the settings behind each of its points: what they take one after the other is added up. */
export interface Sweep extends Omit<Axis, "curves"> {
  readonly curves: readonly {
    readonly name: string;
    readonly points: readonly { readonly x: number; readonly settings: readonly Setting[] }[];
  }[];
}

/** What needs the same tower stands together. */
export function sweepsOf({ base, batches, ranks, lanes, tokens, widths }: Size): readonly Sweep[] {
  const curve = (name: string, xs: readonly number[], change: (x: number) => Partial<Setting>) => ({
    name,
    points: xs.map((x) => ({ x, settings: [{ ...base, ...change(x) }] })),
  });
  const lora = `LoRA r ${base.lanes[0]?.rank}`;
  const counts = lanes.map((_, i) => i + 1);
  const single = (lane: Method): Setting => ({ ...base, lanes: [lane] });
  return [
    { name: "batch", label: "images in a batch", curves: [curve(lora, batches, (batch) => ({ batch }))] },
    {
      name: "rank",
      label: "rank r",
      curves: [
        curve("LoRA", ranks, (rank) => ({ lanes: [{ method: "lora", rank }] })),
        curve("RandLoRA", ranks, (rank) => ({ lanes: [{ method: "randlora", rank }] })),
      ],
    },
    {
      name: "lanes",
      label: `lanes: ${lanes.map(({ method, rank }) => `${adapterOf(method).title} r ${rank}`).join(", ")}`,
      curves: [
        curve("in one race", counts, (n) => ({ lanes: lanes.slice(0, n) })),
        { name: "one after the other", points: counts.map((x) => ({ x, settings: lanes.slice(0, x).map(single) })) },
      ],
    },
    { name: "tokens", label: "tokens", curves: [curve(lora, tokens, (n) => ({ tokens: n }))] },
    { name: "width", label: "width", curves: [curve(lora, widths, (width) => ({ width }))] },
  ];
}

/** Milliseconds of the whole, of which looking for the fastest kernels may have what opening and timing leave. */
const WHOLE_MS = 135_000;
/** What opening and timing a setting take. */
const OWN_MS = 900;
/** Looking for kernels at one setting: as before a training. */
const TUNING_MS = 4000;

export default async function growth([file = ".cache/growth.json", which]: string[]): Promise<void> {
  // Dawn dies with its instance, and nothing else refers to it: a global is what neither the collector nor a bundler removes.
  const instance = create([]);
  Object.assign(globalThis, globals, { dawn: instance });
  const open = () => openGpu(instance);
  const { software, close } = await open();
  close();
  if (which !== undefined && which !== "small" && which !== "real") throw new Error('The size is "small" or "real".');
  const found = await grow(open, SIZES[which ?? (software ? "small" : "real")], (line) => console.log(line));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
  console.log(file);
}

/** Measures all sweeps. What fails at one setting, such as for want of memory, is noted there. */
export async function grow(open: () => Promise<Gpu>, size: Size, tell: (line: string) => void): Promise<Growth> {
  const begun = performance.now();
  const stage = new Stage(open);
  const { name: device } = (await stage.ready()).gpu;
  const sweeps = sweepsOf(size);
  const all = sweeps.flatMap(({ curves }) => curves.flatMap(({ points }) => points.flatMap(({ settings }) => settings)));
  // The base comes first, with time enough: most of its kernels are those of the others.
  const distinct = new Map([size.base, ...all].map((setting) => [JSON.stringify(setting), setting]));
  const found = new Map<string, Figures | string>();
  tell(`${device}: ${distinct.size} settings`);
  for (const [key, setting] of distinct) {
    const left = (WHOLE_MS - (performance.now() - begun)) / (distinct.size - found.size) - OWN_MS;
    const budget = found.size === 0 ? TUNING_MS : Math.min(TUNING_MS, Math.max(0, left));
    try {
      found.set(key, await measure(await stage.tower(setting), setting, budget));
    } catch (error) {
      found.set(key, firstLine(error));
      stage.close(); // the device may be lost, or full of what was not given back
    }
    tell(asText(setting, found.get(key) as Figures | string));
  }
  stage.close();
  const axes = sweeps.map(({ curves, ...axis }) => ({
    ...axis,
    curves: curves.map(({ name, points }) => {
      const results = points.map(({ x, settings }) => {
        return { x, result: inTurn(settings.map((setting) => found.get(JSON.stringify(setting)) as Figures | string)) };
      });
      return {
        name,
        points: results.flatMap(({ x, result }) => (typeof result === "string" ? [] : [{ x, ...result }])),
        missing: results.flatMap(({ x, result }) => (typeof result === "string" ? [{ x, why: result }] : [])),
      };
    }),
  }));
  for (const line of raceOverSum(axes)) tell(line);
  const runtime = `Node.js ${process.versions.node}`;
  return { format: "fullrank-growth", version: 1, date: new Date().toISOString(), device, runtime, base: size.base, axes };
}

/** Several settings one after the other: times and arithmetic are added, memory is that of the one that needs most. */
function inTurn(results: readonly (Figures | string)[]): Figures | string {
  const why = results.find((one) => typeof one === "string");
  if (why !== undefined) return why;
  const some = results as readonly Figures[];
  const total = (field: keyof Figures) => sum(some.map((one) => one[field]));
  const { weights, activations, lanes } = some.reduce((most, one) => (bytesOf(one) > bytesOf(most) ? one : most));
  const [ms, flops] = [total("ms"), total("flops")];
  return { ms, steps: total("steps"), weights, activations, lanes, flops, tflops: flops / ms / 1e9, untuned: total("untuned") };
}

/** All that lies on the GPU. */
export const bytesOf = ({ weights, activations, lanes }: Figures): number => weights + activations + lanes;

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0] as string;

function asText({ width, tokens, batch, lanes }: Setting, found: Figures | string): string {
  const methods = lanes.map(({ method, rank }) => `${method} ${rank}`).join(" + ");
  const what = `width ${width}, ${tokens} tokens, batch ${batch}, ${methods}:`;
  if (typeof found === "string") return `${what} ${found}`;
  const { ms, tflops, weights, activations, lanes: own, steps, untuned } = found;
  const [all, ...parts] = [bytesOf(found), weights, activations, own].map((bytes) => (bytes / 2 ** 20).toFixed(1));
  return `${what} ${ms.toFixed(3)} ms, ${tflops.toPrecision(3)} TFLOP/s, ${all} MiB (${parts.join(" + ")}), ${steps} steps, ${untuned} untuned`;
}

/** What racing costs beside running the same lanes one after the other. */
function raceOverSum(axes: readonly Axis[]): string[] {
  const [race, turns] = axes.find(({ name }) => name === "lanes")?.curves ?? [];
  const sums = new Map(turns?.points.map(({ x, ms }) => [x, ms]));
  return (race?.points ?? []).flatMap(({ x, ms }) => {
    const sum = sums.get(x);
    if (x < 2 || sum === undefined) return [];
    return [`${x} lanes: ${ms.toFixed(3)} ms in one race, ${sum.toFixed(3)} ms one after the other, ratio ${(ms / sum).toFixed(3)}`];
  });
}

/** A device and at most one tower on it, opened when they are needed. */
class Stage {
  readonly #open: () => Promise<Gpu>;
  #here: { readonly gpu: Gpu; readonly kernels: Kernels } | undefined;
  #tower: { readonly key: string; readonly backbone: Backbone } | undefined;
  /** Survives the device. */
  #tuned: ReadonlyMap<string, string> = new Map();

  constructor(open: () => Promise<Gpu>) {
    this.#open = open;
  }

  async ready(): Promise<{ readonly gpu: Gpu; readonly kernels: Kernels }> {
    if (!this.#here) {
      const gpu = await this.#open();
      for (const [key, name] of this.#tuned) gpu.tuned.set(key, name);
      this.#tuned = gpu.tuned;
      this.#here = { gpu, kernels: new Kernels(gpu) };
    }
    return this.#here;
  }

  async tower(setting: Setting): Promise<Backbone> {
    const { gpu, kernels } = await this.ready();
    const { depth, width, tokens } = setting;
    const key = `${depth} ${width} ${tokens}`;
    if (this.#tower?.key !== key) {
      this.#tower?.backbone.destroy();
      this.#tower = { key, backbone: openTower(gpu, kernels, setting) };
    }
    return this.#tower.backbone;
  }

  close(): void {
    this.#here?.gpu.close();
    this.#here = undefined;
    this.#tower = undefined;
  }
}

/** Sides of a patch, in pixels, and the numbers of an attention head. */
const PATCH = 16;
const HEAD = 64;
const CLASSES = 100;
const TARGETS = { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] };
/** Weights and pixels: a GPU that multiplies zeros runs faster. */
const NOISE = Uint32Array.from({ length: 2 ** 18 }, (_, i) => hash(1, 2, i)[0]);

function openTower(gpu: Gpu, kernels: Kernels, { depth, width, tokens }: Setting): Backbone {
  const config = {
    model_type: "clip_vision_model",
    hidden_size: width,
    intermediate_size: 4 * width,
    num_hidden_layers: depth,
    num_attention_heads: width / HEAD,
    image_size: PATCH * Math.sqrt(tokens - 1),
    patch_size: PATCH,
    hidden_act: "quick_gelu",
    layer_norm_eps: 1e-5,
  };
  const weights = new Map<string, FloatTensor>();
  buildModel(config, (name, shape) => {
    // Of the size that activations of about one need.
    const scale = shape.length > 1 ? 2 / Math.sqrt(numel(shape.slice(1))) : 0.1;
    const middle = /norm\w*\.weight$/.test(name) ? 1 : 0;
    const first = 7919 * weights.size;
    const data = new Float32Array(numel(shape));
    for (let i = 0; i < data.length; i++) data[i] = middle + scale * ((NOISE[(first + i) % NOISE.length] as number) / 2 ** 32 - 0.5);
    weights.set(name, { shape, data });
    return tensor(shape);
  });
  return new Backbone(gpu, kernels, { config: new TextEncoder().encode(JSON.stringify(config)), weights: writeSafetensors(weights) });
}

/** `budget` in milliseconds is for finding the fastest kernels. Throws where the GPU's memory does not suffice. */
async function measure(backbone: Backbone, { batch: images, lanes: methods }: Setting, budget: number): Promise<Figures> {
  const { gpu, kernels, model } = backbone;
  const head = { kind: "linear", classes: CLASSES } as const;
  const adamw = adamwOf({ weightDecay: 0.01, clip: 0 });
  const batch = new Batch(backbone, images);
  const one = unit(backbone);
  const arena = new Arena(gpu, kernels);
  const lanes: Lane[] = [];
  try {
    const { pixels, count } = batch;
    for (let at = 0; at < numel(pixels.shape); at += NOISE.length) {
      write(gpu, pixels.buffer as GPUBuffer, 4 * at, NOISE.subarray(0, numel(pixels.shape) - at));
    }
    write(gpu, count.buffer as GPUBuffer, 0, new Uint32Array([images]));
    const setup = { sites: targetSites(backbone.sites, TARGETS), seed: 0, head: headValues(head, model.image.width, 0) };
    for (const { method, rank } of methods) {
      const config = { method, settings: completeSettings(adapterOf(method), { rank, alpha: 2 * rank }), lr: 1e-4 };
      const lane = await Lane.open(gpu, kernels, { ...setup, config });
      lanes.push(lane);
      lane.trainables.prepare(1, 1e-5, adamw);
    }
    const input = { backbone, batch, head, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const record = () => lanes.map((lane) => recordStep(input, lane, one, 0, adamw));
    const draft = record();
    const tapes = (await tune(gpu, kernels, draft, { budget })) ? record() : draft;
    const untuned = gpu.software ? 0 : new Set(tapes.flatMap((tape) => [...tape.untuned.keys()])).size;
    const plans = await arena.plan(tapes);
    const { ms, steps } = await timeSteps(gpu, plans);
    const own = lanes.map(({ trainables: { bytes }, frozenBytes }) => bytes.trainable + bytes.optimizer + frozenBytes);
    const flops = sum(
      lanes.map((lane) => {
        const { forward, backward } = arithmetic(backbone, lane, images, CLASSES);
        return forward + backward;
      }),
    );
    const memory = { weights: backbone.bytes, activations: arena.bytes, lanes: sum(own) };
    return { ms, steps, ...memory, flops, tflops: flops / ms / 1e9, untuned };
  } finally {
    arena.destroy();
    for (const lane of lanes) lane.destroy();
    batch.destroy();
    one.buffer?.destroy();
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** A round is this long, so that its begin and end do not count. */
const ROUND_MS = 40;
const ROUNDS = 5;
const ENOUGH_MS = 150;
const LONGEST_MS = 1500;

/** Steps as in training: queued in pieces that are short enough, with a round always ahead so that the GPU never waits. */
async function timeSteps(gpu: Gpu, plans: readonly Plan[]): Promise<{ ms: number; steps: number }> {
  const run = async (steps: number): Promise<number> => {
    for (let i = 0; i < steps; i++) submit(gpu, plans);
    await Promise.race([gpu.device.queue.onSubmittedWorkDone(), gpu.fault]);
    return performance.now();
  };
  await run(1); // launch by launch, to learn where it has to be split
  for (const { pace } of plans) await pace.learned;
  let steps = 1;
  for (;;) {
    const start = performance.now();
    const ms = (await run(steps)) - start;
    if (ms > ROUND_MS / 2) break;
    steps = Math.ceil(steps * Math.min(16, (1.1 * ROUND_MS) / ms));
  }
  const times: number[] = [];
  let ahead = run(steps);
  let next = run(steps);
  let last = await ahead; // the first one waited for nothing
  while ((times.length < ROUNDS || sum(times) < ENOUGH_MS) && sum(times) < LONGEST_MS) {
    [ahead, next] = [next, run(steps)];
    const end = await ahead;
    times.push(end - last);
    last = end;
  }
  await next;
  return { ms: median(times) / steps, steps: steps * times.length };
}
