/**
 * Datasets that outlive the tab: their tables in the browser's database, their images in packs. A dataset whose images lie in memory
 * cannot be kept.
 */
import type { DBSchema } from "idb";
import { databaseOf } from "./database.ts";
import type { Dataset, Pixels, Preprocess } from "./dataset.ts";
import { filesBelow, removeAt } from "./disk.ts";
import { pacer } from "./pace.ts";
import { indexOf, TOP } from "./pack.ts";

/** A kept dataset, and what else must come back with it. */
export interface Kept {
  readonly id: string;
  readonly dataset: Dataset;
  readonly prepared: Preprocess;
  /** The sample set that it is, as it came. */
  readonly sample: string | null;
  /** When it was kept, in milliseconds since 1970. */
  readonly at: number;
}

/** A kept dataset without its tables. */
export interface Shelved {
  readonly id: string;
  readonly name: string;
  readonly sample: string | null;
  readonly images: number;
  readonly classes: number;
  readonly at: number;
  /** Files and pixels; what two datasets share counts for both. */
  readonly bytes: number;
}

/** As it lies in the database: a hundred thousand texts as one are read and written without a pause. */
interface Row extends Omit<Kept, "dataset"> {
  readonly dataset: Omit<Dataset, "sources" | "digests"> & { readonly sources: string; readonly digests?: string | undefined };
}

interface Tables extends DBSchema {
  datasets: { key: string; value: Row };
}
const database = databaseOf<Tables>("fullrank-images", (made) => made.createObjectStore("datasets", { keyPath: "id" }));

/** No file system has it in a name. */
const BETWEEN = "\0";
const DIGEST = 64;

export function canKeep({ packs }: Pixels): boolean {
  return packs.every((pack) => typeof pack === "string");
}

/** Keeps a dataset under its id, in place of what was there. Throws where the browser has no room. */
export async function keep(kept: Kept): Promise<void> {
  const { sources, digests, ...rest } = kept.dataset;
  const pause = pacer();
  const join = async (texts: readonly string[], tidy: (text: string) => string, between: string) => {
    const tidied: string[] = [];
    for (const text of texts) {
      tidied.push(tidy(text));
      await pause();
    }
    return tidied.join(between);
  };
  const row: Row = {
    ...kept,
    dataset: {
      ...rest,
      sources: await join(sources, (source) => source.replaceAll(BETWEEN, " "), BETWEEN),
      // Images without a digest have an empty one: they take their place all the same.
      digests: digests && (await join(digests, (hex) => hex.padEnd(DIGEST), "")),
    },
  };
  await (await database()).put("datasets", row);
}

/** Undefined when there is none of that id. Throws Error when it cannot be read any more. */
export async function recall(id: string): Promise<Kept | undefined> {
  const row = await (await database()).get("datasets", id);
  return row && { ...row, dataset: unfold(row.dataset) };
}

export async function forget(id: string): Promise<void> {
  await (await database()).delete("datasets", id);
}

/** What is kept, the newest first. */
export async function shelved(): Promise<readonly Shelved[]> {
  const sizes = new Map((await filesBelow(TOP)).map(({ path, size }) => [path, size]));
  const bytesOf = (packs: readonly string[]) =>
    packs.reduce((sum, pack) => sum + (sizes.get(pack) ?? 0) + (sizes.get(indexOf(pack)) ?? 0), 0);
  return (await rows())
    .map(({ id, sample, at, dataset }) => ({
      id,
      name: dataset.name,
      sample,
      images: dataset.labels.length,
      classes: dataset.classes.length,
      at,
      bytes: bytesOf(packsOf(dataset)),
    }))
    .sort((a, b) => b.at - a.at);
}

