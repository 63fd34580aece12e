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
  const start = headerEnd(bytes, bytes.length);
  const { places, metadata } = readHeader(bytes.subarray(8, start), bytes.length - start);
  const entry = ({ begin, end, ...type }: Place): Entry => ({ ...type, data: bytes.subarray(start + begin, start + end) });
  return { tensors: new Map(places.map(({ name, ...place }) => [name, entry(place)])), metadata };
}

/** Where the numbers begin. `first`: the file's first 8 bytes, at least; `size`: of all of it. Throws FormatError. */
export function headerEnd(first: Uint8Array, size: number): number {
  if (first.length < 8) throw new FormatError("truncated", `A safetensors file has at least 8 bytes; this one has ${size}.`);
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
  const low = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || low > HEADER_LIMIT)
    throw new FormatError("header", "The safetensors header claims more than 100 MB.");
  if (8 + low > size)
    throw new FormatError(
      "header",
      `The safetensors header claims ${low} bytes; the file has ${size}. It is cut off, or not a safetensors file.`,
    );
  return 8 + low;
}

interface Place extends Pick<Entry, "dtype" | "shape"> {
  /** Bytes after the header. */
  readonly begin: number;
  readonly end: number;
}

/** `length`: bytes after the header. Throws FormatError as `readSafetensors` does, of which this is all but the numbers. */
export function readHeader(
  json: Uint8Array,
  length: number,
): { places: (Place & { readonly name: string })[]; metadata: Map<string, string> } {
  // Only "{" may come first: JSON.parse alone would let white space through.
  if (json[0] !== 0x7b) throw new FormatError("json", "The safetensors header does not begin with {.");
  const header = readObject(json, "The safetensors header");
  const places = Object.entries(header).flatMap(([name, value]) =>
    name === "__metadata__" ? [] : [{ name, ...readEntry(name, value, length) }],
  );
  checkLayout(places, length);
  return { places, metadata: readMetadata(header.__metadata__) };
}

function readMetadata(value: unknown): Map<string, string> {
  if (value === undefined) return new Map();
  const pairs = isObject(value) ? Object.entries(value) : undefined;
  if (!pairs?.every((pair): pair is [string, string] => typeof pair[1] === "string"))
    throw new FormatError("json", "__metadata__ of the safetensors file must hold strings only.");
  return new Map(pairs);
}

