/** LoRA and RandLoRA against the formulas of their papers in float64, and against what PEFT's own layer computes. */
import { describe, expect, test } from "vitest";
import type { SiteShape, Values, Way } from "../src/adapters/adapter.ts";
import { adapterOf } from "../src/train/catalog.ts";
import golden from "./fixtures/randlora_layer.json" with { type: "json" };
import { adaptedLayer, product, transpose } from "./layer.ts";
import { relativeError } from "./model.ts";
import { disturb, trained } from "./toy.ts";

const WAYS: readonly Way[] = ["weight", "activations"];
const SHAPES = [
  { in: 12, out: 12 },
  { in: 11, out: 29 },
  { in: 37, out: 10 },
];
const KINDS = [
  ["for a CPU adapter", true],
  ["for a GPU", false],
] as const;

/** ΔW in float64, from the formulas in the papers, for (out, in) layers; R of the factors is not at issue here. */
const definitions: Record<string, (t: ReadonlyMap<string, Float32Array>, layer: SiteShape, rank: number, shared: Shared) => Float64Array> =
  {
    lora: (t, layer, rank) => product(t.get("layer.b")!, t.get("layer.a")!, layer.out, rank, layer.in),
    // Σ_b B_b Λ_b A Γ_b, where B_b has the columns k · bases + b: PEFT's pairing, in which (rank, bases) is flattened rank first.
    randlora(t, layer, rank, { basisA, basisB }) {
      const [small, large] = [layer.in, layer.out].toSorted((a, b) => a - b) as [number, number];
      const bases = Math.ceil(small / rank);
      const [strideA, strideB] = [basisA!.shape[1]!, basisB!.shape[1]!];
      let sum = new Float64Array(large * small);
      for (let b = 0; b < bases; b++) {
        const up = Float64Array.from(
          { length: large * rank },
          (_, i) => basisB!.data[Math.floor(i / rank) * strideB + (i % rank) * bases + b]!,
        );
        const down = Float64Array.from({ length: rank * small }, (_, i) => {
          const [k, j] = [Math.floor(i / small), i % small];
          return t.get("layer.lambda")![k * bases + b]! * basisA!.data[k * strideA + j]! * t.get("layer.gamma")![b * small + j]!;
        });
        const term = product(up, down, large, rank, small);
        sum = sum.map((v, i) => v + term[i]!);
      }
      return layer.in <= layer.out ? sum : transpose(sum, large, small);
    },
  };
type Shared = Readonly<Record<string, Values>>;

describe.each(Object.entries(definitions))("%s by its paper's formula", (method, define) => {
  test.each(KINDS)("ΔW and y, %s", async (_kind, software) => {
    for (const shape of SHAPES) {
      for (const [rank, alpha] of [
        [1, 2],
        [4, 6],
        [5, 1],
      ] as const) {
        const { lane, layer, delta, x, rows, weight, bias } = adaptedLayer({ method, shape, settings: { rank, alpha }, seed: 9 });
        await disturb(lane);
        const shared = adapterOf(method).shared([shape], { rank, alpha }, 9);
        const want = define(await trained(lane), shape, rank, shared).map((v) => (v * alpha) / rank);
        expect(relativeError(await delta(software), want)).toBeLessThan(1e-5);
        const whole = want.map((v, i) => v + weight[i]!);
        const y = product(x, transpose(whole, shape.out, shape.in), rows, shape.in, shape.out).map((v, i) => v + bias[i % shape.out]!);
        for (const way of WAYS) expect(relativeError(await (await layer(way, software)).forward(), y), way).toBeLessThan(1e-5);
      }
    }
  });
});

describe.each(golden.cases)("RandLoRA is PEFT's layer: $in_features → $out_features", (layer) => {
  const shape = { in: layer.in_features, out: layer.out_features };
  const trainable = new Map([
    ["layer.lambda", Float32Array.from(layer.lambda_)],
    ["layer.gamma", Float32Array.from(layer.gamma)],
  ]);
  const settings = { rank: layer.r, alpha: layer.alpha };
  const [MX, N, r] = layer.B_shape as [number, number, number];
  const shared = {
    basisA: { shape: [layer.r, layer.A.length / layer.r], data: Float32Array.from(layer.A) },
    basisB: { shape: [MX, N * r], data: Float32Array.from(layer.B) },
  };
  const data = { x: Float32Array.from(layer.x), dy: Float32Array.from(layer.dy) };
  const setup = { method: "randlora", shape, settings, given: { trainable, shared }, ...data, bare: true };

  test("the bases are drawn from its seed, γ begins where it does", () => {
    const def = adapterOf("randlora");
    const [out, inner] = layer.largest_out_in as [number, number];
    const drawn = def.shared([{ out, in: 1 }, { out: 1, in: inner }, shape], settings, layer.projection_prng_key);
    expect([...drawn.basisA!.data]).toEqual(layer.A);
    expect([...drawn.basisB!.data]).toEqual(layer.B);
    const { lambda, gamma } = def.init(shape, settings, () => 0.5);
    expect(new Set(lambda)).toEqual(new Set([0]));
    expect(new Set(gamma)).toEqual(new Set([Math.fround(layer.init_gamma)]));
    expect([lambda!.length, gamma!.length]).toEqual([layer.lambda_.length, layer.gamma.length]);
  });

  test.each(KINDS)("ΔW, output and gradients, %s", async (_kind, software) => {
    const made = adaptedLayer(setup);
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
