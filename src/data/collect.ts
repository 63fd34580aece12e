/** From a source to a dataset: order, duplicates, report, progress. Pure but for the clock; decoding is handed in. */

import { checkDataset } from "./check.ts";
import type { Dataset, ImportReport, Note, NoteKind, Part } from "./dataset.ts";
import type { Preparer } from "./decoder.ts";
import { pacer } from "./pace.ts";
import { Places } from "./pixels.ts";
import type { Source } from "./source.ts";
import { inOrder } from "./stream.ts";

/** An image just taken, to show while the import goes on. */
export interface Fresh {
  readonly className: string;
  readonly source: string;
  /** (size, size, 3) RGB. */
  readonly pixels: Uint8Array;
}

export interface Progress {
  /** Files tried so far, of `total` candidates. */
  readonly seen: number;
  readonly total: number;
  readonly taken: number;
  /** Images taken per second since the import began. */
  readonly perSecond: number;
  /** A few of the images decoded since the last event. */
  readonly fresh: readonly Fresh[];
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

interface Taken {
  readonly className: string;
  readonly source: string;
  readonly digest: string;
  readonly part: Part | null;
}

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
  const taken: Taken[] = [];
  const known = new Map<string, { className: string; source: string }>();
  const pause = pacer();
  for (const [i, digest] of into?.digests?.entries() ?? []) {
    const className = into?.classes[into.labels[i] ?? 0] ?? "";
    known.set(digest, { className, source: into?.sources[i] ?? "" });
    await pause();
  }
  const places = new Places(size);
  const files = new Set(into?.files);
  let [inMemory, unkept, full] = [0, 0, false];
  const held = into?.pixels.packs.reduce((sum, pack) => sum + (typeof pack === "string" ? 0 : pack.length), 0) ?? 0;
  const capacity = Math.floor((MAX_BYTES - held) / (size * size * 3));

  let fresh: Fresh[] = [];
  let reportedAt = began;
  const report = (seen: number) => {
    reportedAt = performance.now();
    const perSecond = taken.length / Math.max((reportedAt - began) / 1000, 1e-3);
    onProgress?.({ seen, total: source.files.length, taken: taken.length, perSecond, fresh });
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
      const note = (kind: NoteKind, reason: string, result: Note["outcome"] = "left out") =>
        notes.push({ source: file.path, kind, reason, outcome: result });
      if (!("prepared" in outcome)) {
        note(outcome.kind, outcome.reason);
        return;
      }
      const { at, digest, remark, file: pack } = outcome.prepared;
      const first = known.get(digest);
      if (first === undefined) {
        const image: Taken = { className: file.className, source: file.path, digest, part: file.part ?? null };
        known.set(digest, image);
        taken.push(image);
        places.add(at);
        if (at instanceof Uint8Array) inMemory++;
        if (pack === undefined) unkept++;
        else files.add(pack);
        if (remark !== undefined) note("tiny", remark, "taken");
      } else if (first.className === file.className) {
        note("duplicate", `the same file as ${first.source}`);
      } else {
        const where = `${first.source}, which is kept as ${first.className}`;
        note("same picture in two classes", `same picture in two classes: the same file as ${where}`);
      }
    });
    for (const { file, pixels } of settled.shown) {
      const { className = "", path = "" } = source.files[file] ?? {};
      fresh = [...fresh, { className, source: path, pixels }].slice(-FRESH);
    }
    if (performance.now() - reportedAt >= PROGRESS_MS) report(seen);
    if (!room()) break;
    await pause();
  }
  report(seen);

  const unread = source.files.length - seen;
  if (unread > 0 && signal?.aborted) {
    warnings.push(`Stopped after ${seen} of ${source.files.length} files: the ${taken.length} images read are kept.`);
  } else if (unread > 0) {
    const why = full ? "The browser's storage is full" : "The set is full";
    warnings.push(`${why} with ${taken.length} new images: ${unread} more files were not read.`);
  } else {
    const filled = new Set(taken.map((image) => image.className).concat(into?.classes ?? []));
    const empty = new Set(source.files.map((file) => file.className).filter((name) => !filled.has(name)));
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
  const dataset = assemble(source.name, size, taken, places, whole ? [...files] : undefined, into);
  await pause();
  warnings.push(...checkDataset(dataset));
  const leftOut = notes.filter((note) => note.outcome === "left out").length;
  return { dataset, report: { found: taken.length + leftOut, taken: taken.length, notes, warnings }, decoded };
}

function assemble(
  name: string,
  size: number,
  taken: readonly Taken[],
  places: Places,
  files: readonly string[] | undefined,
  into?: Dataset,
): Dataset {
  const old = into?.classes ?? [];
  const names = new Set(taken.map((image) => image.className).filter((className) => !old.includes(className)));
  const classes = [...old, ...[...names].sort(BY_NAME.compare)];
  const labelOf = new Map(classes.map((className, label) => [className, label]));
  const start = into?.labels.length ?? 0;
  const labels = new Uint32Array(start + taken.length);
  if (into !== undefined) labels.set(into.labels);
  taken.forEach((image, i) => {
    labels[start + i] = labelOf.get(image.className) ?? 0;
  });
  const parts = [...(into?.parts ?? new Array<null>(start).fill(null)), ...taken.map(({ part }) => part)];
  const { files: _, ...before } = into ?? {};
  return {
    ...before,
    name: into?.name ?? name,
    classes,
    size,
    pixels: places.end(into?.pixels),
    labels,
    sources: [...(into?.sources ?? []), ...taken.map((image) => image.source)],
    // Images without a digest match nothing.
    digests: [...(into?.digests ?? new Array<string>(start).fill("")), ...taken.map((image) => image.digest)],
    ...(parts.some((part) => part !== null) && { parts }),
    ...(files && { files }),
  };
}
