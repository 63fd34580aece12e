/** From a source to a dataset: order, duplicates, report, progress. Pure but for the clock; decoding is handed in. */

import { checkDataset } from "./check.ts";
import type { Dataset, ImportReport, Note, NoteKind, Part } from "./dataset.ts";
import type { Preparer } from "./decoder.ts";
import { pacer } from "./pace.ts";
import { Places } from "./pixels.ts";
import type { Source } from "./source.ts";
import { inOrder } from "./stream.ts";

export interface Progress {
  /** Files tried so far, of `total` candidates. */
  readonly seen: number;
  readonly total: number;
  readonly taken: number;
  /** Images taken per second since the import began. */
  readonly perSecond: number;
  /** A few of the images decoded since the last event, (size, size, 3) RGB each, newest last. */
  readonly fresh: readonly Uint8Array[];
}

export interface ImportOptions {
  /** Called at most ten times a second, and once at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the import early; what is in stays in. */
  readonly signal?: AbortSignal | undefined;
  /** Images are added to this dataset (which is left as it is), and compared with it for duplicates. */
  readonly into?: Dataset | undefined;
  /** Files and pixels are kept in the browser's storage, where it has one; else the pixels are in memory. */
  readonly keep?: boolean | undefined;
}

export interface Imported {
  readonly dataset: Dataset;
  readonly report: ImportReport;
  /** Files that had to be decoded; the others were prepared before. */
  readonly decoded: number;
}

/** Pixels kept in memory at most, in bytes, where they are not kept on disk. */
const MAX_BYTES = 2 ** 30;
/** From here on it is said that they lie there. */
const LARGE_BYTES = 2 ** 26;
const FRESH = 6;
export const PROGRESS_MS = 100;
const BY_NAME = new Intl.Collator("en", { numeric: true });

/**
 * Reads every file of a source, in the order of the source whatever finishes first.
 * A file that cannot be taken becomes a note; nothing but a wrong call throws.
 * @param size side of the prepared images in pixels
 * @throws Error when `into` holds images of another size
 */
