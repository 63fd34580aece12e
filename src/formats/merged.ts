/** A trained model as a Hugging Face folder of its own: the base's model.safetensors and config.json with what has changed. */
import type { Checkpoint } from "./checkpoint.ts";
import { FormatError } from "./error.ts";
import { isObject, type JsonObject } from "./json.ts";
import { type Entry, type FloatTensor, writeSafetensors } from "./safetensors.ts";

/** Names are those that the exported class has, with the prefix of its encoder. */
export interface Changes {
  /** New numbers for tensors of the base, in their shapes. */
  readonly changed: ReadonlyMap<string, FloatTensor>;
  /** What the base lacks, or has in another shape: the head. */
  readonly added: ReadonlyMap<string, FloatTensor>;
  /** Matched by the names of tensors that the exported class does not have. */
  readonly removed: readonly RegExp[];
}

/**
 * What no class that classifies images keeps of its base: poolers, heads of other kinds, and the places that older versions of
 * transformers stored. A head that is called as the new one is replaced by it.
 */
export const NOT_IN_CLASSIFIERS: readonly RegExp[] = [/(^|\.)pooler\./, /^(cls_|distillation_)?classifier\./, /\.position_ids$/];

/**
 * model.safetensors of the changed model. Untouched tensors keep their bytes and element types, changed and added ones are F32
 * whatever the base has, so that nothing of the update is rounded away. A bare encoder's tensors get their prefix.
 * Throws FormatError: "missing" for a change of a tensor that the base lacks, "shape" for a change of its shape.
 */
export function writeCheckpoint(original: Checkpoint, { changed, added, removed }: Changes): Uint8Array<ArrayBuffer> {
  const { entries, prefix } = original;
  const isBare = prefix !== "" && ![...entries.keys()].some((name) => name.startsWith(prefix));
  const tensors = new Map<string, Entry | FloatTensor>();
  for (const [name, entry] of entries) {
    const full = isBare ? prefix + name : name;
    if (![name, full].some((known) => removed.some((pattern) => pattern.test(known)))) tensors.set(full, entry);
  }
  for (const [name, tensor] of changed) {
    const base = tensors.get(name);
    if (!base) throw new FormatError("missing", `The base has no tensor "${name}" that could be changed.`);
    // A scalar may stand as [1] in the file, see openCheckpoint.
    if (base.shape.join() !== tensor.shape.join() && !(tensor.shape.length === 0 && base.shape.join() === "1"))
      throw new FormatError("shape", `The change of "${name}" has the shape [${tensor.shape}]; the base has [${base.shape}].`);
    tensors.set(name, { shape: base.shape, data: tensor.data });
  }
  for (const [name, tensor] of added) tensors.set(name, tensor);
  return writeSafetensors(tensors);
}

/**
 * config.json of the changed model: the base's, for another class and in float32. `labels` are the classes of its head, in order;
 * a class without a head has none.
 */
export function mergedConfig(
  config: JsonObject,
  { architecture, labels }: { readonly architecture: string; readonly labels?: readonly string[] },
): JsonObject {
  const head = labels && {
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    num_labels: labels.length,
    problem_type: "single_label_classification",
  };
  return { ...inFloat32(config), ...(!("dtype" in config) && { torch_dtype: "float32" }), architectures: [architecture], ...head };
}

/** With the element type of the weights, which transformers 4 calls torch_dtype and 5 dtype, set in all parts that state it. */
function inFloat32(config: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => {
      if (name === "torch_dtype" || name === "dtype") return [name, "float32"];
      return [name, /_config$/.test(name) && isObject(value) ? inFloat32(value) : value];
    }),
  );
}
