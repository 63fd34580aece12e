/** A Hugging Face model folder: config.json, and model.safetensors or its shards. */
import { FormatError } from "./error.ts";
import { isObject, type JsonObject, readObject } from "./json.ts";
import { checkFinite, type Entry, readSafetensors, toFloat32 } from "./safetensors.ts";

/** model.safetensors; or model.safetensors.index.json and, by the names it gives them, the files over which the tensors are spread. */
export type WeightFiles = Uint8Array | { readonly index: Uint8Array; readonly shards: ReadonlyMap<string, Uint8Array> };

export interface Checkpoint {
  /** config.json as it stands; a model reads the fields it knows. */
  readonly config: JsonObject;
  /** The same as text, in which 1.0 is not 1. */
  readonly configText: string;
  /** What a bare encoder's checkpoint leaves out of its names: "vit.". */
  readonly prefix: string;
  /** All tensors by their names in the files. */
  readonly entries: ReadonlyMap<string, Entry>;
  /**
   * The bytes of the tensor `name`, or of what that is called without the prefix; a view into the files.
   * `shape` is what the model needs; for a scalar, [], the file may say [1].
   * Throws FormatError: "missing" when there is none of that name, "shape" when it has another shape, "dtype" when it is not floating
   * point, "value" when it holds NaN or an infinity.
   */
  entry(name: string, shape: readonly number[]): Entry;
  /** The same as a new float32 array, row-major. */
  tensor(name: string, shape: readonly number[]): Float32Array<ArrayBuffer>;
}

/**
 * Opens a checkpoint; the weights stay views into the files until they are asked for.
 * Throws FormatError when a file is damaged, or an index and its shards do not agree.
 */
export function openCheckpoint(config: Uint8Array, weights: WeightFiles, prefix = ""): Checkpoint {
  const entries = weights instanceof Uint8Array ? readSafetensors(weights).tensors : readShards(weights);
  const entry = (name: string, shape: readonly number[]): Entry => {
    const bare = prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const known = entries.has(name) ? name : bare;
    const found = entries.get(known);
    if (!found) {
      const either = bare === name ? "" : `, nor "${bare}"`;
      throw new FormatError("missing", `The checkpoint has no tensor "${name}"${either} (it has ${entries.size} others).`);
    }
    if (found.shape.join() !== shape.join() && !(shape.length === 0 && found.shape.join() === "1"))
      throw new FormatError("shape", `Tensor "${known}" has the shape [${found.shape}] in the checkpoint; the model needs [${shape}].`);
    checkFinite(known, found);
    return found;
  };
  return {
    config: readObject(config, "config.json"),
    configText: new TextDecoder().decode(config),
    prefix,
    entries,
    entry,
    tensor: (name, shape) => toFloat32(entry(name, shape)),
  };
}

const INDEX = "model.safetensors.index.json";

function readShards({ index, shards }: Exclude<WeightFiles, Uint8Array>): Map<string, Entry> {
  const { weight_map: places } = readObject(index, INDEX);
  const pairs = isObject(places) ? Object.entries(places) : [];
  if (pairs.length === 0 || !pairs.every((pair): pair is [string, string] => typeof pair[1] === "string"))
    throw new FormatError("json", `${INDEX} must have a weight_map from names of tensors to names of files.`);
  const found = new Map<string, Entry>();
  const home = new Map(pairs);
  for (const file of new Set(home.values())) {
    const bytes = shards.get(file);
    if (!bytes) throw new FormatError("missing", `${INDEX} names the file "${file}", which is not there.`);
    for (const [name, entry] of readSafetensors(bytes).tensors) {
      const said = home.get(name);
      if (said === undefined) throw new FormatError("key", `The tensor "${name}" of "${file}" is not in ${INDEX}.`);
      if (said !== file) throw new FormatError("key", `The tensor "${name}" is in "${file}"; ${INDEX} says that it is in "${said}".`);
      found.set(name, entry);
    }
  }
  for (const [name, file] of pairs) {
    if (!found.has(name))
      throw new FormatError("missing", `${INDEX} says that the tensor "${name}" is in "${file}", which does not have it.`);
  }
  return found;
}