function readEntry(name: string, value: unknown, length: number): Place {
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
  if (end > length)
    throw new FormatError("offsets", `Tensor "${name}" reaches to byte ${end} of ${length}: the file is cut off, or its header is wrong.`);
  // A product beyond 2^53 may be rounded, but it cannot come out as small as a length inside the file, unless a zero follows: then it is 0.
  const size = shape.reduce((product, n) => product * n, SIZES[dtype as Dtype]);
  if (size !== end - begin)
    throw new FormatError("size", `Tensor "${name}": ${dtype} [${shape}] takes ${size} bytes, its offsets span ${end - begin}.`);
  return { begin, end, dtype: dtype as Dtype, shape };
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
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  // A copy in a buffer of its own; the constructor, not `slice`, because `slice` of Node's Buffer makes another view.
  if (dtype === "F32") return new Float32Array(new Uint8Array(data).buffer);
  if (dtype === "F64") return Float32Array.from({ length: data.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
  if (dtype === "F16") return halfToFloat32(view);
  if (dtype === "BF16") return brainToFloat32(view);
  throw new FormatError("dtype", `${dtype} cannot be read as float32.`);
}

/**
 * Weights must be finite numbers in float32. Throws FormatError, naming the tensor: "dtype", and "value" for NaN, infinities and what
 * is beyond float32.
 */
export function checkFinite(name: string, { dtype, data }: Entry): void {
  if (dtype !== "F32" && dtype !== "F64" && dtype !== "F16" && dtype !== "BF16")
    throw new FormatError("dtype", `Tensor "${name}" holds ${dtype}; only F32, F16, BF16 and F64 can be read as weights.`);
  const size = SIZES[dtype];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  // All ones in the exponent, which is in the last two bytes: 5 bits in F16, 8 in BF16 and F32.
  const mask = dtype === "F16" ? 0x7c00 : 0x7f80;
  for (let at = 0; at < data.length; at += size) {
    const fits =
      dtype === "F64" ? Number.isFinite(Math.fround(view.getFloat64(at, true))) : (view.getUint16(at + size - 2, true) & mask) !== mask;
    if (fits) continue;
    const [value] = toFloat32({ dtype, shape: [], data: data.subarray(at, at + size) });
    throw new FormatError("value", `Tensor "${name}" holds ${value} at place ${at / size}; weights must be finite numbers.`);
  }
}

/** bfloat16 is the upper half of a float32. */
function brainToFloat32(brain: DataView): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(brain.byteLength / 2);
  for (let i = 0; i < bits.length; i++) bits[i] = brain.getUint16(2 * i, true) << 16;
  return new Float32Array(bits.buffer);
}

/** IEEE binary16 (1 sign, 5 exponent, 10 fraction bits) to binary32 (1, 8, 23), subnormals, infinities and NaN included. */
function halfToFloat32(half: DataView): Float32Array<ArrayBuffer> {
  const float = new Float32Array(half.byteLength / 2);
  const bits = new Uint32Array(float.buffer);
  for (let i = 0; i < bits.length; i++) {
    const h = half.getUint16(2 * i, true);
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
 * Writes numbers as F32 and entries as they are, with the metadata `{"format": "pt"}` that PyTorch's loaders ask for. The data begin
 * 8-byte aligned; larger element types come first, as in the format's own writer, so that each tensor is aligned; then by name.
 * Throws FormatError "size" when a shape does not fit its data, "key" for a name the format reserves.
 */
export function writeSafetensors(tensors: ReadonlyMap<string, FloatTensor | Entry>): Uint8Array<ArrayBuffer> {
  const { json, start, length, places } = layOut(
    new Map(Array.from(tensors, ([name, tensor]) => [name, { shape: tensor.shape, ...("dtype" in tensor && { dtype: tensor.dtype }) }])),
  );
  const bytes = new Uint8Array(start + length);
  bytes.fill(0x20, 8, start);
  bytes.set(json, 8);
  new DataView(bytes.buffer).setUint32(0, start - 8, true);
  for (const { name, dtype, shape, at, size } of places) {
    const { data } = tensors.get(name) as FloatTensor | Entry;
    if (size !== data.byteLength)
      throw new FormatError("size", `Tensor "${name}" has ${data.byteLength / SIZES[dtype]} numbers, its shape is [${shape}].`);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start + at);
  }
  return bytes;
}

/** A tensor of a file that need not exist; F32 where it does not say. */
export type Outlined = Pick<FloatTensor, "shape"> & Partial<Pick<Entry, "dtype">>;

/** Bytes of the file that `writeSafetensors` would make. */
export function sizeOfSafetensors(tensors: ReadonlyMap<string, Outlined>): number {
  const { start, length } = layOut(tensors);
  return start + length;
}

function layOut(tensors: ReadonlyMap<string, Outlined>) {
  const sorted = Array.from(tensors, ([name, { shape, dtype = "F32" }]) => ({ name, dtype, shape })).sort(
    (a, b) => SIZES[b.dtype] - SIZES[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let length = 0;
  const places = sorted.map(({ name, dtype, shape }) => {
    if (name === "__metadata__" || name === "__proto__") throw new FormatError("key", `A tensor cannot be named ${name}.`);
    const [at, size] = [length, shape.reduce((product, n) => product * n, SIZES[dtype])];
    length += size;
    header[name] = { dtype, shape, data_offsets: [at, length] };
    return { name, dtype, shape, at, size };
  });
  const json = new TextEncoder().encode(JSON.stringify(header));
  return { json, start: Math.ceil((8 + json.length) / 8) * 8, length, places };
}
