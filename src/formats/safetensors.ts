/**
 * safetensors: 8 bytes little-endian header length, a JSON header, then the numbers of all tensors without gaps.
 * Format: https://github.com/huggingface/safetensors#format
 */
import { FormatError } from "./error.ts";
import { isCount, isObject, readObject } from "./json.ts";

/** Bytes per element. The sub-byte types (F4, F6) are left out: no checkpoint we open has them. */
const SIZES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const;
export type Dtype = keyof typeof SIZES;

export interface Entry {
  readonly dtype: Dtype;
  /** Row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** A view into the file, little-endian. Its byteOffset is arbitrary: a typed array must not be laid over it. */
  readonly data: Uint8Array;
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Entry>;
  /** The strings under `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** A tensor in float32, row-major; an empty shape is a scalar. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The format's own limit; keeps a forged length from being parsed. */
const HEADER_LIMIT = 100_000_000;

/**
 * Reads a whole file. Nothing is copied: the entries are views, so memory stays bounded by the file whatever its header claims.
 * Throws FormatError for every file the format forbids (see FormatFault).
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  if (bytes.length < 8) throw new FormatError("truncated", `A safetensors file has at least 8 bytes; this one has ${bytes.length}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || low > HEADER_LIMIT)
    throw new FormatError("header", "The safetensors header claims more than 100 MB.");
  const start = 8 + low;
  if (start > bytes.length)
    throw new FormatError(
      "header",
      `The safetensors header claims ${low} bytes; the file has ${bytes.length}. It is cut off, or not a safetensors file.`,
    );
  // Only "{" may come first: JSON.parse alone would let white space through.
  if (bytes[8] !== 0x7b) throw new FormatError("json", "The safetensors header does not begin with {.");

  const header = readObject(bytes.subarray(8, start), "The safetensors header");
  const body = bytes.subarray(start);
  const found: { name: string; begin: number; end: number; entry: Entry }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== "__metadata__") found.push({ name, ...readEntry(name, value, body) });
  }
  checkLayout(found, body.length);
  return { tensors: new Map(found.map(({ name, entry }) => [name, entry])), metadata: readMetadata(header.__metadata__) };
}

function readMetadata(value: unknown): Map<string, string> {
  if (value === undefined) return new Map();
  const pairs = isObject(value) ? Object.entries(value) : undefined;
  if (!pairs?.every((pair): pair is [string, string] => typeof pair[1] === "string"))
    throw new FormatError("json", "__metadata__ of the safetensors file must hold strings only.");
  return new Map(pairs);
}

function readEntry(name: string, value: unknown, body: Uint8Array): { begin: number; end: number; entry: Entry } {
  const { dtype, shape, data_offsets: offsets } = isObject(value) ? value : {};
  if (typeof dtype !== "string" || !Object.hasOwn(SIZES, dtype))
    throw new FormatError("dtype", `Tensor "${name}" has the unknown element type ${JSON.stringify(dtype)}.`);
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw new FormatError(
      "shape",
      `Tensor "${name}" has the shape ${JSON.stringify(shape)}; it must be a list of whole numbers, none negative.`,
    );
  const [begin, end]: unknown[] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isCount(begin) || !isCount(end) || begin > end)
    throw new FormatError(
      "offsets",
      `Tensor "${name}" has the offsets ${JSON.stringify(offsets)}; they must be two whole numbers, first and last.`,
    );
  if (end > body.length)
    throw new FormatError(
      "offsets",
      `Tensor "${name}" reaches to byte ${end} of ${body.length}: the file is cut off, or its header is wrong.`,
    );
  // A product beyond 2^53 may be rounded, but it cannot come out as small as a length inside the file, unless a zero follows: then it is 0.
  const size = shape.reduce((product, n) => product * n, SIZES[dtype as Dtype]);
  if (size !== end - begin)
    throw new FormatError("size", `Tensor "${name}": ${dtype} [${shape}] takes ${size} bytes, its offsets span ${end - begin}.`);
  return { begin, end, entry: { dtype: dtype as Dtype, shape, data: body.subarray(begin, end) } };
}

/** The format allows neither overlaps nor holes: every byte after the header belongs to exactly one tensor. */
function checkLayout(found: readonly { name: string; begin: number; end: number }[], length: number): void {
  let covered = 0;
  for (const { name, begin, end } of found.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) throw new FormatError("offsets", `Tensor "${name}" overlaps the tensor before it.`);
    if (begin > covered) throw new FormatError("offsets", `The ${begin - covered} bytes before tensor "${name}" belong to no tensor.`);
    covered = end;
  }
  if (covered < length) throw new FormatError("offsets", `The last ${length - covered} bytes of the safetensors file belong to no tensor.`);
}

