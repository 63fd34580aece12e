/** What files are: a model, an adapter, or images. A model's folder and an adapter's look alike, but for one name. */
import { fromDrop } from "../data/folder.ts";
import { openAdapter, refuseAdapter } from "./adopted.ts";
import type { Entry } from "./archive.ts";
import { importFiles, importListed } from "./images.ts";
import { addFolder, factsOf, useModels } from "./models.ts";
import { askFiles } from "./predictions.ts";

type Kind = "model" | "adapter" | "images";

/** By the names of the files, wherever they lie. */
export function kindOf(paths: Iterable<string>): Kind {
  const names = new Set(Array.from(paths, (path) => path.replace(/^.*\//, "")));
  if (names.has("adapter_config.json")) return "adapter";
  // Weights in other forms cannot be read, but that is what is to be said of them, and not that they hold no images.
  const weights = [...names].some((name) =>
    /^model.*\.safetensors(\.index\.json)?$|^pytorch_model.*\.bin$|^tf_model\.h5$|^flax_model\.msgpack$/.test(name),
  );
  return names.has("config.json") && weights ? "model" : "images";
}

interface Found {
  /** Of the folder or the zip. */
  readonly name: string;
  readonly entries: readonly Entry[];
}

/** Takes what was dropped; images go to `className`, or are asked about. Call it inside the event: browsers empty the list afterwards. */
export async function takeDrop(items: Iterable<DataTransferItem>, images: { readonly className?: string; readonly ask?: boolean } = {}) {
  const list = [...items];
  const files = list.map((item) => item.getAsFile()).filter((file) => file !== null);
  const entries = list.map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const source = fromDrop(list, images.className);
  source.catch(() => undefined); // told where it is used
  if (await takeFound(await lookInto(entries, files))) return;
  if (images.ask) await askFiles(files);
  else await importListed(source, images.className);
}

/** The same for files that were chosen. */
export async function takeFiles(files: readonly File[]): Promise<void> {
  const found = await lookAt(files);
  if (!(await takeFound(found))) await importFiles(files);
}

/** For the button that asks for an adapter: anything else is refused. */
export async function takeAdapter(files: readonly File[]): Promise<void> {
  const found = await lookAt(files);
  if (found && kindOf(found.entries.map(({ path }) => path)) === "adapter") await takeFound(found);
  else refuseAdapter(`${files.length === 1 ? files[0]?.name : "The folder"} holds no adapter_config.json, so it is no adapter.`);
}

/** For the button that asks for a model. The model's name; undefined when there is none in it. */
export async function takeModel(files: readonly File[]): Promise<string | undefined> {
  const found = await lookAt(files);
  return found && kindOf(found.entries.map(({ path }) => path)) === "model" ? openModel(found) : undefined;
}

function lookAt(files: readonly File[]): Promise<Found | undefined> {
  const [first] = files;
  if (files.length === 1 && first && isZip(first.name)) return lookIntoZip(first);
  const entries = files.map((file) => ({ path: file.webkitRelativePath || file.name, open: async () => file }));
  return Promise.resolve({ name: first?.webkitRelativePath.split("/")[0] || "folder", entries });
}

const isZip = (name: string): boolean => /\.zip$/i.test(name);

async function lookIntoZip(file: File): Promise<Found> {
  const { entriesOf } = await import("./archive.ts");
  return { name: file.name.replace(/( ?\(\d+\))?\.zip$/i, ""), entries: await entriesOf(file) };
}

/** Whether it was taken. */
async function takeFound(found: Found | undefined): Promise<boolean> {
  const kind = found ? kindOf(found.entries.map(({ path }) => path)) : "images";
  if (!found || kind === "images") return false;
  if (kind === "model") useModels.setState({ dropped: await openModel(found) });
  else await readAdapter(found);
  return true;
}

async function readAdapter({ name, entries }: Found): Promise<void> {
  const config = entries.find(({ path }) => /(^|\/)adapter_config\.json$/.test(path));
  const top = config?.path.replace(/[^/]*$/, "") ?? "";
  try {
    const inside = entries.filter(({ path }) => path.startsWith(top) && !path.slice(top.length).includes("/"));
    const read = async ({ path, open }: Entry) => [path.slice(top.length), new Uint8Array(await (await open()).arrayBuffer())] as const;
    const wanted = inside.filter(({ path }) => /adapter_(config\.json|model\.safetensors)$/.test(path));
    await openAdapter(name, new Map(await Promise.all(wanted.map(read))));
  } catch (error) {
    refuseAdapter(`${name} could not be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function openModel({ name, entries }: Found): Promise<string> {
  const files = new Map(await Promise.all(entries.map(async ({ path, open }) => [path, await open()] as const)));
  const model = addFolder(name, files);
  await factsOf(model).catch(() => undefined);
  return model;
}

/** Files directly in what was dropped, and in folders one level below: enough to tell what it is. */
async function lookInto(dropped: readonly FileSystemEntry[], files: readonly File[]): Promise<Found | undefined> {
  const [first] = dropped;
  const [file] = files;
  if (dropped.length === 1 && first?.isFile && file && isZip(file.name)) return lookIntoZip(file);
  const entries: Entry[] = [];
  const add = (entry: FileSystemEntry) => {
    if (!isFile(entry)) return;
    const open = () => new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    entries.push({ path: entry.fullPath.replace(/^\//, ""), open });
  };
  try {
    for (const entry of dropped) {
      add(entry);
      if (isDirectory(entry)) for (const child of await firstChildren(entry)) add(child);
    }
  } catch {
    return undefined; // The import says what could not be read.
  }
  return { name: first?.isDirectory ? first.name : "folder", entries };
}

/** The first hundred: folders of models hold few files, folders of images many. */
async function firstChildren(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => folder.createReader().readEntries(resolve, reject));
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isDirectory = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
