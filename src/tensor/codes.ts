/**
 * Matrices of few different numbers as codes in u32 words, the first code in the lowest bits. Every row begins at a word, so
 * that kernels read whole words along a row of any length; what is left of its last word is 0.
 */

/** Bits of a code: an index into a table of levels, or a sign. */
const LEVEL = 8;
const SIGN = 2;

/** Codes of (rows, cols) while they are made or read. */
export class Codes {
  readonly words: Uint32Array;
  /** Words in a row. */
  readonly stride: number;
  readonly #bits: number;

  constructor(rows: number, cols: number, bits: typeof LEVEL | typeof SIGN, words?: Uint32Array) {
    this.#bits = bits;
    this.stride = Math.ceil((cols * bits) / 32);
    this.words = words ?? new Uint32Array(rows * this.stride);
  }

  /** Sets an entry that is still 0. */
  set(row: number, col: number, code: number): void {
    const at = col * this.#bits;
    const word = row * this.stride + (at >>> 5);
    this.words[word] = (this.words[word] as number) | (code << (at & 31));
  }

  get(row: number, col: number): number {
    const at = col * this.#bits;
    return ((this.words[row * this.stride + (at >>> 5)] as number) >>> (at & 31)) & ((1 << this.#bits) - 1);
  }
}

/** One byte an entry: its number is `levels[code]`. */
export interface Levels {
  /** (rows, ⌈cols / 4⌉) */
  readonly codes: Uint32Array;
  /** (256), ascending; where there are fewer, the last one is repeated. */
  readonly levels: Float32Array;
}

/** Two bits an entry: its number is (bit 0 − bit 1) · `value`. */
export interface Ternary {
  /** (rows, ⌈cols / 16⌉) */
  readonly codes: Uint32Array;
  readonly value: number;
}

/** `data` is (rows, cols). Undefined when it has more than 256 different numbers; 0 and −0 are two. */
export function packLevels(data: Float32Array, cols: number): Levels | undefined {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const codeOf = new Map<number, number>();
  for (const pattern of bits) {
    codeOf.set(pattern, 0);
    if (codeOf.size > 256) return undefined;
  }
  const sorted = new Float32Array(Uint32Array.from(codeOf.keys()).buffer).sort();
  for (const [code, pattern] of new Uint32Array(sorted.buffer).entries()) codeOf.set(pattern, code);
  const levels = new Float32Array(256).fill(sorted.at(-1) ?? 0);
  levels.set(sorted);
  return { codes: pack(data.length / cols, cols, LEVEL, (i) => codeOf.get(bits[i] as number) as number), levels };
}

export const unpackLevels = ({ codes, levels }: Levels, cols: number): Float32Array => unpack(codes, cols, LEVEL, levels);

/** `data` is (rows, cols). Undefined unless it holds 0, v and −v alone, for one finite v. −0 is packed as 0. */
export function packTernary(data: Float32Array, cols: number): Ternary | undefined {
  const value = Math.abs(data.find((v) => v !== 0) ?? 0);
  if (!Number.isFinite(value) || data.some((v) => v !== 0 && Math.abs(v) !== value)) return undefined;
  return { codes: pack(data.length / cols, cols, SIGN, (i) => signCode(data[i] as number)), value };
}

export const unpackTernary = ({ codes, value }: Ternary, cols: number): Float32Array => unpack(codes, cols, SIGN, [0, value, -value, 0]);

const signCode = (v: number): number => (v > 0 ? 1 : v < 0 ? 2 : 0);

function pack(rows: number, cols: number, bits: typeof LEVEL | typeof SIGN, codeAt: (i: number) => number): Uint32Array {
  const codes = new Codes(rows, cols, bits);
  for (let row = 0, i = 0; row < rows; row++) for (let col = 0; col < cols; col++) codes.set(row, col, codeAt(i++));
  return codes.words;
}

function unpack(words: Uint32Array, cols: number, bits: typeof LEVEL | typeof SIGN, numbers: ArrayLike<number>): Float32Array {
  const codes = new Codes(0, cols, bits, words);
  const rows = words.length / codes.stride;
  const data = new Float32Array(rows * cols);
  for (let row = 0, i = 0; row < rows; row++) for (let col = 0; col < cols; col++) data[i++] = numbers[codes.get(row, col)] as number;
  return data;
}

/** Numbers made on the CPU. */
export interface Stored<T extends Float32Array | Uint32Array = Float32Array | Uint32Array> {
  readonly shape: readonly number[];
  readonly data: T;
}

/** RandLoRA's frozen bases, A (r, MN) and B (MX, N · r), N = ⌈MN / r⌉, in one of three forms, as the ops `randlora`, `ternary` and `corner` take them. */
export interface StoredBases {
  /** Ternary: codes. Otherwise f32: it is small beside B. */
  readonly basisA: Stored;
  /** Ternary or levels: codes. Otherwise, when it has more than 256 different numbers, f32. */
  readonly basisB: Stored;
  /** Ternary (2): the magnitudes of A and of B. Levels (256): those of B. Otherwise (1), and never read. */
  readonly levels: Stored<Float32Array>;
}

export interface Bases {
  /** (r, 1, MN) */
  readonly A: Float32Array;
  /** (MX, N, r), N = ⌈MN / r⌉ */
  readonly B: Float32Array;
}

/** The smallest of the three forms that loses nothing but the sign of a zero. */
export function packBases({ A, B }: Bases, r: number): StoredBases {
  const MN = A.length / r;
  const cols = Math.ceil(MN / r) * r;
  const rows = B.length / cols;
  const [signsA, signsB] = [packTernary(A, MN), packTernary(B, cols)];
  if (signsA && signsB) return ternaryBases(signsA, signsB, r, rows);
  const basisA = { shape: [r, MN], data: A };
  const coded = packLevels(B, cols);
  if (coded) return { basisA, ...levelBases(coded, rows) };
  return { basisA, basisB: { shape: [rows, cols], data: B }, levels: floats([0]) };
}

export function ternaryBases(A: Ternary, B: Ternary, r: number, rows: number): StoredBases {
  return { basisA: matrix(r, A.codes), basisB: matrix(rows, B.codes), levels: floats([A.value, B.value]) };
}

export function levelBases({ codes, levels }: Levels, rows: number): Pick<StoredBases, "basisB" | "levels"> {
  return { basisB: matrix(rows, codes), levels: floats(levels) };
}

const matrix = (rows: number, data: Uint32Array) => ({ shape: [rows, data.length / rows], data });
const floats = (values: ArrayLike<number>) => ({ shape: [values.length], data: Float32Array.from(values) });

/** What `packBases` was given. */
export function unpackBases({ basisA, basisB, levels }: StoredBases, r: number, MN: number): Bases {
  const cols = Math.ceil(MN / r) * r;
  const [valueA = 0, valueB = 0] = levels.data;
  const A = basisA.data instanceof Float32Array ? basisA.data : unpackTernary({ codes: basisA.data, value: valueA }, MN);
  if (basisB.data instanceof Float32Array) return { A, B: basisB.data };
  const ternary = basisA.data instanceof Uint32Array;
  const B = ternary
    ? unpackTernary({ codes: basisB.data, value: valueB }, cols)
    : unpackLevels({ codes: basisB.data, levels: levels.data }, cols);
  return { A, B };
}
