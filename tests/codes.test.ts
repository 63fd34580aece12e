/** Frozen bases as codes: what is packed comes back, and the kernels that read codes give what float32 bases give. */
import { describe, expect, test } from "vitest";
import { corner } from "../src/ops/corner.ts";
import { randlora } from "../src/ops/randlora.ts";
import { ternary } from "../src/ops/ternary.ts";
import {
  packBases,
  packLevels,
  packTernary,
  type Stored,
  type StoredBases,
  unpackBases,
  unpackLevels,
  unpackTernary,
} from "../src/tensor/codes.ts";
import type { Variant } from "../src/tensor/op.ts";
import { type BasesOptions, drawBases, hash, normal, randloraBases } from "../src/tensor/random.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { type Cut, tileOf } from "../src/tensor/tiles.ts";
import { close, given, Immediate, noise, read } from "./launch.ts";

const bits = ({ buffer, byteOffset, length }: Float32Array): number[] => [...new Uint32Array(buffer, byteOffset, length)];
const of = (n: number, draw: (i: number) => number): Float32Array => Float32Array.from({ length: n }, (_, i) => draw(i));
const SIZES = [
  [1, 1],
  [3, 4],
  [5, 7],
  [2, 16],
  [4, 33],
  [9, 15],
] as const;

describe("packing", () => {
  test.each(SIZES)("levels of a (%i, %i) matrix come back bit for bit, zeros of both signs among them", (rows, cols) => {
    const numbers = [-0, 0, 1e-42, -3.5, 3.5, 1e30];
    const data = of(rows * cols, (i) => numbers[hash(1, 2, i)[0] % numbers.length]!);
    const packed = packLevels(data, cols)!;
    expect(packed.codes.length).toBe(rows * Math.ceil(cols / 4));
    expect(packed.levels.length).toBe(256);
    expect([...packed.levels].every((v, i, all) => i === 0 || v >= all[i - 1]!)).toBe(true);
    expect(bits(unpackLevels(packed, cols))).toEqual(bits(data));
  });

  test("256 different numbers are levels, one more is not", () => {
    const data = of(3 * 257, (i) => Math.min(i % 257, 255) / 7 - 3);
    expect(unpackLevels(packLevels(data, 257)!, 257)).toEqual(data);
    data[300] = 99;
    expect(packLevels(data, 257)).toBeUndefined();
  });

  test.each(SIZES)("signs of a (%i, %i) matrix come back", (rows, cols) => {
    const data = of(rows * cols, (i) => [0, 0.7, -0.7][hash(3, 4, i)[0] % 3]!);
    const packed = packTernary(data, cols)!;
    expect(packed.codes.length).toBe(rows * Math.ceil(cols / 16));
    expect(unpackTernary(packed, cols)).toEqual(data);
  });

  test("every row begins at a word, the first entry in its lowest bits", () => {
    expect([...packTernary(Float32Array.of(2, -2, 0, -2, 0, 2), 3)!.codes]).toEqual([0b00_10_01, 0b01_00_10]);
    expect([...packLevels(Float32Array.of(5, 6, 7, 8, 9, 5, 5, 5, 5, 6), 5)!.codes]).toEqual([0x03020100, 4, 0, 1]);
    expect([
      ...packTernary(
        of(17, (i) => (i === 15 ? -1 : i === 16 ? 1 : 0)),
        17,
      )!.codes,
    ]).toEqual([0x80000000, 1]);
  });

  test("what is not 0 and ±v is not ternary; −0 is a zero", () => {
    for (const bad of [0.25, Number.NaN, Number.POSITIVE_INFINITY])
      expect(packTernary(Float32Array.of(0, 0.5, -0.5, bad), 2)).toBeUndefined();
    expect(bits(unpackTernary(packTernary(Float32Array.of(-0, -1, 1, 0), 2)!, 2))).toEqual(bits(Float32Array.of(0, -1, 1, 0)));
    expect(packTernary(new Float32Array(6), 3)).toEqual({ codes: new Uint32Array(2), value: 0 });
  });
});

