/** The record of a step and its backward pass. */
import { describe, expect, test } from "vitest";
import { shader } from "../src/gpu/shader.ts";
import { add } from "../src/ops/add.ts";
import { gelu } from "../src/ops/gelu.ts";
import { layernorm } from "../src/ops/layernorm.ts";
import { matmul } from "../src/ops/matmul.ts";
import type { Launch } from "../src/ops/op.ts";
import { Tape } from "../src/tensor/tape.ts";
import { numel, owner, reshape, type Tensor } from "../src/tensor/tensor.ts";
import { headValues } from "../src/train/head.ts";
import type { Lane } from "../src/train/lane.ts";
import { Batch, recordStep, unit } from "../src/train/record.ts";
import { draw, onGpu, product, transpose } from "./layer.ts";
import { relativeError } from "./model.ts";
import { preprocess, program, toyBackbone, toyLane } from "./toy.ts";

const trainable = (shape: readonly number[], data: Float32Array) => Object.assign(onGpu(shape, data), { needsGrad: true });
const written = ({ shader: name, buffers }: Launch): Tensor[] =>
  Object.entries(buffers).flatMap(([buffer, t]) => (shader(name).bindings.get(buffer)?.access === "read_write" ? [owner(t)] : []));
const readBy = ({ shader: name, buffers }: Launch): Tensor[] =>
  Object.entries(buffers).flatMap(([buffer, t]) => (shader(name).bindings.get(buffer)?.access === "read" ? [owner(t)] : []));
const entries = ({ launches }: Tape, name: string): string[] => launches.filter((l) => l.shader === name).map(({ entry }) => entry);
const KINDS = [
  ["for a CPU adapter", true],
  ["for a GPU", false],
] as const;

describe.each(KINDS)("only needed gradients, %s", (_kind, software) => {
  const on = toyBackbone(software);
  const step = async (targets: readonly string[], blocks: readonly number[], method = "lora") => {
    const sites = on.sites.filter(
      ({ path, target, block }) => path.startsWith("vision") && targets.includes(target) && blocks.includes(block),
    );
    const head = { kind: "linear", classes: 3 } as const;
    const lane = await toyLane(on, { method, settings: { rank: 2, alpha: 2 }, lr: 1 }, headValues(head, 12, 1), 1, sites);
    const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, clip: 0 };
    return {
      tape: recordStep({ backbone: on, batch: new Batch(on, 4), head, ...preprocess }, lane, unit(on), 0, adamw, "activations"),
      lane,
    };
  };

  test.each([
    [["q", "k", "v", "out", "fc1", "fc2"], [0, 1], "lora"],
    [["q", "k", "v", "out", "fc1", "fc2"], [0, 1], "randlora"],
    [["q"], [1], "lora"],
    [["v"], [0], "randlora"],
    [["fc2"], [1], "lora"],
    [[], [], "lora"],
  ] as const)("nothing is computed in vain: %j of blocks %j, %s", async (targets, blocks, method) => {
    const { tape, lane } = await step(targets, blocks, method);
    // Backwards from what a step leaves behind, the trainables and their figures: every launch must write something that is read.
    const place = (t: Tensor): Tensor | GPUBuffer => t.buffer ?? t;
    const wanted = new Set<Tensor | GPUBuffer>([lane.trainables.weight, lane.trainables.history]);
    for (const launch of tape.launches.toReversed()) {
      expect(
        written(launch).some((t) => wanted.has(place(t))),
        `${launch.shader}.${launch.entry} writes what nobody reads`,
      ).toBe(true);
      for (const t of readBy(launch)) wanted.add(place(t));
    }
    const places = tape.launches.flatMap(written).flatMap(({ buffer, offset }) => (buffer && buffer === gradients(lane) ? [offset] : []));
    expect(places.toSorted((a, b) => a - b)).toEqual([...lane.trainables.tensors.values()].map(({ offset }) => offset));
  });
  const gradients = ({ trainables }: Lane) => trainables.gradient([...trainables.tensors.values()][0]!).buffer;

  test("frozen layers before the first trainable one, and frozen gains and biases, have no backward", async () => {
    const last = (await step(["q"], [1])).tape;
    const attention = ({ launches }: Tape) =>
      launches
        .filter((l) => l.shader === "attention_rows" && l.entry !== "forward")
        .map(() => "rows")
        .concat(transposed(launches));
    // The gradients of keys and values are the products with a transposed factor.
    const transposed = (launches: readonly Launch[]) =>
      launches
        .filter((l) => l.shader === (software ? "attention_direct" : "attention_product") && l.overrides?.TRANS_A)
        .map(() => "transposed");
    expect(attention(last)).toEqual(["rows"]);
    expect(entries(last, software ? "layernorm" : "layernorm_held").filter((entry) => entry === "backward")).toHaveLength(1); // before the MLP
    expect(entries(last, "layernorm")).not.toContain("partials");
    expect(attention((await step(["fc2"], [1])).tape)).toEqual([]);
    expect(attention((await step(["k", "v"], [1])).tape)).toEqual(["rows", "transposed", "transposed"]);
    expect(attention((await step(["v"], [1])).tape)).toEqual(["transposed"]);
    const head = (await step([], [])).tape;
    expect(head.launches.filter(({ entry }) => entry.startsWith("backward")).map((l) => l.shader)).toEqual(["crossentropy"]);
  });

  test("a frozen weight of a matmul costs no launch", () => {
    for (const [x, w, bias, count] of [
      [true, true, true, 3],
      [true, false, false, 1],
      [false, true, false, 1],
      [false, false, true, 1],
    ] as const) {
      const tape = new Tape(software);
      const make = (shape: readonly number[], needsGrad: boolean) => Object.assign(onGpu(shape, draw(numel(shape), 1)), { needsGrad });
      const inputs = { a: make([3, 5], x), b: make([4, 5], w), bias: make([4], bias) };
      const y = tape.apply(matmul, inputs, { transB: true });
      const forward = tape.launches.length;
      const grads = tape.backward(y, onGpu([3, 4], draw(12, 2)));
      expect(tape.launches.length - forward).toBe(count);
      expect([...grads.keys()]).toEqual(Object.values(inputs).filter(({ needsGrad }) => needsGrad));
    }
  });
});

