/** Every method against the formula of its paper in float64, and RandLoRA against what PEFT's own layer computes. */
import { describe, expect, test } from "vitest";
import type { SiteShape, Values } from "../src/adapters/adapter.ts";
import { hash, randloraBases } from "../src/tensor/random.ts";
import { adapterOf, adapters, completeSettings } from "../src/train/catalog.ts";
import type { Way } from "../src/train/way.ts";
import golden from "./fixtures/randlora_layer.json" with { type: "json" };
import { adaptedLayer, product, transpose } from "./layer.ts";
import { relativeError } from "./model.ts";
import { disturb, trained } from "./toy.ts";

const WAYS: readonly Way[] = ["weight", "activations"];
const SEED = 9;
const SHAPES = [
  { in: 12, out: 12 },
  { in: 11, out: 29 },
  { in: 37, out: 10 },
];
const KINDS = [
  ["for a CPU adapter", true],
  ["for a GPU", false],
] as const;

interface Given {
  /** The trained numbers. */
  readonly t: Readonly<Record<string, Float32Array>>;
  readonly layer: SiteShape;
  readonly settings: Readonly<Record<string, number>>;
  readonly shared: Readonly<Record<string, Values>>;
  /** (out, in) */
  readonly weight: Float32Array;
}
type Numbers = ArrayLike<number>;

const plus = (a: Float64Array, b: Numbers): Float64Array => a.map((v, i) => v + b[i]!);
const scaled = (a: Float64Array, factor: number): Float64Array => a.map((v) => v * factor);
const smaller = (layer: SiteShape) => Math.min(layer.in, layer.out);
const larger = (layer: SiteShape) => Math.max(layer.in, layer.out);
/** A (large, small) update as (out, in). */
const turned = (update: Float64Array, layer: SiteShape) =>
  layer.in <= layer.out ? update : transpose(update, larger(layer), smaller(layer));
/** Number e of random tensor b out of those of m numbers, in [-1, 1). */
const drawn = (stream: number, m: number, b: number, e: number) =>
  (hash(SEED, stream, Math.floor(b / 3) * m + e)[b % 3]! >>> 8) * 2 ** -23 - 1;
/** Σ_b c_b U_b, in float64. */
const mixed = (c: Numbers, m: number, stream: number, bound: number) =>
  Float64Array.from({ length: m }, (_, e) => Array.from(c).reduce((sum, v, b) => sum + v * bound * drawn(stream, m, b, e), 0));

/** B · A with A (rank, in) and B (out, rank). */
const lowRank = ({ t, layer, settings: { rank = 1 } }: Given) => product(t.b!, t.a!, layer.out, rank, layer.in);

/** Σ_b B_b Λ_b A Γ_b over `bases`, where B_b has the columns k · bases + b: PEFT's pairing, in which (rank, bases) is flattened rank first. */
function randomBases({ t, layer, settings }: Given, rank: number, bases: number): Float64Array {
  const [small, large] = [smaller(layer), larger(layer)];
  const variant = (["dense", "sparse", "very-sparse"] as const)[settings.bases!]!;
  const { A, B } = randloraBases({ r: rank, MN: small, MX: large, seed: SEED, variant });
  const strideB = B.length / large;
  let sum = new Float64Array(large * small);
  for (let b = 0; b < bases; b++) {
    const up = Float64Array.from({ length: large * rank }, (_, i) => B[Math.floor(i / rank) * strideB + (i % rank) * bases + b]!);
    const down = Float64Array.from({ length: rank * small }, (_, i) => {
      const [k, j] = [Math.floor(i / small), i % small];
      return t.lambda![k * bases + b]! * A[i]! * t.gamma![b * small + j]!;
    });
    const term = product(up, down, large, rank, small);
    sum = sum.map((v, i) => v + term[i]!);
  }
  return turned(sum, layer);
}

