/** Models that are there already: a dropped folder, and the one that is served with the page. */
import { SourceError } from "./input.ts";
import { type Folder, type LoadedModel, type ModelSource, type OnProgress, opened, readModel } from "./source.ts";

/**
 * Reads a dropped model. Its files may lie at any depth, but there must be one checkpoint.
 * Throws SourceError ("several", "missing", "weights", "unreadable"), FormatError.
 */
export async function readFolder(source: Extract<ModelSource, { kind: "folder" }>, onProgress?: OnProgress): Promise<LoadedModel> {
  const where = `The folder ${source.name}`;
  const top = checkpointIn(source.files, where);
  const files = new Map([...source.files].filter(([path]) => parent(path) === top).map(([path, file]) => [path.slice(top.length), file]));
  const open: Folder["open"] = (name) => Promise.resolve(opened(files.get(name) as Blob));
  return readModel(source, { names: files.keys(), where, open }, onProgress);
}

/** "a/b/config.json" → "a/b/", "config.json" → "". */
const parent = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1);

/** The folder with the checkpoint: the one with weights, else, for an error that says what is missing, the one with a config. */
export function checkpointIn(files: ReadonlyMap<string, Blob>, where: string): string {
  const paths = [...files.keys()];
  const holding = (name: RegExp): string[] => [...new Set(paths.filter((path) => name.test(path)).map(parent))].sort();
  const weights = holding(/(^|\/)model\.safetensors(\.index\.json)?$/);
  if (weights.length > 1)
    throw new SourceError(
      "several",
      `${where} has ${weights.length} checkpoints: in ${weights.map((folder) => folder || "its top").join(", ")}.`,
      "Drop the one that you mean.",
    );
  return weights[0] ?? holding(/(^|\/)config\.json$/)[0] ?? parent(paths[0] ?? "");
}

/** A web server lists no folders: these are the files that a bundled model has. */
const BUNDLED = [
  "config.json",
  "preprocessor_config.json",
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
  "README.md",
] as const;

/**
 * Fetches a bundled model. `models`: address of the folder that holds the models' folders, with "/" at its end.
 * Throws SourceError ("network", "missing"), FormatError.
 */
export function readBundled(
  source: Extract<ModelSource, { kind: "bundled" }>,
  models: string,
  onProgress?: OnProgress,
): Promise<LoadedModel> {
  const open: Folder["open"] = async (name) => {
    const response = await fetch(`${models}${source.name}/${name}`).catch((cause: unknown) => {
      throw new SourceError(
        "network",
        `The model's ${name} could not be loaded (${String(cause)}).`,
        "Check the connection and try again.",
      );
    });
    if (!response.ok || !response.body)
      throw new SourceError(
        "missing",
        `The model's ${name} could not be loaded (${response.status} ${response.statusText}).`,
        "Reload the page; if it happens again, choose another model.",
      );
    // The length of a body that was packed for the way says nothing about the file's.
    const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
    return { size: length === null ? undefined : Number(length), stream: response.body };
  };
  return readModel(source, { names: BUNDLED, where: `The model ${source.name}`, open }, onProgress);
}
