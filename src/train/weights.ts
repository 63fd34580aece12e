/** Frozen weights on their way to the GPU, in the precision that is asked for. */
import { type Dtype, type Entry, toFloat32 } from "../formats/safetensors.ts";
import type { Gpu } from "../gpu/device.ts";
import { upload } from "../gpu/memory.ts";
import { fitsF16, pack } from "../tensor/half.ts";
import { type ElementType, numel, type PackedType, type Tensor, tensor } from "../tensor/tensor.ts";

/**
 * How matrices are stored. "checkpoint": as in the file, where F16 and BF16 are two bytes a number; "half": also F32 in two bytes, as
 * f16, unless a number is beyond its range; "full": all in f32.
 */
export type Precision = "checkpoint" | "half" | "full";

/** Smaller tensors are stored in f32: they cost next to nothing, and more kernels read them. */
const LARGE = 4096;

const SAME: { readonly [D in Dtype]?: PackedType } = { F16: "f16", BF16: "bf16" };

/**
 * An entry of a checkpoint as a tensor with a buffer of its own. `tensor.type` says how it is stored: matrices (two or more axes,
 * more than 4096 numbers) as `precision` wants, the rest in f32. The kernels that read packed ones are matmul (b), embed (table)
 * and unpack. Throws FormatError "dtype" for element types that are not floating point.
 */
export function frozenTensor(gpu: Gpu, entry: Entry, shape: readonly number[], label: string, precision: Precision): Tensor {
  const { type, data } = stored(entry, shape.length > 1 && numel(shape) > LARGE ? precision : "full");
  return tensor(shape, { type, label, buffer: upload(gpu, data, label) });
}

function stored(entry: Entry, precision: Precision): { type: ElementType; data: Float32Array | Uint32Array | Uint8Array } {
  const same = SAME[entry.dtype];
  if (same && precision !== "full") return { type: same, data: entry.data }; // the file's bytes are what kernels read
  const numbers = toFloat32(entry);
  if (precision === "half" && fitsF16(numbers)) return { type: "f16", data: pack(numbers, "f16") };
  return { type: "f32", data: numbers };
}
