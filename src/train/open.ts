/** Models by the name that a run's config has for them: what they are, and their files. */
import { FormatError } from "../formats/error.ts";
import { readObject } from "../formats/json.ts";
import { headerEnd, readHeader } from "../formats/safetensors.ts";
import { checkpointIn, readBundled, readFolder } from "./folder.ts";
import type { Hub } from "./hub.ts";
import { SourceError } from "./input.ts";
import { cardOf, licenceOf } from "./licence.ts";
import { parseId } from "./modelid.ts";
import { openStore, type Store } from "./opfs.ts";
import type { ModelFound, Sources } from "./protocol.ts";
import { type LoadedModel, type OnProgress, plan, TOKENIZER } from "./source.ts";

type Place =
  | { readonly kind: "bundled"; readonly name: string }
  | { readonly kind: "folder"; readonly name: string }
  | { readonly kind: "hub"; readonly id: string; readonly revision?: string };

/** "clip-tiny", "folder:name", "owner/name@revision" or an address on the Hub. */
function placeOf(model: string): Place {
  if (model.startsWith("folder:")) return { kind: "folder", name: model.slice("folder:".length) };
  if (!model.includes("/")) return { kind: "bundled", name: model };
  const [id = "", revision] = model.split("@");
  const place = parseId(id);
  return { kind: "hub", ...place, ...(revision !== undefined && { revision }) };
}

async function openHub(): Promise<{ readonly hub: Hub; readonly files: Store }> {
  const [files, { Hub }] = await Promise.all([openStore("models"), import("./hub.ts")]);
  return { hub: new Hub(files), files };
}

/**
 * What is known before the weights are fetched. Of a Hub model the small files are downloaded.
 * Throws SourceError, FormatError.
 */
export async function inspectModel(model: string, sources: Sources): Promise<ModelFound> {
  const place = placeOf(model);
  if (place.kind === "hub") return inspectHub(place.id, place.revision);
  if (place.kind === "folder") {
    const files = folderOf(sources);
    const top = checkpointIn(files, `The folder ${place.name}`);
    const own = [...files.keys()].filter((path) => path.startsWith(top) && !path.slice(top.length).includes("/"));
    const names = new Set(own.map((path) => path.slice(top.length)));
    const { weights } = plan(names, `The folder ${place.name}`);
    for (const name of weights) await checkHeader(files.get(top + name), name);
    const bytes = own.reduce((sum, path) => sum + (files.get(path)?.size ?? 0), 0);
    const small = await readSmall((name) => Promise.resolve(files.get(top + name)), names);
    return { ...small, model, name: place.name, bytes, present: bytes };
  }
  const at = async (name: string): Promise<Blob | undefined> => {
    const response = await fetch(`${sources.models}${place.name}/${name}`).catch(() => undefined);
    return response?.ok ? response.blob() : undefined;
  };
  const weights = await fetch(`${sources.models}${place.name}/model.safetensors`, { method: "HEAD" }).catch(() => undefined);
  const bytes = Number(weights?.headers.get("content-length") ?? 0);
  const small = await readSmall(at, new Set(["config.json", "preprocessor_config.json", ...TOKENIZER, "README.md"]));
  return { ...small, model, name: BUNDLED[place.name] ?? place.name, bytes, present: bytes };
}

async function inspectHub(asked: string, wanted: string | undefined): Promise<ModelFound> {
  const { hub, files } = await openHub();
  // A model that is here to its end, at the commit that is asked for, needs no network.
  const here = (await hub.listCached()).find(({ id, revision, complete }) => complete && id === asked && revision === wanted);
  const found = here ?? (await hub.inspect(asked, wanted));
  const { id, revision, bytes } = found;
  const folder = `${id}/${revision}/`;
  if ("files" in found) await hub.download({ ...found, files: found.files.filter(({ name }) => !name.endsWith(".safetensors")) });
  const names = new Set((await files.list()).filter(({ path }) => path.startsWith(folder)).map(({ path }) => path.slice(folder.length)));
  const small = await readSmall((name) => files.read(folder + name), names);
  const present = "files" in found ? (await hub.inspect(id, revision)).cached : bytes;
  const stated = "files" in found ? found.licence : undefined;
  return { ...small, model: `${id}@${revision}`, name: id, bytes, present, ...(stated && { licence: stated }) };
}

/** That a file is whole, by its header alone: weights may be large, and are read when training begins. Throws FormatError. */
async function checkHeader(file: Blob | undefined, name: string): Promise<void> {
  if (!file) return;
  const bytes = async (from: number, to: number) => new Uint8Array(await file.slice(from, to).arrayBuffer());
  try {
    const start = headerEnd(await bytes(0, 8), file.size);
    readHeader(await bytes(8, start), file.size - start);
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(error.fault, `${name} is damaged. ${error.message}`);
    throw error;
  }
}

/** Titles of the models that come with the page. */
const BUNDLED: Readonly<Record<string, string>> = { "clip-tiny": "CLIP-tiny" };

async function readSmall(
  at: (name: string) => Promise<Blob | undefined>,
  names: ReadonlySet<string>,
): Promise<Pick<ModelFound, "config" | "preprocess" | "licence" | "tokenizer">> {
  const json = async (name: string) => {
    const file = await at(name);
    if (!file) throw new SourceError("missing", `The model has no ${name}.`, "Choose a model in Hugging Face's form, with safetensors.");
    return readObject(new Uint8Array(await file.arrayBuffer()), name);
  };
  const config = await json("config.json");
  const preprocess = names.has("preprocessor_config.json")
    ? await json("preprocessor_config.json")
    : (await json("processor_config.json")).image_processor;
  const card = names.has("README.md") ? await at("README.md") : undefined;
  const licence = licenceOf(card ? cardOf(await card.text()) : {}) ?? licenceOf(config) ?? null;
  return { config, preprocess, licence, tokenizer: TOKENIZER.every((name) => names.has(name)) };
}

function folderOf({ folder }: Sources): ReadonlyMap<string, Blob> {
  if (folder) return folder;
  throw new SourceError("missing", "The model's folder is not here any more.", "Drop it on the page again.");
}

/** Downloads a Hub model into the browser's storage; others are there. Throws SourceError, or the signal's reason. */
export async function fetchModel(model: string, onProgress: OnProgress, signal: AbortSignal): Promise<void> {
  const place = placeOf(model);
  if (place.kind !== "hub") return;
  const { hub } = await openHub();
  await hub.download(await hub.inspect(place.id, place.revision), { onProgress, signal });
}

/** All files of a model. Throws SourceError, FormatError. */
export async function openModel(model: string, sources: Sources, onProgress: OnProgress): Promise<LoadedModel> {
  const place = placeOf(model);
  if (place.kind === "bundled") return readBundled(place, sources.models, onProgress);
  if (place.kind === "folder") return readFolder({ ...place, files: folderOf(sources) }, onProgress);
  const { hub } = await openHub();
  const { id, revision } = place;
  if (!revision) throw new SourceError("id", `${id} names no revision.`, "Look the model up on the page first.");
  return hub.open({ id, revision }, onProgress);
}