/** A kept dataset that is no sample set and holds the very same images in the same classes, by its id. */
export async function findSame({ labels, classes, digests }: Dataset): Promise<string | undefined> {
  // Nobody can tell whether images without a digest are the same.
  if (!digests || digests.some((digest) => digest.length !== DIGEST)) return undefined;
  const same = ({ sample, dataset }: Row): boolean =>
    sample === null &&
    dataset.labels.length === labels.length &&
    dataset.classes.join(BETWEEN) === classes.join(BETWEEN) &&
    labels.every((label, i) => dataset.labels[i] === label && dataset.digests?.startsWith(digests[i] ?? BETWEEN, i * DIGEST));
  return (await rows()).find(same)?.id;
}

/** Removes the packs that no kept dataset needs, such as those of an import that was broken off. */
async function sweep(): Promise<void> {
  const needed = new Set((await rows()).flatMap(({ dataset }) => packsOf(dataset)));
  const wanted = new Set([...needed].flatMap((pack) => [pack, indexOf(pack)]));
  for (const { path } of await filesBelow(TOP)) if (!wanted.has(path)) await removeAt(path);
}

const PRESENCE = "fullrank images";
let present: Promise<void> | undefined;
let leave: () => void = () => undefined;

/**
 * To be called before anything is read or written: while a tab is present no other removes packs. The first one that is alone sweeps.
 */
export function enter(): Promise<void> {
  present ??= begin();
  return present;
}

/** Gives room back at once, if no other tab is there; else it is done when the last has gone. Not while this tab imports. */
export async function tidy(): Promise<void> {
  await enter();
  leave();
  present = begin({ signal: AbortSignal.timeout(PATIENCE_MS) });
  await present;
}

async function begin(alone: LockOptions = { ifAvailable: true }): Promise<void> {
  const { locks } = navigator;
  if (!locks) return;
  await locks.request(PRESENCE, alone, (lock) => lock && sweep()).catch(() => undefined);
  await new Promise<void>((entered) => {
    void locks.request(PRESENCE, { mode: "shared" }, () => {
      entered();
      return new Promise<void>((left) => (leave = left));
    });
  });
}

/** Long enough for another tab that is being closed to let go. */
const PATIENCE_MS = 1000;
/** A busy machine takes seconds to end the page that this one was before it was reloaded. */
const RELOAD_MS = 15_000;

/**
 * Makes this tab the one that writes a dataset, until the function that it gives is called. Undefined where another tab is: at once,
 * for who waited would be given it while that tab is reloaded, and write over what it did. `again`: this tab had it before it was
 * reloaded itself.
 */
export async function claim(id: string, again = false): Promise<(() => void) | undefined> {
  const { locks } = navigator;
  if (!locks) return () => undefined;
  return new Promise((resolve) => {
    const options = again ? { signal: AbortSignal.timeout(RELOAD_MS) } : { ifAvailable: true };
    const hold = (lock: Lock | null) => (lock ? new Promise<void>((release) => resolve(release)) : resolve(undefined));
    locks.request(`${PRESENCE} ${id}`, options, hold).catch(() => resolve(undefined));
  });
}

/** The datasets that some tab has, this one or another. */
export async function claimed(): Promise<ReadonlySet<string>> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const prefix = `${PRESENCE} `;
  return new Set(held.flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : [])));
}

const packsOf = ({ pixels, files = [] }: Pick<Dataset, "pixels" | "files">): string[] => [
  ...pixels.packs.filter((pack) => typeof pack === "string"),
  ...files,
];

async function rows(): Promise<readonly Row[]> {
  return (await database()).getAll("datasets");
}

function unfold({ sources, digests, ...rest }: Row["dataset"]): Dataset {
  const count = rest.labels.length;
  const names = count === 0 ? [] : sources.split(BETWEEN);
  const places = [rest.pixels.pack.length, rest.pixels.row.length, names.length, (digests?.length ?? count * DIGEST) / DIGEST];
  if (places.some((length) => length !== count)) throw new Error(`The table of ${rest.name} is damaged.`);
  const own = digests === undefined ? {} : { digests: names.map((_, i) => digests.slice(i * DIGEST, (i + 1) * DIGEST).trimEnd()) };
  return { ...rest, sources: names, ...own };
}
