/** A PEFT adapter folder: adapter_config.json and adapter_model.safetensors, in both directions. */
import { type LoraConfig, type RandloraConfig, readConfig, readSavedModules, writeConfig } from "./config.ts";
import { FormatError } from "./error.ts";
import { readObject } from "./json.ts";
import { type Entry, type FloatTensor, readSafetensors, toFloat32, writeSafetensors } from "./safetensors.ts";

export interface LoraModule {
  /** (r, in) */
  readonly A: FloatTensor;
  /** (out, r) */
  readonly B: FloatTensor;
  /** (out), in DoRA folders only */
  readonly magnitude?: FloatTensor;
}

export interface RandloraModule {
  /** (r, n), n = ⌈min(in, out) / r⌉ */
  readonly lambda: FloatTensor;
  /** (n, min(in, out)) */
  readonly gamma: FloatTensor;
}

/** The frozen bases that all modules share, in PEFT's memory order. */
export interface RandloraBases {
  /** (r, 1, MN) */
  readonly A: FloatTensor;
  /** (MX, N, r), N = ⌈MN / r⌉ */
  readonly B: FloatTensor;
}

export interface LoraFolder {
  readonly config: LoraConfig;
  /** By module path in the bare model: "vision_model.encoder.layers.0.self_attn.q_proj". */
  readonly modules: ReadonlyMap<string, LoraModule>;
  /** Tensors of modules that were trained whole, by their names in the bare model: "classifier.weight". */
  readonly saved: ReadonlyMap<string, FloatTensor>;
}

export interface RandloraFolder {
  readonly config: RandloraConfig;
  readonly modules: ReadonlyMap<string, RandloraModule>;
  /** Undefined only when `config.saveProjection` is false: then they must be drawn from `config.projectionPrngKey`. */
  readonly bases: RandloraBases | undefined;
  readonly saved: ReadonlyMap<string, FloatTensor>;
}

export type PeftFolder = LoraFolder | RandloraFolder;

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const ROOT = "base_model.";
const PREFIX = "base_model.model.";

/** Parts of a module by the end of their keys. DoRA's key has no `.weight`, as PEFT writes it. */
const LORA_PARTS = { A: ".lora_A.weight", B: ".lora_B.weight", magnitude: ".lora_magnitude_vector" } as const;
const RANDLORA_PARTS = { lambda: ".randlora_lambda", gamma: ".randlora_gamma", A: ".randlora_A", B: ".randlora_B" } as const;

/**
 * Opens a folder, given as file name → bytes; other files in it are ignored.
 * Throws FormatError for damaged, missing or inconsistent files, UnsupportedError for methods and options that are not built here.
 */
export function readPeft(files: ReadonlyMap<string, Uint8Array>): PeftFolder {
  const json = readObject(file(files, CONFIG), CONFIG);
  const config = readConfig(json);
  const { tensors } = readSafetensors(file(files, WEIGHTS));
  const parts = config.method === "LORA" ? LORA_PARTS : RANDLORA_PARTS;
  const { modules, rest } = group(tensors, parts);
  const saved = readSaved(rest, readSavedModules(json));
  if (config.method === "LORA")
    return { config, modules: new Map(Array.from(modules, ([path, found]) => [path, loraModule(path, found, config)])), saved };
  const bases = readBases(tensors, modules, config);
  return {
    config,
    modules: new Map(Array.from(modules, ([path, found]) => [path, randloraModule(path, found, config, bases)])),
    bases,
    saved,
  };
}

function file(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw new FormatError("missing", `The adapter folder has no ${name}.`);
  return bytes;
}

/** Entries of each module by part; `rest` holds what is no part of an adapter, by its name in the bare model. */
function group(
  tensors: ReadonlyMap<string, Entry>,
  parts: Readonly<Record<string, string>>,
): { modules: Map<string, Map<string, Entry>>; rest: Map<string, Entry> } {
  const modules = new Map<string, Map<string, Entry>>();
  const rest = new Map<string, Entry>();
  for (const [key, entry] of tensors) {
    if (key === `${ROOT}randlora_A` || key === `${ROOT}randlora_B`) continue;
    if (!key.startsWith(PREFIX)) throw new FormatError("key", `The adapter's tensor "${key}" does not begin with ${PREFIX}`);
    const name = key.slice(PREFIX.length);
    const [part, suffix] = Object.entries(parts).find(([, end]) => name.endsWith(end)) ?? [];
    if (part === undefined || suffix === undefined) {
      rest.set(name, entry);
    } else {
      const path = name.slice(0, -suffix.length);
      modules.set(path, (modules.get(path) ?? new Map<string, Entry>()).set(part, entry));
    }
  }
  if (modules.size === 0) throw new FormatError("missing", "The adapter has no adapted module.");
  return { modules, rest };
}

/** The tensor of an entry; axes given as undefined may have any size. Throws FormatError "missing" or "shape". */
function take(entry: Entry | undefined, name: string, shape: readonly (number | undefined)[]): FloatTensor {
  if (!entry) throw new FormatError("missing", `The adapter has no tensor "${name}".`);
  if (entry.shape.length !== shape.length || shape.some((n, axis) => n !== undefined && n !== entry.shape[axis])) {
    throw new FormatError(
      "shape",
      `The adapter's tensor "${name}" has the shape [${entry.shape}]; its config asks for [${shape.map((n) => n ?? "any")}].`,
    );
  }
  return { shape: entry.shape, data: toFloat32(entry) };
}