describe.each(KINDS)("a tensor that is used twice gets the sum of its gradients, %s", (_kind, software) => {
  const n = 8;
  const [xs, dys] = [draw(n * n, 1), draw(n * n, 2)];
  const backward = async (use: (tape: Tape, x: Tensor) => Tensor) => {
    const tape = new Tape(software);
    const x = trainable([n, n], xs);
    const y = use(tape, x);
    const grads = tape.backward(y, onGpu([n, n], dys));
    expect([...grads.keys()]).toEqual([x]);
    const dx = grads.get(x)!;
    const made = await program(tape, [dx]);
    made.run();
    return { dx: await made.read(dx), tape };
  };

  test("by one op", async () => {
    const { dx, tape } = await backward((t, x) => t.apply(add, { a: x, b: x }, { factor: 2 }));
    expect(
      relativeError(
        dx,
        dys.map((v) => 3 * v),
      ),
    ).toBeLessThan(1e-6);
    expect(entries(tape, "elementwise")).toEqual(["add", "scale", "add"]);
    const square = await backward((t, x) => t.apply(matmul, { a: x, b: x }, {}));
    const want = product(dys, transpose(xs, n, n), n, n, n).map((v, i) => v + product(transpose(xs, n, n), dys, n, n, n)[i]!);
    expect(relativeError(square.dx, want)).toBeLessThan(1e-6);
  });

  test("by ops that absorb the gradient so far, without a launch of their own", async () => {
    const [ws, ones] = [draw(n * n, 3), new Float32Array(n).fill(1)];
    const norm = (t: Tape, x: Tensor) => t.apply(layernorm, { x, gamma: onGpu([n], ones), beta: onGpu([n], ones) }, { eps: 1e-5 });
    const times = (t: Tape, x: Tensor) => t.apply(matmul, { a: x, b: onGpu([n, n], ws) }, {});
    const alone = { norm: (await backward(norm)).dx, times: (await backward(times)).dx };
    for (const [name, first, second] of [
      ["layernorm", times, norm],
      ["matmul", norm, times],
    ] as const) {
      // The op recorded first is the last one on the way back: it absorbs.
      const { dx, tape } = await backward((t, x) => {
        const a = second(t, x);
        return t.apply(add, { a, b: first(t, x) }, { factor: 1 });
      });
      expect(
        relativeError(
          dx,
          alone.norm.map((v, i) => v + alone.times[i]!),
        ),
        name,
      ).toBeLessThan(1e-5);
      expect(entries(tape, "elementwise"), name).toEqual(["add"]); // the forward one
    }
  });

  test("by an op that does not absorb, through a reshaped view, three times", async () => {
    const { dx, tape } = await backward((t, x) => {
      const bent = t.apply(gelu, { x: reshape(x, [n * n]) }, { kind: "quick" });
      const twice = t.apply(add, { a: x, b: x }, { factor: 1 });
      return t.apply(add, { a: reshape(bent, [n, n]), b: twice }, { factor: 1 });
    });
    const slope = (v: number) => {
      const s = 1 / (1 + Math.exp(-1.702 * v));
      return s + 1.702 * v * s * (1 - s);
    };
    expect(
      relativeError(
        dx,
        dys.map((v, i) => v * (2 + slope(xs[i]!))),
      ),
    ).toBeLessThan(1e-5);
    expect(entries(tape, "elementwise")).toHaveLength(4);
  });

  test("a gradient that reaches nothing is no launch, and a branch that no gradient reaches is skipped", () => {
    const tape = new Tape(software);
    const [x, w] = [trainable([n, n], xs), onGpu([n, n], dys)];
    tape.apply(gelu, { x }, { kind: "quick" }); // its result is not used
    const y = tape.apply(matmul, { a: x, b: w }, {});
    const forward = tape.launches.length;
    tape.backward(y, onGpu([n, n], dys));
    expect(tape.launches.slice(forward).map((l) => l.shader)).toEqual([forward && tape.launches[1]!.shader]);
    expect(tape.backward(y, onGpu([n, n], dys)).size).toBe(1); // the record is used up: only y itself is left
    expect(tape.launches.length).toBe(forward + 1);
  });
});

