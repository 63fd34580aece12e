/**
 * A PEFT adapter folder, adapter_config.json and adapter_model.safetensors, in both directions.
 * Only the container is known here; which tensors a method has, and what their shapes and its fields mean, its adapter says.
 */
import { fieldsOf, NEUTRAL, savedModules } from "./config.ts";
import { FormatError } from "./error.ts";
import { type JsonObject, readObject, show } from "./json.ts";
import { checkFinite, type Entry, type FloatTensor, readSafetensors, toFloat32, writeSafetensors } from "./safetensors.ts";

/** Which tensors of a folder belong to a method. */
export interface PeftKeys {
  /** What follows a module's path: "lora_A.weight". */
  readonly parts: readonly string[];
  /** Frozen tensors of the whole model, directly under `base_model.`: "randlora_A". */
  readonly shared: readonly string[];
}

export interface PeftFolder {
  /** adapter_config.json as it stands. */
  readonly config: JsonObject;
  /** By module path in the bare model ("vision_model.encoder.layers.0.self_attn.q_proj"), then by part. */
  readonly modules: ReadonlyMap<string, ReadonlyMap<string, FloatTensor>>;
  /** One copy of each, by name; those that the folder leaves to the seed are absent. */
  readonly shared: ReadonlyMap<string, FloatTensor>;
  /** Tensors of modules that were trained whole, by their names in the bare model: "classifier.weight". */
  readonly saved: ReadonlyMap<string, FloatTensor>;
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const ROOT = "base_model.";
const PREFIX = "base_model.model.";

/**
 * adapter_config.json of a folder given as file name → bytes. Throws FormatError "missing", "json", "key", or "config" without a
 * peft_type; UnsupportedError for options that all methods have and that are not built here.
 */
export function readAdapterConfig(files: ReadonlyMap<string, Uint8Array>): JsonObject {
  const json = readObject(file(files, CONFIG), CONFIG);
  if (typeof json.peft_type !== "string")
    throw new FormatError("config", `${CONFIG}: peft_type must be a string, it is ${show(json.peft_type)}.`);
  fieldsOf(json).neutral(NEUTRAL);
  return json;
}

/**
 * Opens a folder, given as file name → bytes; other files in it are ignored.
 * Throws FormatError for damaged, missing or inconsistent files, for tensors that belong nowhere, and for numbers that are not finite;
 * UnsupportedError as `readAdapterConfig`.
 */
export function readPeft(files: ReadonlyMap<string, Uint8Array>, keys: PeftKeys): PeftFolder {
  const config = readAdapterConfig(files);
  const found = sort(readSafetensors(file(files, WEIGHTS)).tensors, keys);
  if (found.modules.size === 0) throw new FormatError("missing", `The adapter has no tensor ${keys.parts.join(" or ")}.`);
  checkSaved([...found.rest.keys()], savedModules(config));
  return {
    config,
    modules: new Map(Array.from(found.modules, ([path, parts]) => [path, numbers(parts, `${path}.`)])),
    shared: numbers(found.shared),
    saved: numbers(found.rest),
  };
}

function file(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw new FormatError("missing", `The adapter folder has no ${name}.`);
  return bytes;
}

const numbers = (entries: ReadonlyMap<string, Entry>, path = ""): Map<string, FloatTensor> =>
  new Map(Array.from(entries, ([name, entry]) => [name, decoded(path + name, entry)]));

/** Decoded when it is asked for, once its shape has been compared: what a file claims is not allocated before. */
function decoded(name: string, entry: Entry): FloatTensor {
  checkFinite(name, entry);
  let data: Float32Array | undefined;
  return {
    shape: entry.shape,
    get data() {
      data ??= toFloat32(entry);
      return data;
    },
  };
}

interface Sorted {
  readonly modules: Map<string, Map<string, Entry>>;
  readonly shared: Map<string, Entry>;
  /** What is no part of an adapter, by its name in the bare model. */
  readonly rest: Map<string, Entry>;
}

function sort(tensors: ReadonlyMap<string, Entry>, keys: PeftKeys): Sorted {
  const found: Sorted = { modules: new Map(), shared: new Map(), rest: new Map() };
  const share = (name: string, key: string, entry: Entry): void => {
    const first = found.shared.get(name);
    if (first && !isSame(first, entry))
      throw new FormatError("config", `The adapter's tensor "${key}" differs from another copy of ${name}; all modules share one.`);
    found.shared.set(name, first ?? entry);
  };
  for (const [key, entry] of tensors) {
    const atRoot = keys.shared.find((name) => key === ROOT + name);
    if (atRoot) {
      share(atRoot, key, entry);
      continue;
    }
    if (!key.startsWith(PREFIX)) throw new FormatError("key", `The adapter's tensor "${key}" does not begin with ${PREFIX}`);
    const name = key.slice(PREFIX.length);
    const part = keys.parts.find((end) => name.endsWith(`.${end}`));
    // PEFT up to 0.20 writes the shared tensors once for the model and again for every module.
    const copy = keys.shared.find((end) => name.endsWith(`.${end}`));
    if (part) {
      const path = name.slice(0, -part.length - 1);
      found.modules.set(path, (found.modules.get(path) ?? new Map<string, Entry>()).set(part, entry));
    } else if (copy) share(copy, key, entry);
    else found.rest.set(name, entry);
  }
  return found;
}

/** Equal to the last bit. A plain loop: the copies in one file may add up to gigabytes. */
function isSame(a: Entry, b: Entry): boolean {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  for (let i = 0; i < a.data.length; i++) if (a.data[i] !== b.data[i]) return false;
  return true;
}

/** Every tensor that is no part of an adapter must belong to a module the config names, and each named module must be there: PEFT cannot load it otherwise. */
function checkSaved(tensors: readonly string[], modules: readonly string[]): void {
  const belongs = (tensor: string, module: string): boolean => `.${tensor}`.includes(`.${module}.`);
  for (const module of modules) {
    if (!tensors.some((tensor) => belongs(tensor, module)))
      throw new FormatError("missing", `The config saves the module "${module}", but the adapter has no tensor of it.`);
  }
  const stray = tensors.find((tensor) => !modules.some((module) => belongs(tensor, module)));
  if (stray !== undefined) throw new FormatError("key", `The adapter's tensor "${stray}" belongs to no adapted or saved module.`);
}

/**
 * The tensor, when its shape is the one asked for; axes given as undefined may have any size. `name` is for the message.
 * Throws FormatError "missing" for undefined, "shape" for another shape.
 */
export function expectShape(tensor: FloatTensor | undefined, name: string, shape: readonly (number | undefined)[]): FloatTensor {
  if (!tensor) throw new FormatError("missing", `The adapter has no tensor "${name}".`);
  if (tensor.shape.length !== shape.length || shape.some((n, axis) => n !== undefined && n !== tensor.shape[axis]))
    throw new FormatError(
      "shape",
      `The adapter's tensor "${name}" has the shape [${tensor.shape}]; the model and the config ask for [${shape.map((n) => n ?? "any")}].`,
    );
  return tensor;
}

/**
 * The files of a folder, ready for PEFT ≥ 0.16: file name → bytes. Shared tensors are written once, at model level, which every version
 * reads; `perModule` adds a copy under each module, as PEFT ≤ 0.20 writes and expects them: without these it loads with a warning.
 * For PEFT to load shared tensors their shapes must follow from the config's target_modules in the whole model.
 * Throws FormatError when `modules_to_save` and the saved tensors do not agree.
 */
export function writePeft(
  folder: PeftFolder,
  { perModule = false }: { readonly perModule?: boolean } = {},
): Map<string, Uint8Array<ArrayBuffer>> {
  checkSaved([...folder.saved.keys()], savedModules(folder.config));
  const tensors = new Map<string, FloatTensor>();
  for (const [name, tensor] of folder.shared) tensors.set(ROOT + name, tensor);
  for (const [path, parts] of folder.modules) {
    for (const [part, tensor] of [...parts, ...(perModule ? folder.shared : [])]) tensors.set(`${PREFIX}${path}.${part}`, tensor);
  }
  for (const [name, tensor] of folder.saved) tensors.set(PREFIX + name, tensor);
  return new Map([
    [CONFIG, new TextEncoder().encode(`${JSON.stringify(folder.config, null, 2)}\n`)],
    [WEIGHTS, writeSafetensors(tensors)],
  ]);
}