function loraModule(path: string, found: ReadonlyMap<string, Entry>, { r, useDora }: LoraConfig): LoraModule {
  const A = take(found.get("A"), path + LORA_PARTS.A, [r, undefined]);
  const B = take(found.get("B"), path + LORA_PARTS.B, [undefined, r]);
  if (useDora) return { A, B, magnitude: take(found.get("magnitude"), path + LORA_PARTS.magnitude, [B.shape[0]]) };
  if (found.has("magnitude"))
    throw new FormatError("config", `The adapter has "${path}${LORA_PARTS.magnitude}", but its config says that it is not DoRA.`);
  return { A, B };
}

function randloraModule(
  path: string,
  found: ReadonlyMap<string, Entry>,
  { r }: RandloraConfig,
  bases: RandloraBases | undefined,
): RandloraModule {
  const gamma = take(found.get("gamma"), path + RANDLORA_PARTS.gamma, [undefined, undefined]);
  const [n = 0, least = 0] = gamma.shape;
  if (n !== Math.ceil(least / r))
    throw new FormatError(
      "shape",
      `The adapter's tensor "${path}${RANDLORA_PARTS.gamma}" has the shape [${gamma.shape}]; with r = ${r} the first size must be ${Math.ceil(least / r)}.`,
    );
  const [, , width = 0] = bases?.A.shape ?? [];
  if (bases && least > width)
    throw new FormatError("shape", `Module "${path}" needs bases of width ${least}; the adapter's have ${width}.`);
  return { lambda: take(found.get("lambda"), path + RANDLORA_PARTS.lambda, [r, n]), gamma };
}

/** PEFT up to 0.21 writes the pair once for the model and again for every module; any one copy is enough, but all must agree. */
function readBases(
  tensors: ReadonlyMap<string, Entry>,
  modules: ReadonlyMap<string, ReadonlyMap<string, Entry>>,
  { r, saveProjection }: RandloraConfig,
): RandloraBases | undefined {
  const one = (part: "A" | "B"): Entry | undefined => {
    const copies = [tensors.get(`${ROOT}randlora_${part}`), ...Array.from(modules.values(), (found) => found.get(part))].filter(
      (entry) => entry !== undefined,
    );
    const [first, ...others] = copies;
    if (first && !others.every((other) => isSame(first, other)))
      throw new FormatError("config", `The copies of randlora_${part} in the adapter differ; RandLoRA shares one among all modules.`);
    return first;
  };
  const [a, b] = [one("A"), one("B")];
  if (!a && !b && !saveProjection) return undefined;
  const A = take(a, "randlora_A", [r, 1, undefined]);
  const [, , width = 0] = A.shape;
  return { A, B: take(b, "randlora_B", [undefined, Math.ceil(width / r), r]) };
}

/** Equal to the last bit. A plain loop: the copies in one file may add up to gigabytes. */
function isSame(a: Entry, b: Entry): boolean {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  for (let i = 0; i < a.data.length; i++) if (a.data[i] !== b.data[i]) return false;
  return true;
}

/** Every tensor that is no part of an adapter must belong to a module the config names, and each named module must be there: PEFT cannot load it otherwise. */
function readSaved(rest: ReadonlyMap<string, Entry>, names: readonly string[]): Map<string, FloatTensor> {
  const belongs = (tensor: string, module: string): boolean => `.${tensor}`.includes(`.${module}.`);
  for (const name of names) {
    if (![...rest.keys()].some((tensor) => belongs(tensor, name)))
      throw new FormatError("missing", `The config saves the module "${name}", but the adapter has no tensor of it.`);
  }
  return new Map(
    Array.from(rest, ([tensor, entry]) => {
      if (!names.some((name) => belongs(tensor, name)))
        throw new FormatError("key", `The adapter's tensor "${tensor}" belongs to no adapted or saved module.`);
      return [tensor, { shape: entry.shape, data: toFloat32(entry) }];
    }),
  );
}

/**
 * The files of a folder, ready for PEFT ≥ 0.16: file name → bytes. Bases are written once, at model level.
 * For PEFT to load RandLoRA bases their shapes must follow from `config.targetModules` in the whole model: MN, MX over all layers it matches.
 * Throws FormatError when the tensors do not fit the config, as the reader would.
 */
export function writePeft(folder: PeftFolder): Map<string, Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, FloatTensor>();
  const add = (path: string, module: object, parts: Readonly<Record<string, string>>): void => {
    for (const [part, value] of Object.entries(module) as [string, FloatTensor][]) tensors.set(PREFIX + path + parts[part], value);
  };
  if (isLora(folder)) {
    for (const [path, module] of folder.modules) add(path, module, LORA_PARTS);
  } else {
    for (const [path, module] of folder.modules) add(path, module, RANDLORA_PARTS);
    if (folder.bases) tensors.set(`${ROOT}randlora_A`, folder.bases.A).set(`${ROOT}randlora_B`, folder.bases.B);
  }
  for (const [name, value] of folder.saved) tensors.set(PREFIX + name, value);
  const modules = new Set(Array.from(folder.saved.keys(), (name) => name.slice(0, name.lastIndexOf("."))));
  const files = new Map([
    [CONFIG, new TextEncoder().encode(`${JSON.stringify(writeConfig(folder.config, [...modules]), null, 2)}\n`)],
    [WEIGHTS, writeSafetensors(tensors)],
  ]);
  readPeft(files);
  return files;
}

/** Tells the two kinds of folder apart. */
export const isLora = (folder: PeftFolder): folder is LoraFolder => folder.config.method === "LORA";
