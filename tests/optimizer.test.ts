/** AdamW against its definition in float64, and the learning rate against numbers worked out by hand. */
import { describe, expect, test } from "vitest";
import { readback, upload } from "../src/gpu/memory.ts";
import { add } from "../src/ops/add.ts";
import { gelu } from "../src/ops/gelu.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { type Tensor, tensor } from "../src/tensor/tensor.ts";
import { type AdamW, RING, Trainables } from "../src/train/optimizer.ts";
import { learningRate } from "../src/train/schedule.ts";
import { gpu } from "./gpu.ts";
import { relativeError } from "./model.ts";
import { bits, program } from "./toy.ts";

const draw = (n: number, stream: number, scale: number) => Float32Array.from({ length: n }, (_, i) => scale * normal(1, stream, i));
const onGpu = (data: Float32Array): Tensor => tensor([data.length], { buffer: upload(gpu, data, "given") });

/** Three tensors: one that is shorter than its place, one of one number, one over several workgroups of the norm. */
const SIZES = { short: 37, single: 1, long: 9001 };

async function setUp(options: AdamW, scale = 1) {
  const values = new Map(Object.entries(SIZES).map(([name, n], s) => [name, { shape: [n], data: draw(n, s, 1) }]));
  const trainables = new Trainables(gpu, values);
  const [loss, rows] = [onGpu(Float32Array.of(0)), tensor([3, 2], { buffer: upload(gpu, Float32Array.of(1, 1, 2, 0, 3, 1), "rows") })];
  const tape = new Tape(gpu.software);
  trainables.record(tape, loss, rows, options);
  const { run, read } = await program(tape, []);
  return {
    trainables,
    values,
    /** One step with new gradients; `spoil` changes them first. */
    step(t: number, lr: number, lossValue = t, spoil: (name: string, gradient: Float32Array) => void = () => undefined) {
      const gradients = Object.entries(SIZES).map(([name, n], s) => {
        const gradient = draw(n, 10 * t + s, scale);
        spoil(name, gradient);
        const home = trainables.gradient(trainables.tensors.get(name)!);
        gpu.device.queue.writeBuffer(home.buffer!, home.offset, gradient);
        return [name, gradient] as const;
      });
      gpu.device.queue.writeBuffer(loss.buffer!, 0, Float32Array.of(lossValue));
      trainables.prepare(t, lr, options);
      run();
      return new Map(gradients);
    },
    async weights() {
      return new Map(await Promise.all([...trainables.tensors].map(async ([name, t]) => [name, await read(t)] as const)));
    },
    async history(t: number) {
      const all = new Float32Array(await readback(gpu, trainables.history, 0, 16 * RING));
      return [...all.subarray(4 * (t - 1), 4 * t)];
    },
  };
}

/** Algorithm 2 of arXiv 1711.05101, with the gradient's norm clipped first. */
class Definition {
  readonly #options: AdamW;
  readonly weight = new Map<string, Float64Array>();
  readonly #mean = new Map<string, Float64Array>();
  readonly #variance = new Map<string, Float64Array>();
  constructor(values: ReadonlyMap<string, { readonly data: Float32Array }>, options: AdamW) {
    this.#options = options;
    for (const [name, { data }] of values) {
      this.weight.set(name, Float64Array.from(data));
      this.#mean.set(name, new Float64Array(data.length));
      this.#variance.set(name, new Float64Array(data.length));
    }
  }
  /** Returns the norm. */
  step(t: number, lr: number, gradients: ReadonlyMap<string, Float32Array>): number {
    const { beta1, beta2, eps, weightDecay, clip } = this.#options;
    const norm = Math.sqrt([...gradients.values()].reduce((sum, g) => sum + g.reduce((s, v) => s + v * v, 0), 0));
    const factor = clip > 0 && norm > clip ? clip / norm : 1;
    for (const [name, gradient] of gradients) {
      const [w, m, v] = [this.weight.get(name)!, this.#mean.get(name)!, this.#variance.get(name)!];
      gradient.forEach((value, i) => {
        const g = factor * value;
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
        const update = m[i]! / (1 - beta1 ** t) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + eps);
        w[i] = w[i]! - lr * (update + weightDecay * w[i]!);
      });
    }
    return norm;
  }
}

const plain: AdamW = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, clip: 0 };

