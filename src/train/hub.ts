/** Models of the Hugging Face Hub: looked at, downloaded into the browser with resume, and opened from there without the network. */
import { SourceError } from "./input.ts";
import { type Card, licenceOf } from "./licence.ts";
import type { Store } from "./opfs.ts";
import { asker, gated } from "./request.ts";
import { type LoadedModel, type ModelSource, type OnProgress, opened, plan, readModel } from "./source.ts";
import { CHECKED, type HubFile, noteOf, transfer } from "./transfer.ts";

/** A model at one commit. */
interface Pinned {
  readonly id: string;
  /** 40 hex digits. */
  readonly revision: string;
}

/** A model as it would be downloaded. */
export interface Inspection extends Pinned {
  readonly files: readonly HubFile[];
  /** Of all files. */
  readonly bytes: number;
  /** Of them, bytes that are in the browser already. */
  readonly cached: number;
  readonly licence: string | undefined;
}

export interface Cached extends Pinned {
  /** Bytes on the disk. */
  readonly bytes: number;
  /** False while a download is not finished: then it can be gone on with, and not opened. */
  readonly complete: boolean;
}

const folderOf = ({ id, revision }: Pinned): string => `${id}/${revision}/`;

export class Hub {
  readonly #store: Store;
  readonly #url: string;

  /** `url`: address of a Hub, without "/" at its end. */
  constructor(store: Store, url = "https://huggingface.co") {
    this.#store = store;
    this.#url = url;
  }

  /**
   * Looks a model up without downloading any of it. `revision`: a branch, tag or commit; the main branch where undefined.
   * Throws SourceError ("network", "gated", "missing", "busy", "server", "weights", …).
   */
  async inspect(id: string, revision?: string, signal?: AbortSignal): Promise<Inspection> {
    const { listFiles, modelInfo } = await import("@huggingface/hub");
    const asked = { id, ...(revision !== undefined && { revision }) };
    const where = { hubUrl: this.#url, fetch: asker(asked, signal) };
    const info = await modelInfo({
      name: id,
      additionalFields: ["sha", "cardData"],
      ...(revision !== undefined && { revision }),
      ...where,
    });
    if (info.gated) throw gated(info.name);
    if (!/^[0-9a-f]{40}$/.test(info.sha)) throw new SourceError("server", `The Hub names no commit of ${id}.`, "Try again later.");
    const model = { id: info.name, revision: info.sha };
    const found = new Map<string, HubFile>();
    for await (const { type, path, size, oid, lfs } of listFiles({ repo: model.id, revision: model.revision, ...where })) {
      if (type === "file") found.set(path, { name: path, size, digest: lfs ? `sha256:${lfs.oid}` : `git:${oid}` });
    }
    const { small, weights } = plan(found.keys(), model.id);
    const files = [...small, ...weights].map((name) => found.get(name) as HubFile);
    const kept = await Promise.all(files.map((file) => this.#kept(model, file)));
    return {
      ...model,
      files,
      bytes: sum(files.map(({ size }) => size)),
      cached: sum(kept.map(({ bytes }) => bytes)),
      licence: licenceOf((info.cardData ?? {}) as Card),
    };
  }

  /**
   * Downloads what is not in the browser yet, small files first, and goes on with what broke off. Every file is checked before it counts
   * as there. Throws SourceError, or the signal's reason; what has come is kept for the next call.
   */
  async download(model: Inspection, { onProgress, signal }: { onProgress?: OnProgress; signal?: AbortSignal } = {}): Promise<void> {
    const kept = await Promise.all(model.files.map((file) => this.#kept(model, file)));
    const have = kept.map(({ bytes }) => bytes);
    let told = 0;
    for (const [i, file] of model.files.entries()) {
      const tell = (bytes: number) => {
        have[i] = bytes;
        told = Math.max(told, sum(have)); // a file that must be begun again does not turn progress back
        onProgress?.(told, model.bytes, file.name);
      };
      tell(have[i] as number);
      if (kept[i]?.checked) continue;
      const path = folderOf(model) + file.name;
      const url = `${this.#url}/${model.id}/resolve/${model.revision}/${file.name}`;
      const asked = { id: model.id, revision: model.revision, file: file.name };
      await transfer({ store: this.#store, path, file, url, asked, from: have[i] as number, onBytes: tell, signal });
    }
  }

  /** Opens a model that is in the browser, without the network. Throws SourceError "missing" when it is not, or not to its end. */
  async open(model: Pinned, onProgress?: OnProgress): Promise<LoadedModel> {
    const source: ModelSource = { kind: "hub", id: model.id, revision: model.revision };
    const names = checkedIn(await this.#store.list(), folderOf(model));
    if (!isComplete(names))
      throw new SourceError("missing", `${model.id} is not in this browser to its end.`, "Download it; what is there is kept.");
    const open = async (name: string) => opened((await this.#store.read(folderOf(model) + name)) as Blob);
    return readModel(source, { names, where: model.id, open }, onProgress);
  }

  /** The models that are in the browser, whole or in part. */
  async listCached(): Promise<readonly Cached[]> {
    const files = await this.#store.list();
    const folders = new Set(files.map(({ path }) => path.slice(0, path.lastIndexOf("/") + 1)));
    return [...folders].sort().map((folder) => {
      const [owner, name, revision] = folder.split("/") as [string, string, string];
      const bytes = sum(files.filter(({ path }) => path.startsWith(folder)).map(({ size }) => size));
      return { id: `${owner}/${name}`, revision, bytes, complete: isComplete(checkedIn(files, folder)) };
    });
  }

  async remove(model: Pinned): Promise<void> {
    await this.#store.remove(`${model.id}/${model.revision}`);
  }

  /** What there is of a file: its good bytes, and whether they are all there and were checked. */
  async #kept(model: Pinned, file: HubFile): Promise<{ readonly bytes: number; readonly checked: boolean }> {
    const path = folderOf(model) + file.name;
    const [there, note] = await Promise.all([this.#store.read(path), this.#store.read(path + CHECKED)]);
    if (!there || there.size > file.size) return { bytes: 0, checked: false };
    if (!note) return { bytes: there.size, checked: false };
    const checked = there.size === file.size && (await note.text()) === noteOf(file);
    return { bytes: checked ? file.size : 0, checked };
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** Names of the files of a folder that were checked. */
function checkedIn(files: Awaited<ReturnType<Store["list"]>>, folder: string): string[] {
  const paths = new Set(files.map(({ path }) => path));
  return [...paths].filter((path) => path.startsWith(folder) && paths.has(path + CHECKED)).map((path) => path.slice(folder.length));
}

/** Weights come last, so with them everything is there. */
function isComplete(names: readonly string[]): boolean {
  try {
    plan(names, "");
    return true;
  } catch {
    return false;
  }
}