const drawn = (variant: BasesOptions["variant"], r = 5, MN = 23, MX = 46): BasesOptions => ({ r, MN, MX, seed: 7, variant });

describe("bases", () => {
  test.each([
    ["dense", "u32 (46, 7)", 256],
    ["sparse", "u32 (46, 2)", 2],
    ["very-sparse", "u32 (46, 2)", 2],
  ] as const)("%s ones are drawn in the form that their numbers would be packed in", (variant, kind, count) => {
    const options = drawn(variant);
    const plain = randloraBases(options);
    for (const stored of [drawBases(options), packBases(plain, options.r)]) {
      expect(`${stored.basisB.data instanceof Uint32Array ? "u32" : "f32"} (${stored.basisB.shape.join(", ")})`).toBe(kind);
      expect(stored.levels.data.length).toBe(count);
      expect(unpackBases(stored, options.r, options.MN)).toEqual(plain);
    }
    expect(new Set(plain.B).size).toBeGreaterThan(variant === "dense" ? 200 : 2);
  });

  test("bases of more than 256 numbers stay float32", () => {
    const plain = { A: of(4 * 10, (i) => normal(1, 1, i)), B: of(30 * 12, (i) => normal(1, 2, i)) };
    const stored = packBases(plain, 4);
    expect(stored.basisB).toEqual({ shape: [30, 12], data: plain.B });
    expect(unpackBases(stored, 4, 10)).toEqual(plain);
  });

  test("a ternary B beside an A that is none is stored as levels", () => {
    const plain = { A: of(4 * 10, (i) => normal(1, 1, i)), B: of(30 * 12, (i) => (i % 3) - 1) };
    const stored = packBases(plain, 4);
    expect([stored.basisA.shape, stored.basisB.shape, stored.levels.shape]).toEqual([[4, 10], [30, 3], [256]]);
    expect(unpackBases(stored, 4, 10)).toEqual(plain);
  });
});

/** Runs the tiled kernels in tiles of another size than their op chooses for a small layer. */
class Tiled extends Immediate {
  readonly #cut: Variant;
  constructor(tile: string) {
    super(false);
    this.#cut = { name: tile, tile: tileOf(tile), slices: 1 } as Cut;
  }
  override pick<V extends Variant>(): V {
    return this.#cut as V;
  }
}

// The smallest tiles are what the suite of all ops runs.
const RECORDERS: readonly (readonly [string, () => Immediate])[] = [
  ["for a CPU adapter", () => new Immediate(true)],
  ["in tiles of 64", () => new Tiled("64x64x16/4x4/1/1")],
];
const onGpu = ({ shape, data }: Stored): Tensor => given(shape, data, data instanceof Uint32Array ? "u32" : "f32");
const asFloats = (stored: StoredBases, { r, MN, MX }: BasesOptions): Stored[] => {
  const { A, B } = unpackBases(stored, r, MN);
  return [
    { shape: [r, MN], data: A },
    { shape: [MX, B.length / MX], data: B },
  ];
};

