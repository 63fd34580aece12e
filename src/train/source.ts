/** Where a model comes from and which of its files are read: one description for the bundled model, the Hub and a dropped folder. */
import { isObject, type JsonObject, readObject } from "../formats/json.ts";
import { SourceError } from "./input.ts";
import { cardOf, licenceOf } from "./licence.ts";

export type ModelSource =
  /** `name`: a folder under public/models. */
  | { readonly kind: "bundled"; readonly name: string }
  /** `id`: "owner/name" on the Hub; `revision`: a commit, 40 hex digits. */
  | { readonly kind: "hub"; readonly id: string; readonly revision: string }
  /** `files` by path; nothing is read before the model is. */
  | { readonly kind: "folder"; readonly name: string; readonly files: ReadonlyMap<string, Blob> };

export interface LoadedModel {
  readonly source: ModelSource;
  readonly files: {
    readonly config: Uint8Array;
    /** One safetensors file, or the index and the shards it names. */
    readonly weights: Uint8Array | { readonly index: Uint8Array; readonly shards: ReadonlyMap<string, Uint8Array> };
    /** Parsed tokenizer.json and tokenizer_config.json. */
    readonly tokenizer?: { readonly tokenizer: object; readonly config: object };
    /** Parsed preprocessor_config.json. */
    readonly preprocess: unknown;
  };
  /** As the model card or the config states it: "apache-2.0". */
  readonly licence: string | undefined;
}

/** Bytes done of all, and the file they are of. */
export type OnProgress = (done: number, total: number, file: string) => void;

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const SHARD = /^model-(\d{5})-of-(\d{5})\.safetensors$/;
const PREPROCESS = "preprocessor_config.json";
/** transformers 5 writes this instead for models with a tokenizer, with the same fields below "image_processor". */
const PROCESSOR = "processor_config.json";
export const TOKENIZER = ["tokenizer.json", "tokenizer_config.json"] as const;
const CARD = "README.md";
/** Weights in forms that are not read here. */
const OTHER = /^(pytorch_model.*\.bin|tf_model\.h5|flax_model\.msgpack|.*\.(onnx|gguf|pt|pth|ckpt))$/;

/** The files of a model folder that are read. */
interface Plan {
  /** The small ones: configs, index, tokenizer, card. */
  readonly small: readonly string[];
  /** model.safetensors, or all shards in order. */
  readonly weights: readonly string[];
}

/**
 * Chooses among the names of a folder's files, as transformers does: model.safetensors goes before shards.
 * Throws SourceError "missing", "weights" (only other formats are there) or "several" (shards of two checkpoints). `where` names the folder.
 */
export function plan(names: Iterable<string>, where: string): Plan {
  const all = new Set(names);
  const need = (name: string, todo: string): string => {
    if (!all.has(name)) throw new SourceError("missing", `${where} has no ${name}.`, todo);
    return name;
  };
  const config = need("config.json", "Choose a model in Hugging Face's form: config.json, preprocessor_config.json and model.safetensors.");
  const sharded = !all.has(SINGLE) && all.has(INDEX);
  const weights = sharded ? shards(all, where) : [single(all, where)];
  const preprocess = all.has(PREPROCESS) || !all.has(PROCESSOR) ? PREPROCESS : PROCESSOR;
  need(preprocess, "It says how images are prepared. Take it from the model that this one was made from, and put it beside config.json.");
  const optional = [...(TOKENIZER.every((name) => all.has(name)) ? TOKENIZER : []), ...(all.has(CARD) ? [CARD] : [])];
  return { small: [config, preprocess, ...(sharded ? [INDEX] : []), ...optional], weights };
}

function single(all: ReadonlySet<string>, where: string): string {
  if (all.has(SINGLE)) return SINGLE;
  const other = [...all].filter((name) => OTHER.test(name)).sort()[0];
  if (other !== undefined)
    throw new SourceError(
      "weights",
      `${where} has its weights as ${other}; only safetensors can be opened.`,
      "Choose a model with model.safetensors, or convert this one: save_pretrained of transformers writes it.",
    );
  throw new SourceError("missing", `${where} has no ${SINGLE}.`, `Choose a model with ${SINGLE}, or with ${INDEX} and its shards.`);
}

function shards(all: ReadonlySet<string>, where: string): string[] {
  const found = [...all].filter((name) => SHARD.test(name)).sort();
  const counts = [...new Set(found.map((name) => SHARD.exec(name)?.[2] as string))];
  const [count = "00001"] = counts;
  if (counts.length > 1)
    throw new SourceError(
      "several",
      `${where} has shards of two checkpoints: of ${counts.map(Number).join(" and of ")}.`,
      `Keep the ones that ${INDEX} names.`,
    );
  const wanted = Array.from({ length: Number(count) }, (_, i) => `model-${String(i + 1).padStart(5, "0")}-of-${count}.safetensors`);
  const missing = wanted.find((name) => !all.has(name));
  if (missing !== undefined) throw new SourceError("missing", `${where} has no ${missing}.`, `All shards that ${INDEX} names are needed.`);
  return wanted;
}