/**
 * The numbers of an entry as a new float32 array; F64 is rounded to nearest, the rest is exact.
 * Throws FormatError "dtype" for element types that are not floating point.
 */
export function toFloat32({ dtype, data }: Entry): Float32Array<ArrayBuffer> {
  if (dtype === "F32") return new Float32Array(fresh(data));
  if (dtype === "F64") return new Float32Array(new Float64Array(fresh(data)));
  if (dtype === "F16") return halfToFloat32(new Uint16Array(fresh(data)));
  if (dtype === "BF16") return brainToFloat32(new Uint16Array(fresh(data)));
  throw new FormatError("dtype", `${dtype} cannot be read as float32.`);
}

/**
 * A copy in a buffer of its own: offsets in the file follow no alignment (one F16 scalar shifts all that come after it).
 * The constructor, not `slice`, because `slice` of Node's Buffer makes another view.
 */
const fresh = (data: Uint8Array): ArrayBuffer => new Uint8Array(data).buffer;

/** bfloat16 is the upper half of a float32. */
function brainToFloat32(brain: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(brain.length);
  for (let i = 0; i < brain.length; i++) bits[i] = (brain[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

/** IEEE binary16 (1 sign, 5 exponent, 10 fraction bits) to binary32 (1, 8, 23), subnormals, infinities and NaN included. */
function halfToFloat32(half: Uint16Array): Float32Array<ArrayBuffer> {
  const float = new Float32Array(half.length);
  const bits = new Uint32Array(float.buffer);
  for (let i = 0; i < half.length; i++) {
    const h = half[i] as number;
    const sign = (h & 0x8000) << 16;
    const exponent = (h >> 10) & 31;
    const fraction = h & 0x3ff;
    if (exponent === 0) {
      // Subnormal: fraction · 2⁻²⁴, which is a normal float32.
      float[i] = (sign ? -fraction : fraction) * 2 ** -24;
    } else {
      // The exponent's bias grows from 15 to 127; all ones stays all ones.
      bits[i] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
    }
  }
  return float;
}

/**
 * Writes tensors as F32, sorted by name, with the metadata `{"format": "pt"}` that PyTorch's loaders ask for and the data 8-byte aligned.
 * Throws FormatError "size" when a shape does not fit its data, "key" for a name the format reserves.
 */
export function writeSafetensors(tensors: ReadonlyMap<string, FloatTensor>): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let length = 0;
  for (const [name, { shape, data }] of sorted) {
    if (name === "__metadata__" || name === "__proto__") throw new FormatError("key", `A tensor cannot be named ${name}.`);
    if (shape.reduce((product, n) => product * n, 1) !== data.length)
      throw new FormatError("size", `Tensor "${name}" has ${data.length} numbers, its shape is [${shape}].`);
    header[name] = { dtype: "F32", shape, data_offsets: [length, length + data.byteLength] };
    length += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = Math.ceil((8 + json.length) / 8) * 8;
  const bytes = new Uint8Array(start + length);
  bytes.fill(0x20, 8, start);
  bytes.set(json, 8);
  new DataView(bytes.buffer).setUint32(0, start - 8, true);
  let at = start;
  for (const [, { data }] of sorted) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}