// The layer is smaller than the bases are for, on both sides, and 5 divides neither. All but the columns of B are multiples of 4.
describe.each([
  [44, 24],
  [16, 44],
])("a (%i, %i) layer", (out, inner) => {
  const [small, r] = [Math.min(out, inner), 5];
  const bases = Math.ceil(small / r);
  const tensors = {
    w: given([out, inner], noise(out * inner, 1)),
    lambda: given([r, bases], noise(r * bases, 2)),
    gamma: given([bases, small], noise(bases * small, 3)),
  };
  const dy = given([out, inner], noise(out * inner, 4));
  const need = { lambda: true, gamma: true };
  const cfg = { gain: 0.3 };

  async function compute(
    recorder: Immediate,
    op: typeof randlora | typeof ternary,
    frozen: Record<"basisA" | "basisB", Tensor> & { levels?: Tensor },
  ) {
    const x = { ...tensors, ...frozen } as typeof tensors & Record<"basisA" | "basisB" | "levels", Tensor>;
    const { y } = op.forward(recorder, x, cfg);
    const { lambda, gamma } = op.backward!(recorder, x, {}, dy, need, cfg, {});
    await recorder.flush();
    return { y: await read(y), lambda: await read(lambda!), gamma: await read(gamma!) };
  }

  test.each(RECORDERS)("levels give what float32 gives, bit for bit, %s", async (_kind, recorder) => {
    const options = drawn("dense", r, 28, 52);
    const stored = drawBases(options);
    const [basisA, basisB] = asFloats(stored, options).map(onGpu) as [Tensor, Tensor];
    const levels = onGpu(stored.levels);
    const want = await compute(recorder(), randlora, { basisA, basisB, levels });
    const got = await compute(recorder(), randlora, { basisA, basisB: onGpu(stored.basisB), levels });
    for (const name of ["y", "lambda", "gamma"] as const) expect(bits(got[name]), name).toEqual(bits(want[name]));
  });

  // 48 is for no GPU: its rows of 12 invocations do not fit the vectors of a software adapter, which so shows a missing barrier.
  const TERNARY = [
    ["for a CPU adapter", () => new Immediate(true)],
    ["in tiles of 48", () => new Tiled("48x48x12/4x4/1/1")],
    ["in tiles of 32 × 64, shared", () => new Tiled("32x64x32/8x4/4/1")],
  ] as const;
  test.each(TERNARY)("additions and subtractions give what products give, %s", async (_kind, recorder) => {
    for (const variant of ["sparse", "very-sparse"] as const) {
      const options = drawn(variant, r, 28, 52);
      const stored = drawBases(options);
      const [basisA, basisB] = asFloats(stored, options).map(onGpu) as [Tensor, Tensor];
      const want = await compute(new Immediate(true), randlora, { basisA, basisB });
      const coded = { basisA: onGpu(stored.basisA), basisB: onGpu(stored.basisB), levels: onGpu(stored.levels) };
      const got = await compute(recorder(), ternary, coded);
      for (const name of ["y", "lambda", "gamma"] as const) close(got[name], want[name], 2e-5, `${variant}, ${name}`);
    }
  });

  test("corners of the bases are their numbers, however they are stored", async () => {
    for (const variant of ["dense", "sparse", "very-sparse"] as const) {
      const options = drawn(variant, r, 28, 52);
      const stored = drawBases(options);
      const [A, B] = asFloats(stored, options) as [Stored, Stored];
      for (const [frozen, plain, basis, rows, cols] of [
        [stored.basisA, A, 0, r, small],
        [stored.basisB, B, 1, Math.max(out, inner), r * bases],
        [B, B, 1, Math.max(out, inner), r * bases],
      ] as const) {
        const recorder = new Immediate(true);
        const { y } = corner.forward(recorder, { x: onGpu(frozen), levels: onGpu(stored.levels) }, { rows, cols, basis });
        await recorder.flush();
        const stride = plain.shape[1]!;
        expect(await read(y)).toEqual(of(rows * cols, (i) => plain.data[Math.floor(i / cols) * stride + (i % cols)]!));
      }
    }
  });

  test("bases that are too small are refused", () => {
    const tooSmall = { basisA: given([r, 2], new Uint32Array(2 * r), "u32"), basisB: given([8, 1], new Uint32Array(8), "u32") };
    const levels = given([2], [1, 1]);
    expect(() => ternary.forward(new Immediate(true), { ...tensors, ...tooSmall, levels }, cfg)).toThrow("ternary: bases (8,1)");
    expect(() => corner.forward(new Immediate(true), { x: tooSmall.basisB, levels }, { rows: 8, cols: 17 })).toThrow(
      "(8, 16) has no (8, 17)",
    );
  });
});
