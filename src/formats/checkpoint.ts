/** A Hugging Face model folder: config.json and model.safetensors. */
import { FormatError } from "./error.ts";
import { type JsonObject, readObject } from "./json.ts";
import { readSafetensors, toFloat32 } from "./safetensors.ts";

export interface Checkpoint {
  /** config.json as it stands; a model reads the fields it knows. */
  readonly config: JsonObject;
  /** Names of all tensors. */
  readonly names: readonly string[];
  /**
   * The tensor `name` as a new float32 array, row-major. `shape` is what the model needs ([] for a scalar).
   * Throws FormatError: "missing" when there is none of that name, "shape" when it has another shape, "dtype" when it is not floating point.
   */
  tensor(name: string, shape: readonly number[]): Float32Array<ArrayBuffer>;
}

/**
 * Opens a checkpoint from the bytes of its two files; the weights stay views into `weights` until they are asked for.
 * Throws FormatError when either file is damaged.
 */
export function openCheckpoint(config: Uint8Array, weights: Uint8Array): Checkpoint {
  const { tensors } = readSafetensors(weights);
  return {
    config: readObject(config, "config.json"),
    names: [...tensors.keys()],
    tensor(name, shape) {
      const entry = tensors.get(name);
      if (!entry) throw new FormatError("missing", `The checkpoint has no tensor "${name}" (it has ${tensors.size} others).`);
      if (entry.shape.length !== shape.length || entry.shape.some((n, axis) => n !== shape[axis])) {
        throw new FormatError("shape", `Tensor "${name}" has the shape [${entry.shape}] in the checkpoint; the model needs [${shape}].`);
      }
      return toFloat32(entry);
    },
  };
}