describe("AdamW", () => {
  test.each([
    ["plain", plain, 1],
    ["with decay", { ...plain, weightDecay: 0.3 }, 1],
    ["clipped", { ...plain, clip: 3, weightDecay: 0.1 }, 1],
    ["below its clip", { ...plain, clip: 1e4 }, 1],
    ["with other betas, and an eps that counts", { beta1: 0.5, beta2: 0.9, eps: 0.1, weightDecay: 0.01, clip: 0 }, 0.1],
    ["with gradients whose squares are tiny", plain, 1e-9],
  ])("%s, is its definition in float64", async (_name, options, scale) => {
    const { trainables, values, step, weights, history } = await setUp(options, scale);
    const definition = new Definition(values, options);
    for (let t = 1; t <= 6; t++) {
      const lr = 0.01 * t;
      const norm = definition.step(t, lr, step(t, lr));
      const [loss, accuracy, gradNorm, notFinite] = await history(t);
      expect(loss).toBe(t);
      expect(accuracy).toBeCloseTo(2 / 3, 6);
      expect(Math.abs(gradNorm! - norm)).toBeLessThan(1e-5 * norm);
      expect(notFinite).toBe(0);
    }
    for (const [name, got] of await weights()) {
      const want = definition.weight.get(name)!;
      const moved = want.map((w, i) => w - values.get(name)!.data[i]!);
      expect(
        relativeError(
          got.map((w, i) => w - values.get(name)!.data[i]!),
          moved,
        ),
        name,
      ).toBeLessThan(2e-5);
    }
    trainables.destroy();
  });

  test("the first step has the length of the learning rate, whatever the gradient", async () => {
    const { values, step, weights } = await setUp(plain, 10); // none so small that eps counts
    const gradients = step(1, 0.5);
    for (const [name, got] of await weights()) {
      for (const [i, w] of got.entries()) expect(w - values.get(name)!.data[i]!).toBeCloseTo(-0.5 * Math.sign(gradients.get(name)![i]!), 3);
    }
  });

  test.each([
    ["a NaN in the last tensor", "long", 9000, Number.NaN, undefined],
    ["an infinity in the first", "short", 0, Number.POSITIVE_INFINITY, undefined],
    ["a finite gradient whose square is not", "single", 0, 3e38, undefined],
    ["a loss of NaN alone", "", 0, 0, Number.NaN],
  ])("%s leaves weights and moments as they are", async (_what, tensorName, at, value, loss) => {
    const options = { ...plain, weightDecay: 0.1, clip: 1 };
    const { values, step, weights, history } = await setUp(options);
    const definition = new Definition(values, options);
    for (const t of [1, 2]) definition.step(t, 0.01, step(t, 0.01));
    const before = await weights();
    step(3, 0.01, loss, (name, gradient) => {
      if (name === tensorName) gradient[at] = value;
    });
    for (const [name, got] of await weights()) expect(bits(got)).toBe(bits(before.get(name)!));
    expect((await history(3))[3]).toBe(1);
    definition.step(4, 0.01, step(4, 0.01)); // the moments are those of step 2
    for (const [name, got] of await weights()) expect(relativeError(got, definition.weight.get(name)!), name).toBeLessThan(1e-6);
    expect((await history(4))[3]).toBe(0);
  });
});

test("one tensor that is the gradient of two trainables reaches both", async () => {
  const values = new Map(["a", "b"].map((name, s) => [name, { shape: [5], data: draw(5, s, 1) }]));
  const trainables = new Trainables(gpu, values);
  const [a, b] = [...trainables.tensors.values()] as [Tensor, Tensor];
  const tape = new Tape(gpu.software);
  const y = tape.apply(gelu, { x: tape.apply(add, { a, b }, { factor: 1 }) }, { kind: "quick" });
  const grads = tape.backward(y, onGpu(new Float32Array(5).fill(1)));
  trainables.place(tape, new Map([a, b].map((t) => [t, grads.get(t)!])));
  const { run, read } = await program(tape, []);
  run();
  const [da, db] = [await read(trainables.gradient(a)), await read(trainables.gradient(b))];
  expect(da.every((v) => v !== 0)).toBe(true);
  expect(db).toEqual(da);
});

describe("the learning rate", () => {
  test("rises linearly over the warm-up and falls along a cosine to nearly zero", () => {
    const plan = { steps: 10, warmup: 0.2 };
    // Steps 1 and 2 rise; steps 3 to 10 are at 0/8, 1/8 … 7/8 of half a turn.
    const want = [0.5, 1, 1, 0.9619397663, 0.8535533906, 0.6913417162, 0.5, 0.3086582838, 0.1464466094, 0.0380602337];
    for (const [i, share] of want.entries()) expect(learningRate(3, i + 1, plan)).toBeCloseTo(3 * share, 9);
  });

  test("without warm-up begins at its peak; a warm-up of less than a step is none", () => {
    expect(learningRate(2, 1, { steps: 4, warmup: 0 })).toBe(2);
    expect(learningRate(2, 3, { steps: 4, warmup: 0 })).toBeCloseTo(1, 12);
    expect(learningRate(2, 1, { steps: 9, warmup: 0.1 })).toBe(2);
    expect(learningRate(2, 1, { steps: 1, warmup: 0.5 })).toBe(2);
  });

  test.each([0, 0.1, 0.5, 0.99, 1])("with a warm-up of %f is positive at every step, and never above its peak", (warmup) => {
    for (const steps of [1, 2, 7, 100]) {
      const rates = Array.from({ length: steps }, (_, i) => learningRate(1, i + 1, { steps, warmup }));
      expect(rates.every((rate) => rate > 0 && rate <= 1)).toBe(true);
      const top = rates.indexOf(1);
      expect(rates.slice(0, top + 1)).toEqual(rates.slice(0, top + 1).toSorted((a, b) => a - b));
      expect(rates.slice(top)).toEqual(rates.slice(top).toSorted((a, b) => b - a));
    }
  });
});
