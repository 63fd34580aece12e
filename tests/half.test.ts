/** Frozen weights in half precision: how they are rounded, stored and read. */
import { describe, expect, test } from "vitest";
import type { Entry } from "../src/formats/safetensors.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { readback, upload } from "../src/gpu/memory.ts";
import type { Site } from "../src/models/model.ts";
import { add } from "../src/ops/add.ts";
import oracle from "../src/ops/matmul.ref.ts";
import { matmul } from "../src/ops/matmul.ts";
import { unpack } from "../src/ops/unpack.ts";
import { fitsF16, pack } from "../src/tensor/half.ts";
import { runOnce } from "../src/tensor/once.ts";
import { Arena } from "../src/tensor/plan.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, type ElementType, type PackedType, reshape, tensor } from "../src/tensor/tensor.ts";
import { adapterOf, completeSettings } from "../src/train/catalog.ts";
import { Lane } from "../src/train/lane.ts";
import { frozenTensors, type Precision } from "../src/train/weights.ts";
import { gpu } from "./gpu.ts";
import { close, given, Immediate, noise, read, unpacked } from "./launch.ts";
import { disturb } from "./toy.ts";

interface Format {
  /** Bits of the fraction, and the exponent of the smallest normal number; that of the largest is 1 - lowest. */
  readonly fraction: number;
  readonly lowest: number;
}
const FORMATS: Readonly<Record<PackedType, Format>> = { f16: { fraction: 10, lowest: -14 }, bf16: { fraction: 7, lowest: -126 } };
const kinds = Object.entries(FORMATS) as [PackedType, Format][];

/** IEEE 754: sign, exponent and fraction of 16 bits. */
function decoded(bits: number, { fraction, lowest }: Format): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor((bits % 0x8000) / 2 ** fraction);
  const part = (bits % 2 ** fraction) / 2 ** fraction;
  if (exponent === 2 - 2 * lowest + 1) return part ? Number.NaN : sign * Infinity;
  return exponent === 0 ? sign * part * 2 ** lowest : sign * (1 + part) * 2 ** (exponent - 1 + lowest);
}

/** The nearest number of the format; of two equally near the one with an even fraction. Exact: all steps are by powers of two. */
function nearest(v: number, { fraction, lowest }: Format): number {
  if (!Number.isFinite(v)) return v;
  let exponent = lowest;
  while (2 ** (exponent + 1) <= Math.abs(v)) exponent++;
  const step = 2 ** (exponent - fraction);
  const below = Math.floor(v / step);
  const rest = v / step - below;
  const count = rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
  const rounded = Math.abs(count * step) >= 2 ** (2 - lowest) ? Infinity * Math.sign(v) : count * step;
  return rounded === 0 && (v < 0 || Object.is(v, -0)) ? -0 : rounded;
}

const floats = (bits: Uint32Array): Float32Array<ArrayBuffer> => new Float32Array(bits.slice().buffer);
const patterns = Uint32Array.from({ length: 0x10000 }, (_, i) => i);
const same = (got: ArrayLike<number>, want: (i: number) => number, of: Float32Array): void => {
  for (let i = 0; i < of.length; i++) if (!Object.is(got[i], want(i))) throw new Error(`${of[i]} became ${got[i]}, not ${want(i)}`);
};

