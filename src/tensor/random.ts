/**
 * Random numbers: a counter-based hash for everything of our own, and PyTorch's CPU generator for what must match PEFT.
 * A draw of the counter-based kind depends on (seed, stream, index) alone, so any step can be drawn again, in any order, on CPU or GPU.
 */
import { type Bases, Codes, levelBases, type StoredBases, type Ternary, ternaryBases, unpackBases } from "./codes.ts";

/**
 * pcg3d (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020): three u32 in, three u32 out, a bijection.
 * Only u32 multiply, add, xor and shift, so WGSL computes the same bits.
 */
export function hash(seed: number, stream: number, index: number): readonly [number, number, number] {
  let x = (Math.imul(seed, 1664525) + 1013904223) | 0;
  let y = (Math.imul(stream, 1664525) + 1013904223) | 0;
  let z = (Math.imul(index, 1664525) + 1013904223) | 0;
  x = (x + Math.imul(y, z)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  x = (x + Math.imul(y, z)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  return [x >>> 0, y >>> 0, z >>> 0];
}

/** Uniform in [0, 1) on a grid of 2⁻²⁴, so exact in float32. The three arguments are taken modulo 2³². */
export function uniform(seed: number, stream: number, index: number): number {
  return (hash(seed, stream, index)[0] >>> 8) * 2 ** -24;
}

/** Standard normal (Box–Muller; |value| ≤ 5.77), rounded to float32. The integers behind it are the GPU's; its log and cosine may differ in the last bits. */
export function normal(seed: number, stream: number, index: number): number {
  const [x, y] = hash(seed, stream, index);
  // 1 … 2²⁴ instead of 0 … 2²⁴−1: the logarithm of 0 is kept out.
  const radius = Math.sqrt(-2 * Math.log(((x >>> 8) + 1) * 2 ** -24));
  return Math.fround(radius * Math.cos(2 * Math.PI * (y >>> 8) * 2 ** -24));
}

/** MT19937 (Matsumoto and Nishimura 1998, `init_genrand`): the generator behind torch's CPU draws. */
export class MersenneTwister {
  readonly #state = new Uint32Array(624);
  #next = 624;

  /** `seed` is taken modulo 2³², as torch does. */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const previous = state[i - 1] as number;
      state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next 32 random bits, as a whole number 0 … 2³²−1. */
  next(): number {
    if (this.#next === 624) this.#twist();
    let y = this.#state[this.#next++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    const at = (i: number): number => state[i] as number;
    for (let i = 0; i < 624; i++) {
      const y = (at(i) & 0x80000000) | (at((i + 1) % 624) & 0x7fffffff);
      state[i] = at((i + 397) % 624) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The nearest bfloat16 (ties to even) of a finite number, after rounding it to float32. */
export function roundToBf16(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0] as number;
  scratchBits[0] = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return scratch[0];
}

/**
 * `count` draws of torch's `uniform_(-bound, bound)` on a bfloat16 CPU tensor, as float32 (count).
 * One 32-bit output gives one number; only its low 8 bits are used, hence at most 256 different values.
 */
export function torchUniformBf16(generator: MersenneTwister, count: number, bound: number): Float32Array {
  const levels = uniformLevels(bound);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = levels[generator.next() & 0xff] as number;
  return values;
}

/** The values that such a draw can take (256), ascending. */
function uniformLevels(bound: number): Float32Array {
  const from = roundToBf16(-bound);
  return Float32Array.from({ length: 256 }, (_, step) => roundToBf16((step / 256) * roundToBf16(2 * bound) + from));
}

/** A draw of torch's `rand` on a float32 CPU tensor: the low 24 bits of one 32-bit output. */
const torchUniform = (generator: MersenneTwister): number => (generator.next() & 0xffffff) * 2 ** -24;

export interface BasesOptions {
  /** Rank of one basis. */
  readonly r: number;
  /** The smaller and the larger of (largest `out`, largest `in`) over all adapted layers. */
  readonly MN: number;
  readonly MX: number;
  /** PEFT's `projection_prng_key`. */
  readonly seed: number;
  readonly variant: "dense" | "sparse" | "very-sparse";
}

/**
 * RandLoRA's frozen bases as PEFT (≥ 0.16) draws them on a CPU with bfloat16, bit for bit; paper §4 and, for the sparse kinds, §6.4.
 * Dense values lie on the bfloat16 grid and have unit variance; sparse ones are 0 or ±1/std of the ternary tensor.
 * Needs r·MN and MX·N·r > 1: the standard deviation of one number is not defined. B never exists as float32.
 */
export function drawBases(options: BasesOptions): StoredBases {
  return options.variant === "dense" ? denseBases(options) : sparseBases(options);
}

/** The same as float32. */
export function randloraBases(options: BasesOptions): Bases {
  return unpackBases(drawBases(options), options.r, options.MN);
}

function denseBases({ r, MN, MX, seed }: BasesOptions): StoredBases {
  const generator = new MersenneTwister(seed);
  // Kaiming-uniform with a = √5: gain √(2 / (1 + 5)), bound √3 · gain / √fan. The fan of a 3-D tensor is the product of its last two axes.
  const bound = (fan: number): number => Math.sqrt(3) * (Math.sqrt(2 / 6) / Math.sqrt(fan));
  const standardize = (values: Float32Array, std: number): void => {
    const rounded = roundToBf16(std);
    for (const [i, value] of values.entries()) values[i] = roundToBf16(value / rounded);
  };
  const A = torchUniformBf16(generator, r * MN, bound(MN));
  standardize(A, deviation(A));
  const N = Math.ceil(MN / r);
  const codes = new Codes(MX, N * r, 8);
  const counts = new Float64Array(256);
  // torch draws N tensors (MX, 1, r) and concatenates them on the middle axis.
  for (let block = 0; block < N; block++) {
    for (let row = 0; row < MX; row++) {
      for (let k = 0; k < r; k++) {
        const step = generator.next() & 0xff;
        codes.set(row, block * r + k, step);
        counts[step] = (counts[step] as number) + 1;
      }
    }
  }
  const levels = uniformLevels(bound(r));
  standardize(levels, deviation(levels, counts));
  return { basisA: { shape: [r, MN], data: A }, ...levelBases({ codes: codes.words, levels }, MX) };
}

function sparseBases({ r, MN, MX, seed, variant }: BasesOptions): StoredBases {
  const generator = new MersenneTwister(seed);
  // PEFT's code, not its documentation, which promises ±1 with probability 1/s each.
  const edge = 1 / (2 * (variant === "sparse" ? 3 : Math.sqrt(MN)));
  const below = Math.fround(edge);
  const above = Math.fround(1 - edge);
  const ternary = (rows: number, cols: number): Ternary => {
    const codes = new Codes(rows, cols, 2);
    const counts = [0, 0, 0] as [zeros: number, ones: number, negative: number];
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++) {
        const u = torchUniform(generator);
        const code = u < below ? 2 : u > above ? 1 : 0;
        codes.set(row, col, code);
        counts[code]++;
      }
    }
    return { codes: codes.words, value: Math.fround(1 / Math.fround(deviation([0, 1, -1], counts))) };
  };
  const A = ternary(r, MN);
  return ternaryBases(A, ternary(MX, Math.ceil(MN / r) * r), r, MX);
}

/** Unbiased standard deviation over all elements, in float64; `values[i]` stands for `counts[i]` of them, or for one. */
function deviation(values: ArrayLike<number>, counts?: ArrayLike<number>): number {
  let [n, sum, squares] = [0, 0, 0];
  const countOf = (i: number): number => (counts ? (counts[i] as number) : 1);
  for (let i = 0; i < values.length; i++) {
    n += countOf(i);
    sum += countOf(i) * (values[i] as number);
  }
  for (let i = 0; i < values.length; i++) squares += countOf(i) * ((values[i] as number) - sum / n) ** 2;
  return Math.sqrt(squares / (n - 1));
}
