import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { hash, MersenneTwister, normal, randloraBases, roundToBf16, torchUniformBf16, uniform } from "../src/tensor/random.ts";
import golden from "./fixtures/randlora_layer.json" with { type: "json" };

const sha256 = ({ buffer }: Float32Array | Int8Array): string => createHash("sha256").update(new Uint8Array(buffer)).digest("hex");
/** The draws of indices 0 … n−1. */
const draws = (n: number, draw: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => draw(i));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test("pcg3d gives the integers of an independent implementation", () => {
  // Computed with Python's unbounded integers.
  expect(hash(0, 0, 0)).toEqual([2611992518, 2833812075, 1058359340]);
  expect(hash(1, 2, 3)).toEqual([4204755366, 1223881804, 1500469937]);
  expect(hash(0xffffffff, 7, 123456789)).toEqual([2942237977, 729645, 3580806132]);
  expect(uniform(1, 2, 3)).toBe(Math.floor(4204755366 / 256) / 2 ** 24);
});

test("uniform numbers fill [0, 1) evenly and no stream or seed repeats another", () => {
  const n = 40_000;
  for (const values of [draws(n, (i) => uniform(8539, 1, i)), draws(n, (i) => uniform(8539, i, 1)), draws(n, (i) => uniform(i, 8539, 1))]) {
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.every((value) => Math.fround(value) === value)).toBe(true);
    // 64 boxes of 625: chi-square with 63 degrees of freedom stays below 120 but once in 10⁵ fair cases.
    const boxes = new Float64Array(64);
    for (const value of values) boxes[Math.floor(value * 64)]! += 1;
    expect(boxes.reduce((sum, count) => sum + (count - 625) ** 2 / 625, 0)).toBeLessThan(120);
    // Neighbours are not correlated: the standard error is 1/√n = 0.005.
    expect(Math.abs(mean(values.slice(1).map((value, i) => 12 * (value - 0.5) * (values[i]! - 0.5))))).toBeLessThan(0.02);
  }
});

test("normal numbers have the moments of a standard normal", () => {
  const values = draws(40_000, (i) => normal(3, 5, i));
  expect(values.every(Number.isFinite)).toBe(true);
  expect(Math.abs(mean(values))).toBeLessThan(0.02);
  expect(Math.abs(mean(values.map((value) => value ** 2)) - 1)).toBeLessThan(0.03);
  expect(Math.abs(mean(values.map((value) => value ** 3)))).toBeLessThan(0.06);
  expect(Math.abs(mean(values.map((value) => value ** 4)) - 3)).toBeLessThan(0.2);
});

test("MT19937 gives the reference outputs", () => {
  const zero = new MersenneTwister(0);
  expect([zero.next(), zero.next(), zero.next()]).toEqual([2357136044, 2546248239, 3071714933]);
  // The C++ standard fixes the 10000th output of the default seed.
  const standard = new MersenneTwister(5489);
  for (let i = 1; i < 10_000; i++) standard.next();
  expect(standard.next()).toBe(4123659995);
});

test("bfloat16 rounding goes to nearest, ties to even", () => {
  expect(roundToBf16(1 + 2 ** -8)).toBe(1);
  expect(roundToBf16(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
  expect(roundToBf16(-(1 + 2 ** -8 + 2 ** -20))).toBe(-(1 + 2 ** -7));
  expect(roundToBf16(0.1)).toBe(0.10009765625);
  expect(new Set(torchUniformBf16(new MersenneTwister(1), 5000, 1)).size).toBeLessThanOrEqual(256);
});

test.each(golden.cases)("dense bases of a small layer are PEFT's: r $r, $largest_out_in", (layer) => {
  const [MN, MX] = layer.largest_out_in.toSorted((a, b) => a - b) as [number, number];
  const { A, B } = randloraBases({ r: layer.r, MN, MX, seed: layer.projection_prng_key, variant: "dense" });
  expect([...A]).toEqual(layer.A);
  expect([...B]).toEqual(layer.B);
});

test.each(golden.basis_hashes_bf16)("dense bases are torch's bit for bit: r $r, $min_dim, $max_dim", (layer) => {
  const { A, B } = randloraBases({ r: layer.r, MN: layer.min_dim, MX: layer.max_dim, seed: layer.seed, variant: "dense" });
  expect(sha256(A)).toBe(layer.sha256_fp32le_A);
  expect(sha256(B)).toBe(layer.sha256_fp32le_B);
});

test.each(golden.sparse)("sparse bases have torch's pattern: s $s", (layer) => {
  const variant = layer.s === 3 ? "sparse" : "very-sparse";
  const { A, B } = randloraBases({ r: layer.r, MN: layer.min_dim, MX: layer.max_dim, seed: layer.seed, variant });
  expect(sha256(Int8Array.from(A, Math.sign))).toBe(layer.sha256_int8_A);
  expect(sha256(Int8Array.from(B, Math.sign))).toBe(layer.sha256_int8_B);
  expect(1 / Math.max(...A)).toBeCloseTo(layer.std_A, 6);
});

// Hashes of base_model.randlora_A and _B in adapters that PEFT 0.21 saved, as float32.
test.each([
  [
    "dense",
    96,
    96,
    "5359d99006a64b014c05fb1f38a8ecb5abd0487fe8a2529488f0f306b1b49a37",
    "1a82e216691f6f09a18201236ed8a0c888ec08827e24b467c54cc54ea8d7ff39",
  ],
  [
    "dense",
    64,
    128,
    "e782db82b656f17a8b83063abb617ba86ece6330c9834b134310be64374adba8",
    "939e4b293175930fca3090824a0c4598a9f7569b9b7779b9202de4f06b20bd5a",
  ],
  [
    "sparse",
    96,
    96,
    "094e4ebef5ce8844f85725bfd65e6a184eccb5038153e316e6ff10db2f3772de",
    "2410f137b7b8d2842ebd98f7c3f486c2ef52c0b89dc5f55f2d5b4c942d39d960",
  ],
  [
    "sparse",
    64,
    128,
    "b9cb0372392c4c3b79edede8a7a50f70f6879043a7eba307aa79a111f07334d6",
    "e0e67ba99e03461d0d9ac75a6a477ad00f3bc2c7f4d172c3171601c5c9173743",
  ],
  [
    "very-sparse",
    96,
    96,
    "703cf07951cc07c9b3291a6e6f04bc845f21f44ea82a9115050b20a1b50bdbf7",
    "e0af823aa6a46e03a516c880b5e73250b382d297b8a9c7ce82b63e8a8b6ae79d",
  ],
  [
    "very-sparse",
    64,
    128,
    "51c9f144698f7cea0478a23fcb91010a164c26f22077c7511e05c7283abb9b8c",
    "d1352ddf818d72f2477eff962d5625eb65eac6490f876f021c33ff0ebbea9c9c",
  ],
] as const)("%s bases (%i, %i) are those of a saved adapter, scale included", (variant, MN, MX, hashA, hashB) => {
  const { A, B } = randloraBases({ r: 5, MN, MX, seed: 0, variant });
  expect(sha256(A)).toBe(hashA);
  expect(sha256(B)).toBe(hashB);
});

test("bases for 768 × 768 are drawn in under half a second", () => {
  const begin = performance.now();
  randloraBases({ r: 2, MN: 768, MX: 768, seed: 1, variant: "dense" });
  expect(performance.now() - begin).toBeLessThan(500);
});
