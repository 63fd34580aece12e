/** Frozen weights on their way to the GPU, in the precision that is asked for. */
import { type Dtype, type Entry, toFloat32 } from "../formats/safetensors.ts";
import type { Gpu } from "../gpu/device.ts";
import { storage, upload, write } from "../gpu/memory.ts";
import { fitsF16, pack } from "../tensor/half.ts";
import { isStackable } from "../tensor/stack.ts";
import { byteLength, type ElementType, numel, type PackedType, type Tensor, tensor } from "../tensor/tensor.ts";

/**
 * How matrices are stored. "checkpoint": as in the file, where F16 and BF16 are two bytes a number; "half": also F32 in two bytes, as
 * f16, unless a number is beyond its range; "full": all in f32.
 */
export type Precision = "checkpoint" | "half" | "full";

/** Smaller tensors are stored in f32: they cost next to nothing, and more kernels read them. */
const LARGE = 4096;

const SAME: { readonly [D in Dtype]?: PackedType } = { F16: "f16", BF16: "bf16" };

/**
 * Entries of one shape of a checkpoint as tensors, in one buffer and one after the other where that can be. `tensor.type` says how they
 * are stored: matrices (two or more axes, more than 4096 numbers) as `precision` wants, the rest in f32. The kernels that read packed
 * ones are matmul (b), embed (table) and unpack. Throws FormatError "dtype" for element types that are not floating point.
 */
export function frozenTensors(
  gpu: Gpu,
  entries: ReadonlyMap<string, Entry>,
  shape: readonly number[],
  precision: Precision,
): ReadonlyMap<string, Tensor> {
  const all = Array.from(entries, ([name, entry]) => ({
    name,
    ...stored(entry, shape.length > 1 && numel(shape) > LARGE ? precision : "full"),
  }));
  const [{ type, data }] = all as [(typeof all)[number]];
  const size = byteLength({ shape, type });
  if (all.length === 1 || !isStackable({ shape, type }) || all.some((one) => one.type !== type || one.data.byteLength !== data.byteLength))
    return new Map(
      all.map((one) => [one.name, tensor(shape, { type: one.type, label: one.name, buffer: upload(gpu, one.data, one.name) })]),
    );
  const buffer = storage(gpu, all.length * size, all.map(({ name }) => name).join(", "));
  return new Map(
    all.map((one, i) => {
      write(gpu, buffer, i * size, one.data);
      return [one.name, tensor(shape, { type, label: one.name, buffer, offset: i * size })];
    }),
  );
}

function stored(entry: Entry, precision: Precision): { type: ElementType; data: Float32Array | Uint32Array | Uint8Array } {
  const same = SAME[entry.dtype];
  if (same && precision !== "full") return { type: same, data: entry.data }; // the file's bytes are what kernels read
  const numbers = toFloat32(entry);
  if (precision === "half" && fitsF16(numbers)) return { type: "f16", data: pack(numbers, "f16") };
  return { type: "f32", data: numbers };
}
