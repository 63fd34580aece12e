/** Several methods on one model, one dataset and the same batches: everything on the GPU, ready to step. */
import { batches } from "../data/batch.ts";
import { openPixels, type PixelReader } from "../data/pixels.ts";
import type { Gpu } from "../gpu/device.ts";
import { readback, storage, write } from "../gpu/memory.ts";
import type { Site } from "../models/model.ts";
import { type Clock, submit } from "../tensor/pace.ts";
import type { Arena, Plan, Timed } from "../tensor/plan.ts";
import { type Head, headBuffers, softmax } from "./head.ts";
import type { Lane } from "./lane.ts";
import { type AdamW, adamwOf, RING } from "./optimizer.ts";
import { openParts, type Parts, type RaceSetup } from "./parts.ts";
import type { Batch, Evaluation } from "./record.ts";
import type { LaneScore, Memory, Prediction } from "./run.ts";
import { learningRate } from "./schedule.ts";

export interface StepFigures {
  readonly loss: number;
  /** Share of the batch that was right. */
  readonly accuracy: number;
  readonly gradNorm: number;
  /** Gradients (or the loss) that are NaN or infinite; the step changed nothing when there are any. */
  readonly notFinite: number;
}

/** Images whose answers are read back at once. */
const READ = 4096;

interface Prepared extends Evaluation {
  readonly plan: Plan;
}

export class Race {
  readonly lanes: readonly Lane[];
  readonly sites: readonly Site[];
  readonly setup: RaceSetup;
  /** Steps queued so far. */
  steps = 0;
  /** The step of the last snapshot. */
  taken: number | undefined;
  readonly #adamw: AdamW;
  readonly #batchOf: (step: number) => Uint32Array;
  readonly #arena: Arena;
  readonly #trainBatch: Batch;
  readonly #testBatch: Batch;
  readonly #steps: readonly Plan[];
  /** One per lane, then the model before training where its head is frozen. */
  readonly #evaluations: readonly Prepared[];
  /** Per lane, the layers whose weights it changes. */
  readonly #deltas: readonly (readonly { readonly site: Site; readonly plan: Plan }[])[];
  readonly #copies: readonly GPUBuffer[];
  /** To be destroyed at the end. */
  readonly #rest: readonly (GPUBuffer | undefined)[];
  readonly #delta: GPUBuffer;
  readonly #pixels: PixelReader;
  readonly head: Head;

  private constructor(setup: RaceSetup, parts: Parts, pixels: PixelReader) {
    this.setup = setup;
    this.#pixels = pixels;
    this.lanes = parts.lanes;
    this.sites = parts.sites;
    this.#adamw = adamwOf(setup.config);
    this.#batchOf = batches(setup.split.train, setup.config.batch, setup.config.seed);
    this.#arena = parts.arena;
    this.#trainBatch = parts.trainBatch;
    this.#testBatch = parts.testBatch;
    this.#copies = parts.copies;
    this.#rest = [parts.zeros, parts.one, parts.weights, ...headBuffers(parts.head)];
    this.#delta = parts.delta;
    this.head = parts.head;
    this.#steps = parts.plans.slice(0, parts.lanes.length);
    this.#evaluations = parts.evaluations.map((evaluation, i) => ({ ...evaluation, plan: parts.plans[parts.lanes.length + i] as Plan }));
    let first = parts.lanes.length + parts.evaluations.length;
    this.#deltas = parts.changed.map((sites) => sites.map((site) => ({ site, plan: parts.plans[first++] as Plan })));
  }

  /** Loads, records and compiles. Throws when the GPU's memory does not suffice, naming what to make smaller. */
  static async open(setup: RaceSetup): Promise<Race> {
    const pixels = await openPixels(setup.dataset);
    // Files that are open stay locked; a run that is left, whatever its state, has its device closed.
    void setup.backbone.gpu.device.lost.then(() => pixels.close());
    try {
      return new Race(setup, await openParts(setup), pixels);
    } catch (error) {
      pixels.close();
      throw error;
    }
  }

  get gpu(): Gpu {
    return this.setup.backbone.gpu;
  }