describe.each(kinds)("%s", (type, format) => {
  const all = Float32Array.from(patterns, (h) => decoded(h, format));

  test("every number of the format stays as it is, ±0, subnormal and infinite ones too, and NaN stays NaN", () => {
    const words = pack(all, type);
    expect(words.length).toBe(0x8000);
    const halves = new Uint16Array(words.buffer);
    halves.forEach((h, i) => {
      if (!Number.isNaN(all[i])) expect(h).toBe(i);
    });
    same(unpacked(words, type, all.length), (i) => all[i]!, all);
  });

  test("what lies between two numbers goes to the nearer one, a tie to the even one, from subnormal to infinite", () => {
    const tries: number[] = [];
    for (let h = 0; h < 0x8000; h++) {
      const [low, high] = [all[h]!, all[h + 1]!];
      if (!Number.isFinite(low)) continue;
      // Beyond the largest number the next would be the next power of two.
      const middle = Number.isFinite(high) ? low / 2 + high / 2 : low + (low - all[h - 1]!) / 2;
      const [bits] = new Uint32Array(Float32Array.of(middle).buffer);
      for (const near of floats(Uint32Array.of(bits! - 1, bits!, bits! + 1))) tries.push(near, -near);
    }
    const values = Float32Array.from(tries);
    same(unpacked(pack(values, type), type, values.length), (i) => nearest(values[i]!, format), values);
  });

  test("any float32, NaN of all kinds included", () => {
    const values = floats(Uint32Array.from({ length: 200_000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1)));
    const nans = floats(Uint32Array.of(0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7fc00000));
    for (const some of [values, nans]) same(unpacked(pack(some, type), type, some.length), (i) => nearest(some[i]!, format), some);
  });

  test("the first of two numbers is in the low half of a word, an odd one ends in zeros", () => {
    const [one, two, half] = type === "f16" ? [0x3c00, 0x4000, 0x3800] : [0x3f80, 0x4000, 0x3f00];
    const values = Float32Array.of(9, 1, -2, 0.5).subarray(1);
    expect([...pack(values, type)]).toEqual([one! + (two! + 0x8000) * 2 ** 16, half]);
  });

  test("a kernel reads every normal number exactly", async () => {
    const normal = all.filter((v) => Number.isFinite(v) && (v === 0 || Math.abs(v) >= 2 ** format.lowest));
    const r = new Immediate(gpu.software);
    const { y } = unpack.forward(r, { x: given([normal.length], pack(normal, type), type) }, {});
    await r.flush();
    same(await read(y), (i) => normal[i]!, normal);
  });
});

test("f16 takes what is within ±65504, and nothing else", () => {
  expect(fitsF16(new Float32Array())).toBe(true);
  expect(fitsF16(Float32Array.of(0, -65504, 65504, 1e-30))).toBe(true);
  for (const v of [65505, -65505, 1e30, Infinity, -Infinity, Number.NaN]) expect(fitsF16(Float32Array.of(1, v))).toBe(false);
});

const DTYPES = { F32: "f32", F16: "f16", BF16: "bf16" } as const;
type FileType = keyof typeof DTYPES;

/** An entry as a file may give it: at any offset in its buffer. */
function entry(values: Float32Array, dtype: FileType): Entry {
  const type = DTYPES[dtype];
  const { buffer, byteOffset } = type === "f32" ? values : pack(values, type);
  const bytes = new Uint8Array(buffer, byteOffset, (type === "f32" ? 4 : 2) * values.length);
  const file = new Uint8Array(bytes.length + 3);
  file.set(bytes, 3);
  return { dtype, shape: [values.length], data: file.subarray(3) };
}

describe("a weight of a checkpoint", () => {
  const shape = [67, 63];
  const values = noise(67 * 63, 1);
  const frozen = (dtype: FileType, precision: Precision, numbers = values, size: readonly number[] = shape) =>
    frozenTensors(gpu, new Map([["w", entry(numbers, dtype)]]), size, precision).get("w")!;

  test.each<[Precision, ...ElementType[]]>([
    ["checkpoint", "f32", "f16", "bf16"],
    ["half", "f16", "f16", "bf16"],
    ["full", "f32", "f32", "f32"],
  ])("%s: from F32 %s, from F16 %s, from BF16 %s", async (precision, ...types) => {
    for (const [i, dtype] of (Object.keys(DTYPES) as FileType[]).entries()) {
      const inFile = DTYPES[dtype];
      const x = frozen(dtype, precision);
      expect([x.type, x.shape, x.label]).toEqual([types[i], shape, "w"]);
      expect(x.buffer?.size).toBe(byteLength(x));
      const got = await readback(gpu, x.buffer!, 0, x.buffer!.size);
      x.buffer?.destroy();
      if (x.type === "f32") {
        const want = inFile === "f32" ? values : unpacked(pack(values, inFile), inFile, values.length);
        expect(new Float32Array(got)).toEqual(want);
      } else {
        expect(new Uint32Array(got)).toEqual(pack(values, x.type as PackedType));
      }
    }
  });

  test("takes half the memory in 16 bits", () => {
    const [full, half] = [frozen("F32", "checkpoint", noise(4608, 1), [64, 72]), frozen("F32", "half", noise(4608, 1), [64, 72])];
    expect(full.buffer?.size).toBe(4 * 64 * 72);
    expect(half.buffer?.size).toBe(2 * 64 * 72);
    expect(byteLength({ shape: [3, 3], type: "bf16" })).toBe(20);
    expect(byteLength({ shape: [1], type: "f16" })).toBe(16);
  });

  test("that is small or a vector stays in f32, and so does one with a number beyond f16", () => {
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      expect(frozen(dtype, "half", noise(4096, 1), [64, 64]).type).toBe("f32");
      expect(frozen(dtype, "half", noise(5000, 1), [5000]).type).toBe("f32");
    }
    expect(
      frozen(
        "F32",
        "half",
        values.map((v, i) => (i === 4000 ? 65505 : v)),
      ).type,
    ).toBe("f32");
  });
});

