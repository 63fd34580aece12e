/** The loss around and between solutions: weights W₀ + a·ΔW_A + b·ΔW_B + c·ΔW_C, merged and evaluated on the GPU. */

import type { Values } from "../adapters/adapter.ts";
import type { Shares } from "../analysis/plane.ts";
import { readback, storage, upload, write } from "../gpu/memory.ts";
import { add } from "../ops/add.ts";
import { combine } from "../ops/combine.ts";
import { crossentropy } from "../ops/crossentropy.ts";
import { normalize } from "../ops/normalize.ts";
import { unpack } from "../ops/unpack.ts";
import { Arena, type Plan } from "../tensor/plan.ts";
import { uniform } from "../tensor/random.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength, numel, type Tensor, tensor } from "../tensor/tensor.ts";
import { frozenPass } from "./frozen.ts";
import { classify, headValues } from "./head.ts";
import type { Lane } from "./lane.ts";
import type { Race } from "./race.ts";
import { Batch } from "./record.ts";

/** Indices of lanes; -1 stands for the model before training. */
export type Vertices = readonly [number, number, number];

export interface Height {
  readonly loss: number;
  readonly accuracy: number;
}

/** Images in one pass. */
const BATCH = 32;
const ALIGNED = 256;

/** Share of the training images, as in the RandLoRA paper's figure 4b; but of each class a few, and of many images not all of 5 %. */
const SHARE = 0.05;
const LEAST = 4;
const MOST = 1024;
const STREAM = 0x6c6f7373;

/** The training images on which the surface is measured: of every class alike, by the run's seed. */
export function surfaceImages(train: Uint32Array, labels: Uint32Array, seed: number): Uint32Array {
  const byClass = new Map<number, { readonly image: number; readonly rank: number }[]>();
  for (const image of train) {
    const label = labels[image] as number;
    const one = { image, rank: uniform(seed, STREAM, image) };
    const known = byClass.get(label);
    if (known) known.push(one);
    else byClass.set(label, [one]);
  }
  const fair = Math.max(1, Math.floor(MOST / byClass.size));
  const chosen = [...byClass.values()].flatMap((images) => {
    const wanted = Math.min(fair, Math.max(LEAST, Math.round(SHARE * images.length)));
    return images
      .sort((a, b) => a.rank - b.rank)
      .slice(0, wanted)
      .map(({ image }) => image);
  });
  return Uint32Array.from(chosen).sort();
}

/** A tensor of the model, or of the head, that some of the lanes change. */
interface Part {
  readonly name: string;
  readonly shape: readonly number[];
  readonly base: Tensor;
  /** Bytes from the start of each ΔW's buffer, and of the merged one's. */
  readonly offset: number;
}

interface Made {
  readonly race: Race;
  readonly vertices: Vertices;
  readonly step: number;
  readonly images: Uint32Array;
  readonly parts: readonly Part[];
  /** By lane. */
  readonly deltas: ReadonlyMap<number, { readonly buffer: GPUBuffer; readonly names: ReadonlySet<string> }>;
  readonly merge: Plan;
  readonly evaluate: Plan;
  /** (batch, 2): loss, and whether the prediction is right. */
  readonly rows: Tensor;
  readonly weights: GPUBuffer;
  readonly batch: Batch;
  readonly rest: readonly { destroy(): void }[];
}

export class Landscape {
  /** The step whose weights these are: training may go on, they stay. */
  readonly step: number;
  readonly images: Uint32Array;
  readonly #made: Made;