describe.each(KINDS)("what costs one pass over memory is computed again, %s", (_kind, software) => {
  const n = 8;
  const values = draw(n * n, 31);
  /** gelu twice over x · w1, then times w2. */
  const record = (trains: readonly boolean[]) => {
    const tape = new Tape(software);
    const [w1, w2] = trains.map((isTrained, i) => (isTrained ? trainable : onGpu)([n, n], draw(n * n, 32 + i))) as [Tensor, Tensor];
    const h = tape.apply(matmul, { a: onGpu([n, n], values), b: w1 }, {});
    const first = tape.apply(gelu, { x: h }, { kind: "exact" });
    const second = tape.apply(gelu, { x: first }, { kind: "exact" });
    const y = tape.apply(matmul, { a: second, b: w2 }, {});
    const forward = tape.launches.length;
    const grads = tape.backward(y, onGpu([n, n], draw(n * n, 34)));
    return { tape, forward, first, second, grads, w1, w2 };
  };

  test("in order, before the launch that reads it, and the first result is free after the forward pass", () => {
    const { tape, forward, first, second } = record([true, true]);
    const back = tape.launches.slice(forward);
    expect(back.some((launch) => readBy(launch).some((t) => t === owner(first) || t === owner(second)))).toBe(false);
    const made = new Set<Tensor>();
    for (const launch of tape.launches) {
      for (const t of readBy(launch)) expect(t.buffer !== undefined || made.has(t)).toBe(true);
      for (const t of written(launch)) made.add(t);
    }
    expect(entries({ launches: back } as Tape, "gelu").filter((entry) => entry === "forward")).toHaveLength(2);
  });

  test("only where something reads it", () => {
    const { tape, forward } = record([false, true]);
    expect(tape.launches.slice(forward).filter((l) => l.shader === "gelu" && l.entry === "forward")).toHaveLength(2);
    const frozen = record([true, false]);
    // The gradient of the outer gelu reads the inner one's result; nothing reads the outer one's.
    expect(frozen.tape.launches.slice(frozen.forward).filter((l) => l.shader === "gelu" && l.entry === "forward")).toHaveLength(1);
  });

  test("with the same gradients as if it had been kept", async () => {
    const { tape, grads, w1, w2 } = record([true, true]);
    const [d1, d2] = [grads.get(w1), grads.get(w2)] as [Tensor, Tensor];
    const made = await program(tape, [d1, d2]);
    made.run();
    const kept = new Tape(software);
    const { recomputed: _, ...same } = gelu;
    const b1 = trainable([n, n], draw(n * n, 32));
    const b2 = trainable([n, n], draw(n * n, 33));
    let x = kept.apply(matmul, { a: onGpu([n, n], values), b: b1 }, {});
    for (let i = 0; i < 2; i++) x = kept.apply(same, { x }, { kind: "exact" });
    const wanted = kept.backward(kept.apply(matmul, { a: x, b: b2 }, {}), onGpu([n, n], draw(n * n, 34)));
    const other = await program(kept, [wanted.get(b1) as Tensor, wanted.get(b2) as Tensor]);
    other.run();
    expect(kept.launches.length).toBe(tape.launches.length - 2);
    expect(await made.read(d1)).toEqual(await other.read(wanted.get(b1) as Tensor));
    expect(await made.read(d2)).toEqual(await other.read(wanted.get(b2) as Tensor));
  });
});