test.each(kinds)("a kernel of patches stored as %s is a matrix under another shape", async (type) => {
  const [m, n, k] = [5, 8, 3 * 4 * 4];
  const [a, w] = [noise(m * k, 1), noise(n * k, 2)];
  const words = pack(w, type);
  const b = reshape(given([n, 3, 4, 4], words, type), [n, k]);
  expect([b.type, byteLength(b)]).toEqual([type, 2 * n * k]);
  const host = { a: Float64Array.from(a), b: Float64Array.from(unpacked(words, type, n * k)) };
  const want = oracle.reference(
    host as Parameters<typeof oracle.reference>[0],
    { a: [m, k], b: [n, k], bias: [], add: [] },
    { transB: true },
  );
  for (const software of [true, false]) {
    const r = new Immediate(software);
    const { y } = matmul.forward(r, { a: given([m, k], a), b }, { transB: true });
    await r.flush();
    close(await read(y), want, 2e-5, "y");
  }
});

test.each(["lora", "dora", "randlora", "hybrid", "full", "bitfit"])(
  "%s on weights in half precision is what it is on the same numbers in f32",
  async (method) => {
    const [rows, inner, out] = [5, 12, 10];
    const config = { method, settings: completeSettings(adapterOf(method), { rank: 2 }), lr: 1 };
    const words = pack(noise(out * inner, 1), "bf16");
    const results = [];
    for (const weight of [given([out, inner], words, "bf16"), given([out, inner], unpacked(words, "bf16", out * inner))]) {
      const bias = given([out], noise(out, 2));
      const site: Site = { path: "layer", tower: "image", in: inner, out, block: 0, target: "q", weight, bias };
      const own = new Map([
        ["layer.weight", weight],
        ["layer.bias", bias],
      ]);
      const lane = await Lane.open(gpu, new Kernels(gpu), { sites: [site], own, config, seed: 3, head: new Map() });
      await disturb(lane);
      const used = { ...site, weight: lane.own.get("layer.weight") ?? weight, bias: lane.own.get("layer.bias") ?? bias };
      const tape = new Tape(gpu.software);
      const x = given([rows, inner], noise(rows * inner, 3));
      const made = (["weight", "activations"] as const).map((way) => lane.pass(tape, true, way).linear(used, x));
      if (lane.changes(site)) {
        const zeros = given([out, inner], new Float32Array(out * inner));
        made.push(lane.delta(tape, site, zeros), lane.effective(tape, site));
      }
      results.push(await runOnce(gpu, new Kernels(gpu), tape, made));
    }
    const [packed, plain] = results;
    expect(packed!.length).toBe(method === "bitfit" ? 2 : 4);
    for (const [i, values] of packed!.entries()) close(values, plain![i]!, 2e-5, `result ${i}`);
  },
);

describe("numbers in half precision where they cannot be read are an error", () => {
  const packed = tensor([4, 4], { type: "f16", label: "encoder.weight", buffer: upload(gpu, pack(noise(16, 1), "f16"), "packed") });
  const plain = tensor([4, 4], { label: "w", buffer: upload(gpu, noise(16, 2), "plain") });

  test("in matmul, for all but b", () => {
    const tape = new Tape(false);
    const message = "matmul: encoder.weight is stored as f16, which only b may be; unpack it first";
    expect(() => tape.apply(matmul, { a: packed, b: plain }, {})).toThrow(message);
    expect(() => tape.apply(matmul, { a: plain, b: plain, add: packed }, {})).toThrow(message);
    expect(() => tape.apply(matmul, { a: plain, b: plain, bias: reshape(packed, [16]) }, {})).toThrow(message);
  });

  test("in a kernel that knows f32 alone", async () => {
    const tape = new Tape(false);
    tape.apply(add, { a: plain, b: packed }, { factor: 1 });
    await expect(new Arena(gpu, new Kernels(gpu)).plan([tape])).rejects.toThrow(
      'elementwise.add reads no packed numbers, but "b", encoder.weight, is stored as f16; unpack it first',
    );
  });

  test("in unpack, what is not packed", () => {
    expect(() => new Tape(false).apply(unpack, { x: plain }, {})).toThrow("unpack: w is f32, not packed");
  });
});