  /** Records, compiles and takes the ΔW of this moment. Throws when the GPU's memory does not suffice. */
  static async open(race: Race, vertices: Vertices): Promise<Landscape> {
    const { gpu } = race;
    const { backbone, config, dataset, split, preprocess } = race.setup;
    const lanes = [...new Set(vertices)].filter((lane) => lane >= 0);
    const head = headValues(race.head, backbone.model.image.width, config.seed);
    const changed = new Map(lanes.map((lane) => [lane, changedBy(race.lanes[lane] as Lane, race, head)]));
    const parts = partsOf(race, new Set([...changed.values()].flatMap((names) => [...names])), head);
    const bytes = parts.reduce((sum, { shape }) => sum + stride(shape), 0);
    const make = (label: string) => storage(gpu, bytes, label);
    const deltas = new Map(
      lanes.map((lane) => [lane, { buffer: make("ΔW of a solution"), names: changed.get(lane) as ReadonlySet<string> }]),
    );
    const merged = make("merged weights");
    const weights = storage(gpu, 16, "shares");
    const zeros = storage(gpu, Math.max(16, ...backbone.sites.map((site) => 4 * site.in * site.out)), "zeros");
    const images = surfaceImages(split.train, dataset.labels, config.seed);
    const batch = new Batch(backbone, Math.min(BATCH, images.length));

    const takes = lanes.map((lane) =>
      recordDeltas(
        race,
        race.lanes[lane] as Lane,
        parts,
        changed.get(lane) as ReadonlySet<string>,
        deltas.get(lane)?.buffer as GPUBuffer,
        zeros,
      ),
    );
    const merge = new Tape(gpu.software);
    const shares = tensor([3], { buffer: weights });
    const own = new Map<string, Tensor>();
    for (const { name, shape, base, offset } of parts) {
      const given = (["a", "b", "c"] as const).flatMap((letter, v) => {
        const delta = deltas.get(vertices[v] as number);
        return delta?.names.has(name) ? [[letter, tensor(shape, { buffer: delta.buffer, offset })] as const] : [];
      });
      const y = merge.apply(combine, { base: unpacked(merge, base), weights: shares, ...Object.fromEntries(given) }, {});
      Object.assign(y, { buffer: merged, offset });
      own.set(name, tensor(shape, { label: name, buffer: merged, offset }));
    }
    const evaluate = new Tape(gpu.software);
    const { model } = backbone.through(own);
    const pixels = evaluate.apply(
      normalize,
      { pixels: batch.pixels },
      { size: model.image.size, mean: preprocess.mean, std: preprocess.std },
    );
    const logits = classify(frozenPass(evaluate), model, pixels, race.head, (name) => own.get(name) as Tensor);
    const { saved } = evaluate.record(crossentropy, { logits, labels: batch.labels, count: batch.count }, { smoothing: 0 });
    const rows = saved.rows as Tensor;
    rows.buffer = storage(gpu, byteLength(rows), "losses");

    const arena = new Arena(gpu, backbone.kernels);
    const rest = [
      arena,
      batch,
      merged,
      weights,
      zeros,
      rows.buffer,
      ...[...deltas.values()].map(({ buffer }) => buffer),
      ...parts.flatMap(({ name, base }) => (head.has(name) && base.buffer ? [base.buffer] : [])),
    ];
    try {
      const plans = await arena.plan([...takes, merge, evaluate]);
      const step = race.steps;
      // Without a pause between them: no step of the training comes between.
      for (const plan of plans.slice(0, takes.length)) plan.submit(gpu);
      return new Landscape({
        race,
        vertices,
        step,
        parts,
        deltas,
        merge: plans[takes.length] as Plan,
        evaluate: plans[takes.length + 1] as Plan,
        rows,
        weights,
        batch,
        rest,
        images,
      });
    } catch (error) {
      for (const one of rest) one.destroy();
      throw error;
    }
  }

  private constructor(made: Made) {
    this.step = made.step;
    this.images = made.images;
    this.#made = made;
  }