  get memory(): Memory {
    return {
      weights: this.setup.backbone.bytes,
      activations: this.#arena.bytes,
      lanes: this.lanes.map(({ trainables, frozenBytes }) => ({ ...trainables.bytes, frozen: frozenBytes })),
    };
  }

  /** How each lane runs its layers, in words. */
  get ways(): readonly string[] {
    const { config, backbone } = this.setup;
    return this.lanes.map((lane) => lane.describe(backbone.sites, config.batch * backbone.model.image.tokens));
  }

  /** Queues step `step` (from 1) of every lane; a `clock`, which must be free, times them. */
  step(step: number, clock?: Clock): void {
    const { config } = this.setup;
    this.steps = step;
    this.load(this.#trainBatch, this.#batchOf(step - 1));
    this.#trainBatch.views?.draw(config.seed, step - 1);
    for (const lane of this.lanes) lane.trainables.prepare(step, learningRate(lane.config.lr, step, config), this.#adamw);
    submit(this.gpu, this.#steps, clock);
  }

  /** Milliseconds of every launch of the lanes' steps, lane by lane; see Plan.profile. It trains on the batch that was loaded last. */
  async profile(repeats: number): Promise<readonly Timed[]> {
    const lanes: (readonly Timed[])[] = [];
    for (const plan of this.#steps) lanes.push(await plan.profile(this.gpu, repeats));
    return lanes.flat();
  }

  /** Figures of the steps from `first` to `last` (from 1; at most RING of them), once they have run. */
  async figures(lane: number, first: number, last: number): Promise<StepFigures[]> {
    if (last - first >= RING) throw new Error(`figures: at most ${RING} steps are kept`);
    const { history } = (this.lanes[lane] as Lane).trainables;
    const all = new Float32Array(await readback(this.setup.backbone.gpu, history, 0, history.size));
    return Array.from({ length: last - first + 1 }, (_, i) => {
      const [loss, accuracy, gradNorm, notFinite] = all.subarray(((first + i - 1) % RING) * 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      return { loss, accuracy, gradNorm, notFinite };
    });
  }

  /** Scores a lane on some images, or with `lane` = -1 the model before training. */
  async evaluate(lane: number, images: Uint32Array): Promise<LaneScore> {
    const answers = {
      predicted: new Uint32Array(images.length),
      confidence: new Float32Array(images.length),
      truth: new Float32Array(images.length),
    };
    let [loss, correct] = [0, 0];
    for (let first = 0; first < images.length; first += READ) {
      const { rows, logits, classes } = await this.#answer(lane, images.subarray(first, first + READ));
      for (let i = 0; i < rows.length / 2; i++) {
        const shares = softmax(logits.subarray(i * classes, (i + 1) * classes));
        const predicted = shares.reduce((best, share, at) => (share > (shares[best] as number) ? at : best), 0);
        loss += rows[2 * i] as number;
        correct += rows[2 * i + 1] as number;
        answers.predicted[first + i] = predicted;
        answers.confidence[first + i] = shares[predicted] as number;
        answers.truth[first + i] = Math.exp(-(rows[2 * i] as number));
      }
    }
    return { loss: loss / images.length, accuracy: correct / images.length, correct, answers };
  }

  /** `rows` (images, 2): loss, and whether the prediction is right. `logits` (images, classes). */
  async #answer(lane: number, images: Uint32Array) {
    const { backbone } = this.setup;
    const { plan, rows, logits } = this.#evaluation(lane);
    const { size } = this.#testBatch;
    const classes = logits.shape[1] as number;
    /** Rows, then logits. */
    const results = storage(backbone.gpu, images.length * (8 + 4 * classes), "results");
    const second = images.length * 8;
    for (let first = 0; first < images.length; first += size) {
      const some = images.subarray(first, first + size);
      this.load(this.#testBatch, some);
      write(backbone.gpu, this.#testBatch.count.buffer as GPUBuffer, 0, new Uint32Array([some.length]));
      plan.submit(this.gpu, (encoder) => {
        encoder.copyBufferToBuffer(rows.buffer as GPUBuffer, 0, results, first * 8, some.length * 8);
        encoder.copyBufferToBuffer(logits.buffer as GPUBuffer, 0, results, second + first * classes * 4, some.length * classes * 4);
      });
      await plan.pace.learned; // what is queued before the first run has been timed goes launch by launch
    }
    const read = new Float32Array(await readback(backbone.gpu, results, 0, results.size));
    results.destroy();
    return { rows: read.subarray(0, 2 * images.length), logits: read.subarray(2 * images.length), classes };
  }

  /** Probabilities by class, from every lane and from the model before training, for (size, size, 3) RGB bytes. */
  async predict(pixels: Uint8Array): Promise<Prediction> {
    const { gpu } = this.setup.backbone;
    const lanes: Float32Array[] = [];
    for (let l = 0; l < this.#evaluations.length; l++) {
      const { plan, logits } = this.#evaluation(l < this.lanes.length ? l : -1);
      write(gpu, this.#testBatch.pixels.buffer as GPUBuffer, 0, pixels);
      write(gpu, this.#testBatch.count.buffer as GPUBuffer, 0, new Uint32Array([1]));
      plan.submit(this.gpu);
      lanes.push(softmax(new Float32Array(await readback(gpu, logits.buffer as GPUBuffer, 0, 4 * (logits.shape[1] as number)))));
    }
    const before = lanes[this.lanes.length];
    return { lanes: lanes.slice(0, this.lanes.length), ...(before && { before }) };
  }

  /** Copies the trainables of all lanes, as they are after the steps queued so far; `deltas` is about this moment. */
  snapshot(): void {
    this.taken = this.steps;
    const encoder = this.gpu.device.createCommandEncoder();
    this.lanes.forEach(({ trainables: { weight } }, l) => {
      encoder.copyBufferToBuffer(weight, 0, this.#copies[l] as GPUBuffer, 0, weight.size);
    });
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  /** ΔW of every adapted layer, or of the one at `path`, at the last snapshot; training may go on meanwhile. */
  async *deltas(lane: number, path?: string): AsyncGenerator<{ readonly site: Site; readonly delta: Float32Array<ArrayBuffer> }> {
    const { gpu } = this;
    for (const { site, plan } of this.#deltas[lane] ?? []) {
      if (path !== undefined && site.path !== path) continue;
      plan.submit(this.gpu);
      yield { site, delta: new Float32Array(await readback(gpu, this.#delta, 0, 4 * site.in * site.out)) };
    }
  }

  /** SHA-256 of the lane's trainables, in hexadecimal: two runs that agree in it agree in every bit. */
  async fingerprint(lane: number): Promise<string> {
    const { weight } = (this.lanes[lane] as Lane).trainables;
    const digest = await crypto.subtle.digest("SHA-256", await readback(this.gpu, weight, 0, weight.size));
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  destroy(): void {
    for (const lane of this.lanes) lane.destroy();
    for (const { rows, logits } of this.#evaluations) for (const { buffer } of [rows, logits]) buffer?.destroy();
    this.#arena.destroy();
    this.#trainBatch.destroy();
    this.#testBatch.destroy();
    for (const copy of this.#copies) copy.destroy();
    for (const buffer of this.#rest) buffer?.destroy();
    this.#delta.destroy();
    this.#pixels.close();
  }

  #evaluation(lane: number): Prepared {
    const found = this.#evaluations[lane < 0 ? this.lanes.length : lane];
    if (!found) throw new Error("A linear head has no predictions before training");
    return found;
  }

  /** Queues images, and their labels, for a batch; rows beyond them keep what they held. */
  load({ pixels, labels, staging }: Batch, images: Uint32Array): void {
    const { dataset, backbone } = this.setup;
    const bytes = 3 * dataset.size ** 2;
    images.forEach((image, i) => {
      this.#pixels.read(image, staging.pixels.subarray(i * bytes, (i + 1) * bytes));
      staging.labels[i] = dataset.labels[image] as number;
    });
    write(backbone.gpu, pixels.buffer as GPUBuffer, 0, staging.pixels);
    write(backbone.gpu, labels.buffer as GPUBuffer, 0, staging.labels);
  }
}