/** W_eff − W (out, in) from the formulas in the papers, and settings to try them with. */
const definitions: Readonly<Record<string, { define(given: Given): Float64Array; tried: readonly Readonly<Record<string, number>>[] }>> = {
  lora: {
    define: (given) => scaled(lowRank(given), given.settings.alpha! / given.settings.rank!),
    tried: [
      { rank: 1, alpha: 2 },
      { rank: 5, alpha: 1 },
    ],
  },
  rslora: {
    define: (given) => scaled(lowRank(given), given.settings.alpha! / Math.sqrt(given.settings.rank!)),
    tried: [{ rank: 5, alpha: 1.5 }],
  },
  dora: {
    // W_eff = m · V / ‖V‖ by rows, V = W + ΔW.
    define(given) {
      const { layer, weight, t } = given;
      const V = plus(scaled(lowRank(given), given.settings.alpha! / given.settings.rank!), weight);
      const norm = (o: number) => Math.hypot(...V.subarray(o * layer.in, (o + 1) * layer.in));
      const norms = Array.from({ length: layer.out }, (_, o) => norm(o));
      return V.map((v, i) => (t.magnitude![Math.floor(i / layer.in)]! * v) / norms[Math.floor(i / layer.in)]! - weight[i]!);
    },
    tried: [
      { rank: 1, alpha: 2 },
      { rank: 5, alpha: 1 },
    ],
  },
  vera: {
    // diag(λ_b) · B · diag(λ_d) · A, entry by entry.
    define({ t, layer, settings: { rank = 1 }, shared: { basisA, basisB } }) {
      const [strideA, strideB] = [basisA!.shape[1]!, basisB!.shape[1]!];
      return Float64Array.from({ length: layer.out * layer.in }, (_, at) => {
        const [o, i] = [Math.floor(at / layer.in), at % layer.in];
        let sum = 0;
        for (let k = 0; k < rank; k++) sum += t.b![o]! * basisB!.data[o * strideB + k]! * t.d![k]! * basisA!.data[k * strideA + i]!;
        return sum;
      });
    },
    tried: [{ rank: 7 }, { rank: 40 }],
  },
  nola: {
    // (α / r) · (Σ β_i B_i) · (A_0 + Σ α_i A_i); the layer is the lane's first, so its streams are 0 and 1.
    define({ t, layer, settings: { rank = 1, bases = 1, alpha = 1 } }) {
      const [m, start] = [rank * layer.in, 1 / Math.sqrt(layer.in)];
      const A = mixed(t.a!, m, 0, 1).map((v, e) => v + start * drawn(0, m, bases, e));
      return scaled(product(mixed(t.b!, layer.out * rank, 1, 1), A, layer.out, rank, layer.in), alpha / rank);
    },
    tried: [
      { rank: 3, bases: 20, alpha: 5 },
      { rank: 1, bases: 1, alpha: 1 },
    ],
  },
  nolavit: {
    // ((Σ α_i A_i) · (Σ β_i B_i))ᵀ / r
    define({ t, layer, settings: { rank = 1 } }) {
      const A = mixed(t.a!, layer.in * rank, 0, 1 / Math.sqrt(layer.in * rank));
      const B = mixed(t.b!, rank * layer.out, 1, 1 / Math.sqrt(rank * layer.out));
      return scaled(transpose(product(A, B, layer.in, rank, layer.out), layer.in, layer.out), 1 / rank);
    },
    tried: [
      { rank: 1, bases: 30 },
      { rank: 4, bases: 11 },
    ],
  },
  randlora: {
    define: (given) =>
      scaled(
        randomBases(given, given.settings.rank!, Math.ceil(smaller(given.layer) / given.settings.rank!)),
        given.settings.alpha! / given.settings.rank!,
      ),
    tried: [
      { rank: 1, alpha: 2 },
      { rank: 4, alpha: 6 },
      { rank: 5, alpha: 1, bases: 1 },
      { rank: 5, alpha: 1, bases: 2 },
    ],
  },
  randlorab: {
    define: (given) =>
      scaled(
        randomBases(given, given.settings.rank!, Math.ceil(smaller(given.layer) / 2 / given.settings.rank!)),
        given.settings.alpha! / given.settings.rank!,
      ),
    tried: [
      { rank: 1, alpha: 2 },
      { rank: 4, alpha: 6 },
    ],
  },
  randloraa: {
    // (Σ_i B_i Λ_i) · (Σ_i A_i Γ_i) with B_i (large, r) and A_i (r, small) of unit variance.
    define({ t, layer, settings: { rank = 1, bases = 1, alpha = 1 } }) {
      const [small, large] = [smaller(layer), larger(layer)];
      const sum = (c: Float32Array, rows: number, columns: number, stream: number) =>
        Float64Array.from({ length: rows * columns }, (_, e) => {
          let v = 0;
          for (let b = 0; b < bases; b++) v += c[b * columns + (e % columns)]! * Math.sqrt(3) * drawn(stream, rows * columns, b, e);
          return v;
        });
      const update = product(sum(t.lambda!, large, rank, 0), sum(t.gamma!, rank, small, 1), large, rank, small);
      return scaled(turned(update, layer), alpha / rank);
    },
    tried: [
      { rank: 3, bases: 7, alpha: 2 },
      { rank: 1, bases: 1, alpha: 1 },
    ],
  },
  hybrid: {
    define(given) {
      const { rank = 1, alpha = 1, basisRank = 1, basisAlpha = 1 } = given.settings;
      const rest = randomBases(given, basisRank, Math.ceil(smaller(given.layer) / basisRank));
      return plus(scaled(lowRank(given), alpha / rank), scaled(rest, basisAlpha / basisRank));
    },
    tried: [
      { rank: 2, alpha: 3, basisRank: 5, basisAlpha: 4 },
      { rank: 1, alpha: 1, basisRank: 1, basisAlpha: 1, bases: 1 },
    ],
  },
  full: { define: ({ t, weight }) => Float64Array.from(t.weight!, (v, i) => v - weight[i]!), tried: [{}] },
};