  /** (3, 3): the inner products of the three ΔW, over all tensors, in float64. */
  async products(): Promise<Float64Array> {
    const { race, parts, deltas, vertices } = this.#made;
    const sums = new Float64Array(9);
    for (const { name, shape, offset } of parts) {
      const read = new Map<number, Float32Array>();
      for (const [lane, { buffer, names }] of deltas)
        if (names.has(name)) read.set(lane, new Float32Array(await readback(race.gpu, buffer, offset, 4 * numel(shape))));
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          const [a, b] = [read.get(vertices[i] as number), read.get(vertices[j] as number)];
          if (a && b) sums[3 * i + j] = (sums[3 * i + j] as number) + dot(a, b);
        }
      }
    }
    return sums;
  }

  /** Mean loss and accuracy at W₀ + a·ΔW_A + b·ΔW_B + c·ΔW_C. The loss is NaN or infinite where the model's numbers are. */
  async at(shares: Shares): Promise<Height> {
    const { race, merge, evaluate, rows, weights, batch } = this.#made;
    const { gpu } = race;
    write(gpu, weights, 0, new Float32Array([...shares, 0]));
    merge.submit(gpu);
    await merge.pace.learned;
    const results = storage(gpu, 8 * this.images.length, "losses");
    for (let first = 0; first < this.images.length; first += batch.size) {
      const some = this.images.subarray(first, first + batch.size);
      race.load(batch, some);
      write(gpu, batch.count.buffer as GPUBuffer, 0, new Uint32Array([some.length]));
      evaluate.submit(gpu, (encoder) => encoder.copyBufferToBuffer(rows.buffer as GPUBuffer, 0, results, 8 * first, 8 * some.length));
      await evaluate.pace.learned;
    }
    const read = new Float32Array(await readback(gpu, results, 0, 8 * this.images.length));
    results.destroy();
    let [loss, correct] = [0, 0];
    for (let i = 0; i < this.images.length; i++) {
      loss += read[2 * i] as number;
      correct += read[2 * i + 1] as number;
    }
    return { loss: loss / this.images.length, accuracy: correct / this.images.length };
  }

  destroy(): void {
    for (const one of this.#made.rest) one.destroy();
  }
}

const stride = (shape: readonly number[]): number => Math.ceil(byteLength({ shape }) / ALIGNED) * ALIGNED;
const unpacked = (tape: Tape, x: Tensor): Tensor => (x.type === "f32" ? x : tape.apply(unpack, { x }, {}));

/** Names of all that a lane changes: layers it adapts, tensors it trains copies of, and its linear head. */
function changedBy(lane: Lane, race: Race, head: ReadonlyMap<string, Values>): ReadonlySet<string> {
  const adapted = race.setup.backbone.sites.filter((site) => lane.changes(site)).map(({ path }) => `${path}.weight`);
  return new Set([...adapted, ...lane.own.keys(), ...head.keys()]);
}

/** In the model's order, so that neighbours (q, k, v) are neighbours here too. */
function partsOf({ setup: { backbone } }: Race, names: ReadonlySet<string>, head: ReadonlyMap<string, Values>): Part[] {
  const frozen = backbone.parameters
    .filter(({ name }) => names.has(name))
    .map(({ name, shape }) => ({ name, shape, base: backbone.tensor(name) }));
  const trained = [...head].map(([name, { shape, data }]) => ({
    name,
    shape,
    base: tensor(shape, { label: name, buffer: upload(backbone.gpu, Float32Array.from(data), name) }),
  }));
  let offset = 0;
  return [...frozen, ...trained].map((part) => {
    const at = offset;
    offset += stride(part.shape);
    return { ...part, offset: at };
  });
}

/** ΔW of every part that the lane changes, into `buffer`. */
function recordDeltas(
  { gpu, setup: { backbone } }: Race,
  lane: Lane,
  parts: readonly Part[],
  names: ReadonlySet<string>,
  buffer: GPUBuffer,
  zeros: GPUBuffer,
): Tape {
  const tape = new Tape(gpu.software);
  const sites = new Map(backbone.sites.map((site) => [`${site.path}.weight`, site]));
  for (const { name, base, offset } of parts) {
    if (!names.has(name)) continue;
    const site = sites.get(name);
    const y = site
      ? lane.delta(tape, site, tensor([site.out, site.in], { buffer: zeros }))
      : tape.apply(add, { a: lane.tensor(name), b: unpacked(tape, base) }, { factor: -1 });
    Object.assign(y, { buffer, offset });
  }
  return tape;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