export async function collect(source: Source, size: number, preparer: Preparer, options: ImportOptions = {}): Promise<Imported> {
  const { onProgress, signal, into } = options;
  if (into !== undefined && into.size !== size) {
    throw new Error(`Images of ${size} pixels cannot join a dataset of ${into.size} pixels.`);
  }
  const began = performance.now();
  const notes: Note[] = [...source.notes];
  const warnings: string[] = [...source.warnings];
  const start = into?.labels.length ?? 0;
  // What is there, and then what is taken: kept in the form of the dataset, so that the end is no long work on 100,000 images.
  const sources = into?.sources.slice() ?? [];
  const digests = into?.digests?.slice() ?? new Array<string>(start).fill(""); // images without a digest match nothing
  const parts = into?.parts?.slice() ?? new Array<Part | null>(start).fill(null);
  /** Class names of what is taken. */
  const own: string[] = [];
  const named = new Set<string>();
  /** Those of images that were there before. */
  const there = new Set<string>();
  const classOf = (image: number) => (image < start ? into?.classes[into.labels[image] ?? 0] : own[image - start]) ?? "";
  const known = new Map<string, number>();
  const pause = pacer();
  for (const [image, digest] of digests.entries()) {
    if (digest !== "") known.set(digest, image);
    await pause();
  }
  const places = new Places(size);
  const files = new Set(into?.files);
  let [inMemory, unkept, full] = [0, 0, false];
  const held = into?.pixels.packs.reduce((sum, pack) => sum + (typeof pack === "string" ? 0 : pack.length), 0) ?? 0;
  const capacity = Math.floor((MAX_BYTES - held) / (size * size * 3));

  let fresh: readonly Uint8Array[] = [];
  let reportedAt = began;
  const report = (seen: number) => {
    reportedAt = performance.now();
    const perSecond = own.length / Math.max((reportedAt - began) / 1000, 1e-3);
    onProgress?.({ seen, total: source.files.length, taken: own.length, perSecond, fresh });
    fresh = [];
  };

  let [seen, decoded] = [0, 0];
  const room = () => !full && inMemory < capacity;
  for await (const settled of inOrder(source.files, preparer, signal)) {
    decoded = settled.decoded;
    settled.outcomes.forEach((outcome, i) => {
      const file = source.files[settled.first + i];
      full ||= outcome === "full";
      if (file === undefined || outcome === undefined || outcome === "full" || !room()) return;
      seen++;
      named.add(file.className);
      const note = (kind: NoteKind, reason: string, result: Note["outcome"] = "left out") =>
        notes.push({ source: file.path, kind, reason, outcome: result });
      if (!("prepared" in outcome)) {
        note(outcome.kind, outcome.reason);
        return;
      }
      const { at, digest, remark, file: pack } = outcome.prepared;
      const first = known.get(digest);
      if (first === undefined) {
        known.set(digest, sources.length);
        own.push(file.className);
        sources.push(file.path);
        digests.push(digest);
        parts.push(file.part ?? null);
        places.add(at);
        if (at instanceof Uint8Array) inMemory++;
        if (pack === undefined) unkept++;
        else files.add(pack);
        if (remark !== undefined) note("tiny", remark, "taken");
      } else if (first < start && (isBeside(sources[first] ?? "", file.path) || classOf(first) === file.className)) {
        // From the same folder as before: its class was renamed since, or the image moved.
        there.add(file.className);
        const kept = classOf(first) === file.className ? "" : `, which is kept as ${classOf(first)}`;
        note("there already", `the same file as ${sources[first]}${kept}`);
      } else if (classOf(first) === file.className) {
        note("duplicate", `the same file as ${sources[first]}`);
      } else {
        const where = `${sources[first]}, which is kept as ${classOf(first)}`;
        note("same picture in two classes", `same picture in two classes: the same file as ${where}`);
      }
    });
    fresh = [...fresh, ...settled.shown].slice(-FRESH);
    if (performance.now() - reportedAt >= PROGRESS_MS) report(seen);
    if (!room()) break;
    await pause();
  }
  report(seen);

  const unread = source.files.length - seen;
  if (unread > 0 && signal?.aborted) {
    warnings.push(`Stopped after ${seen} of ${source.files.length} files: the ${own.length} images read are kept.`);
  } else if (unread > 0) {
    const why = full ? "The browser's storage is full" : "The set is full";
    warnings.push(`${why} with ${own.length} new images: ${unread} more files were not read.`);
  } else {
    const filled = new Set([...(into?.classes ?? []), ...there, ...own]);
    const empty = [...named].filter((name) => !filled.has(name));
    for (const name of empty) warnings.push(`No image of ${name} could be taken, so it is not a class.`);
  }
  if (unkept > inMemory) {
    const lost = "they can be trained on, but not be prepared for another model or downloaded again.";
    warnings.push(`The browser's storage is full: the files of ${unkept - inMemory} images are not kept; ${lost}`);
  }
  if (inMemory * size * size * 3 > LARGE_BYTES) {
    warnings.push("This browser keeps no files for this page, as in a private window: the images lie in memory and go with this tab.");
  }
  // What follows passes over all images a few times.
  await pause();
  const whole = unkept === 0 && (into === undefined || into.labels.length === 0 || into.files !== undefined);
  const old = into?.classes ?? [];
  const added = [...new Set(own)].filter((className) => !old.includes(className)).sort(BY_NAME.compare);
  const classes = [...old, ...added];
  const labelOf = new Map(classes.map((className, label) => [className, label]));
  const labels = new Uint32Array(start + own.length);
  if (into !== undefined) labels.set(into.labels);
  for (const [i, className] of own.entries()) labels[start + i] = labelOf.get(className) ?? 0;
  const { files: _, ...before } = into ?? {};
  const dataset: Dataset = {
    ...before,
    name: into?.name ?? source.name,
    classes,
    size,
    pixels: places.end(into?.pixels),
    labels,
    sources,
    digests,
    ...(parts.some((part) => part !== null) && { parts }),
    ...(whole && { files: [...files] }),
  };
  await pause();
  warnings.push(...checkDataset(dataset));
  const leftOut = notes.filter((note) => note.outcome === "left out").length;
  return { dataset, report: { found: own.length + leftOut, taken: own.length, notes, warnings }, decoded };
}

/** Whether two paths are of one folder. */
function isBeside(a: string, b: string): boolean {
  const folder = a.slice(0, a.lastIndexOf("/") + 1);
  return folder !== "" && folder === b.slice(0, b.lastIndexOf("/") + 1);
}