test("every method that changes a weight has a definition here", () => {
  const changing = [...adapters].filter(
    ([, def]) => def.inner({ in: 2, out: 2 }, completeSettings(def, {})) > 0 || def.trains?.("x.weight"),
  );
  expect(Object.keys(definitions).toSorted()).toEqual(changing.map(([id]) => id).toSorted());
});

const parts = (all: ReadonlyMap<string, Float32Array>) =>
  Object.fromEntries([...all].map(([name, values]) => [name.replace("layer.", ""), values]));

describe.each(Object.entries(definitions))("%s by its paper's formula", (method, { define, tried }) => {
  const def = adapterOf(method);
  test.each(KINDS)("ΔW and y, %s", async (_kind, software) => {
    for (const shape of SHAPES) {
      for (const given of tried) {
        const settings = completeSettings(def, given);
        const { lane, layer, delta, x, rows, weight, bias } = await adaptedLayer({ method, shape, settings, seed: SEED });
        await disturb(lane);
        const t = parts(await trained(lane));
        const want = define({ t, layer: shape, settings, shared: def.shared([shape], settings, SEED), weight });
        expect(relativeError(await delta(software), want)).toBeLessThan(1e-5);
        const whole = transpose(plus(want, weight), shape.out, shape.in);
        const offset = t.bias ?? bias;
        const y = product(x, whole, rows, shape.in, shape.out).map((v, i) => v + offset[i % shape.out]!);
        for (const way of WAYS) expect(relativeError(await (await layer(way, software)).forward(), y), way).toBeLessThan(1e-5);
      }
    }
  });
});