/** A file that is about to be read. `size` in bytes where it is known. */
export interface Opened {
  readonly size: number | undefined;
  readonly stream: ReadableStream<Uint8Array>;
}

/** What the three kinds of source have in common. */
export interface Folder {
  readonly names: Iterable<string>;
  /** How errors call it: "the folder clip". */
  readonly where: string;
  open(name: string): Promise<Opened>;
}

export const opened = (blob: Blob): Opened => ({ size: blob.size, stream: blob.stream() });

/**
 * Reads a model; each file comes into memory once. Progress is told of the weights, where their size is known.
 * Throws SourceError; FormatError for JSON that is none.
 */
export async function readModel(source: ModelSource, folder: Folder, onProgress: OnProgress = () => undefined): Promise<LoadedModel> {
  const { small, weights } = plan(folder.names, folder.where);
  const read = async (name: string) => [name, await readAll(await folder.open(name), name, () => undefined)] as const;
  const bytes = new Map(await Promise.all(small.map(read)));
  const file = (name: string): Uint8Array => bytes.get(name) as Uint8Array;
  const json = (name: string): JsonObject => readObject(file(name), name);

  const preprocess = bytes.has(PREPROCESS) ? json(PREPROCESS) : json(PROCESSOR).image_processor;
  if (!isObject(preprocess))
    throw new SourceError("missing", `${folder.where}: ${PROCESSOR} has no "image_processor".`, `Put a ${PREPROCESS} beside it.`);
  const [tokenizer, tokenizerConfig] = TOKENIZER;
  const large = await readWeights(folder, weights, onProgress);
  return {
    source,
    files: {
      config: file("config.json"),
      weights: bytes.has(INDEX)
        ? { index: checkIndex(file(INDEX), large, folder.where), shards: large }
        : (large.get(SINGLE) as Uint8Array),
      ...(bytes.has(tokenizer) && { tokenizer: { tokenizer: json(tokenizer), config: json(tokenizerConfig) } }),
      preprocess,
    },
    licence: licenceOf(bytes.has(CARD) ? cardOf(new TextDecoder().decode(file(CARD))) : {}) ?? licenceOf(json("config.json")),
  };
}

async function readWeights(folder: Folder, names: readonly string[], onProgress: OnProgress): Promise<Map<string, Uint8Array>> {
  const files = await Promise.all(names.map(async (name) => [name, await folder.open(name)] as const));
  const total = files.reduce((sum, [, { size }]) => sum + (size ?? Number.NaN), 0);
  const read = new Map<string, Uint8Array>();
  let done = 0;
  for (const [name, file] of files) {
    const bytes = await readAll(file, name, (count) => {
      done += count;
      if (total) onProgress(done, total, name);
    });
    read.set(name, bytes);
  }
  return read;
}

/** Reads a stream to its end, into memory that is taken once where the size is known. `onBytes` gets the size of each piece. */
async function readAll({ size, stream }: Opened, name: string, onBytes: (count: number) => void): Promise<Uint8Array> {
  const again = "Try it again; a folder whose files have changed must be dropped again.";
  const unreadable = (cause: unknown) =>
    new SourceError("unreadable", `${name} could not be read (${cause instanceof Error ? cause.message : String(cause)}).`, again);
  if (size === undefined) {
    const buffer = await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer().catch((cause: unknown) => {
      throw unreadable(cause);
    });
    return new Uint8Array(buffer);
  }
  const all = new Uint8Array(size);
  const reader = stream.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw unreadable(cause);
    });
    if (done) break;
    if (at + value.length > size) throw unreadable(`it is longer than its ${size} bytes`);
    all.set(value, at);
    at += value.length;
    onBytes(value.length);
  }
  if (at < size) throw unreadable(`it ends after ${at} of ${size} bytes`);
  return all;
}

function checkIndex(index: Uint8Array, files: ReadonlyMap<string, Uint8Array>, where: string): Uint8Array {
  const { weight_map: map } = readObject(index, INDEX);
  const missing = isObject(map) ? Object.values(map).find((name) => typeof name !== "string" || !files.has(name)) : undefined;
  if (missing !== undefined)
    throw new SourceError("missing", `${where} has no ${String(missing)}, which ${INDEX} names.`, "All shards that it names are needed.");
  return index;
}