describe.each(Object.entries(definitions).filter(([method]) => adapterOf(method).fields.dropout))("%s", (method, { define, tried }) => {
  const def = adapterOf(method);
  test.each(KINDS)("with dropout y is W·x + bias + ΔW·(what is left of x), and so are its gradients, %s", async (_kind, software) => {
    const shape = SHAPES[1]!;
    const p = 0.3;
    const settings = completeSettings(def, { ...tried[0], dropout: p });
    const setup = { method, shape, settings, seed: SEED };
    const { lane, layer, x, dy, rows, weight, bias } = await adaptedLayer(setup);
    await disturb(lane);
    const t = parts(await trained(lane));
    const update = transpose(
      define({ t, layer: shape, settings, shared: def.shared([shape], settings, SEED), weight }),
      shape.out,
      shape.in,
    );
    const base = product(x, transpose(weight, shape.out, shape.in), rows, shape.in, shape.out).map((v, i) => v + bias[i % shape.out]!);
    const frozen = product(dy, weight, rows, shape.out, shape.in);
    const [training, evaluation] = [await layer(undefined, software), await layer(undefined, software, false)];
    const seen = new Set<string>();
    for (const step of [1, 2, 300]) {
      lane.trainables.prepare(step, 0, { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, clip: 0 });
      const [first, second] = hash(SEED, 0, step - 1);
      const mask = Float64Array.from(x, (_, i) => ((hash(first, second, i)[0] >>> 8) * 2 ** -24 < p ? 0 : 1 / (1 - p)));
      seen.add(mask.join());
      const left = Float32Array.from(x, (v, i) => v * mask[i]!);
      const { y, grads } = await training.compute();
      expect(relativeError(y, plus(product(left, update, rows, shape.in, shape.out), base))).toBeLessThan(1e-5);
      expect(relativeError(await evaluation.forward(), plus(product(x, update, rows, shape.in, shape.out), base))).toBeLessThan(1e-5);
      // The same layer without dropout, given what is left of x, has the same gradients of what is trained.
      const plain = await adaptedLayer({
        ...setup,
        x: left,
        settings: { ...settings, dropout: 0 },
        given: { trainable: await trained(lane), shared: {} },
      });
      const want = (await (await plain.layer("activations", software)).compute()).grads;
      for (const [name, grad] of grads) {
        if (name !== "x") expect(relativeError(grad, want.get(name)!), name).toBeLessThan(1e-5);
      }
      const dx = want.get("x")!.map((v, i) => frozen[i]! + (v - frozen[i]!) * mask[i]!);
      expect(relativeError(grads.get("x")!, dx)).toBeLessThan(1e-5);
    }
    expect(seen.size).toBe(3);
  });
});

describe.each(golden.cases)("RandLoRA is PEFT's layer: $in_features → $out_features", (layer) => {
  const shape = { in: layer.in_features, out: layer.out_features };
  const trainable = new Map([
    ["layer.lambda", Float32Array.from(layer.lambda_)],
    ["layer.gamma", Float32Array.from(layer.gamma)],
  ]);
  const def = adapterOf("randlora");
  const settings = completeSettings(def, { rank: layer.r, alpha: layer.alpha });
  const [out, inner] = layer.largest_out_in as [number, number];
  const widest = [{ out, in: 1 }, { out: 1, in: inner }, shape];
  const [MX, N, r] = layer.B_shape as [number, number, number];
  const shared = def.peft!.shared!.read(
    new Map([
      ["randlora_A", { shape: [layer.r, 1, layer.A.length / layer.r], data: Float32Array.from(layer.A) }],
      ["randlora_B", { shape: [MX, N, r], data: Float32Array.from(layer.B) }],
    ]),
    settings,
    widest,
  );
  const data = { x: Float32Array.from(layer.x), dy: Float32Array.from(layer.dy) };
  const setup = { method: "randlora", shape, settings, given: { trainable, shared }, ...data, bare: true };

  test("the bases are drawn from its seed, γ begins where it does", () => {
    const drawn = def.shared(widest, settings, layer.projection_prng_key);
    const files = def.peft!.shared!.write(drawn, settings, widest);
    expect([...files.get("randlora_A")!.data]).toEqual(layer.A);
    expect([...files.get("randlora_B")!.data]).toEqual(layer.B);
    expect(files.get("randlora_B")!.shape).toEqual(layer.B_shape);
    const { lambda, gamma } = def.init(shape, settings, () => 0.5);
    expect(new Set(lambda)).toEqual(new Set([0]));
    expect(new Set(gamma)).toEqual(new Set([Math.fround(layer.init_gamma)]));
    expect([lambda!.length, gamma!.length]).toEqual([layer.lambda_.length, layer.gamma.length]);
  });

  test.each(KINDS)("ΔW, output and gradients, %s", async (_kind, software) => {
    const made = await adaptedLayer(setup);
    expect(relativeError(await made.delta(software), layer.delta.flat())).toBeLessThan(1e-5);
    for (const way of WAYS) {
      const { y, grads } = await (await made.layer(way, software)).compute();
      expect(relativeError(y, layer.adapter_out), way).toBeLessThan(1e-5);
      expect(relativeError(grads.get("lambda")!, layer.grad_lambda), `${way}, dλ`).toBeLessThan(1e-5);
      expect(relativeError(grads.get("gamma")!, layer.grad_gamma), `${way}, dγ`).toBeLessThan(1e-5);
      expect(relativeError(grads.get("x")!, layer.grad_x_adapter_path_only), `${way}, dx`).toBeLessThan(1e-5);
    }
  });
});
