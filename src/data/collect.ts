/** From a source to a dataset: order, duplicates, report, progress. Pure but for the clock; decoding is handed in. */

import { checkDataset } from "./check.ts";
import type { Dataset, ImportReport, Note, NoteKind, Part } from "./dataset.ts";
import type { Prepared } from "./decode.ts";
import { inMemory, joinPixels } from "./pixels.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import type { Source, SourceFile } from "./source.ts";

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
  /** Images taken since the last event. */
  readonly fresh: readonly Fresh[];
}

export interface ImportOptions {
  /** Called at most ten times a second, and once at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the import early; what is in stays in. */
  readonly signal?: AbortSignal | undefined;
  /** Images are added to this dataset (which is left as it is), and compared with it for duplicates. */
  readonly into?: Dataset | undefined;
}

export interface Imported {
  readonly dataset: Dataset;
  readonly report: ImportReport;
}

export interface Preparer {
  /** How many files to read ahead. */
  readonly lanes: number;
  readonly prepare: (file: Blob) => Promise<Prepared>;
}

/** Prepared pixels kept at most, in bytes: assembling needs twice as much for a moment. */
const MAX_BYTES = 2 ** 30;
const PROGRESS_MS = 100;
const BY_NAME = new Intl.Collator("en", { numeric: true });

type Taken = Fresh & { readonly digest: string; readonly part: Part | null };
type Outcome = { readonly prepared: Prepared } | { readonly refusal: Refusal };

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
  into?.digests?.forEach((digest, i) => {
    const className = into.classes[into.labels[i] ?? 0] ?? "";
    known.set(digest, { className, source: into.sources[i] ?? "" });
  });
  const capacity = Math.floor(MAX_BYTES / (size * size * 3)) - (into?.labels.length ?? 0);

  let reported = 0;
  let reportedAt = began;
  const report = (seen: number) => {
    reportedAt = performance.now();
    const perSecond = taken.length / Math.max((reportedAt - began) / 1000, 1e-3);
    const fresh = taken.slice(reported);
    reported = taken.length;
    onProgress?.({ seen, total: source.files.length, taken: taken.length, perSecond, fresh });
  };

  let seen = 0;
  for await (const [file, outcome] of inOrder(source.files, preparer, signal)) {
    seen++;
    const note = (kind: NoteKind, reason: string, result: Note["outcome"] = "left out") =>
      notes.push({ source: file.path, kind, reason, outcome: result });
    if ("refusal" in outcome) {
      note(outcome.refusal.kind, outcome.refusal.message);
    } else {
      const { pixels, digest, remark } = outcome.prepared;
      const first = known.get(digest);
      if (first === undefined) {
        known.set(digest, { className: file.className, source: file.path });
        taken.push({ className: file.className, source: file.path, pixels, digest, part: file.part ?? null });
        if (remark !== undefined) note("tiny", remark, "taken");
      } else if (first.className === file.className) {
        note("duplicate", `the same file as ${first.source}`);
      } else {
        const where = `${first.source}, which is kept as ${first.className}`;
        note("same picture in two classes", `same picture in two classes: the same file as ${where}`);
      }
    }
    if (performance.now() - reportedAt >= PROGRESS_MS) report(seen);
    if (taken.length >= capacity) break;
  }
  report(seen);

  const unread = source.files.length - seen;
  if (unread > 0 && signal?.aborted) {
    warnings.push(`Stopped after ${seen} of ${source.files.length} files: the ${taken.length} images read are kept.`);
  } else if (unread > 0) {
    warnings.push(`The set is full with ${taken.length} new images: ${unread} more files were not read.`);
  } else {
    const filled = new Set(taken.map((image) => image.className).concat(into?.classes ?? []));
    const empty = new Set(source.files.map((file) => file.className).filter((name) => !filled.has(name)));
    for (const name of empty) warnings.push(`No image of ${name} could be taken, so it is not a class.`);
  }
  const dataset = assemble(source.name, size, taken, into);
  warnings.push(...checkDataset(dataset));
  const leftOut = notes.filter((note) => note.outcome === "left out").length;
  return { dataset, report: { found: taken.length + leftOut, taken: taken.length, notes, warnings } };
}

/** Prepares a few files at a time and yields them in order. Ends early, without waiting, on `signal`. */
async function* inOrder(
  files: readonly SourceFile[],
  { lanes, prepare }: Preparer,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly [SourceFile, Outcome]> {
  const attempt = async (file: SourceFile): Promise<readonly [SourceFile, Outcome]> => {
    try {
      return [file, { prepared: await prepare(await file.open()) }];
    } catch (error) {
      return [file, { refusal: refusalOf(error) }];
    }
  };
  const aborted = new Promise<undefined>((resolve) => {
    signal?.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const ahead: Promise<readonly [SourceFile, Outcome]>[] = [];
  for (let next = 0; !signal?.aborted; ) {
    // Twice the lanes, so that a file is read while another is decoded.
    for (let file = files[next]; file !== undefined && ahead.length < lanes * 2; file = files[next]) {
      ahead.push(attempt(file));
      next++;
    }
    const first = await Promise.race([ahead.shift(), aborted]);
    if (first === undefined) return;
    yield first;
  }
}

function assemble(name: string, size: number, taken: readonly Taken[], into?: Dataset): Dataset {
  const old = into?.classes ?? [];
  const names = new Set(taken.map((image) => image.className).filter((className) => !old.includes(className)));
  const classes = [...old, ...[...names].sort(BY_NAME.compare)];
  const labelOf = new Map(classes.map((className, label) => [className, label]));
  const start = into?.labels.length ?? 0;
  const bytes = size * size * 3;
  const pixels = new Uint8Array(taken.length * bytes);
  const labels = new Uint32Array(start + taken.length);
  if (into !== undefined) labels.set(into.labels);
  taken.forEach((image, i) => {
    pixels.set(image.pixels, i * bytes);
    labels[start + i] = labelOf.get(image.className) ?? 0;
  });
  const added = inMemory(pixels, taken.length);
  const parts = [...(into?.parts ?? new Array<null>(start).fill(null)), ...taken.map(({ part }) => part)];
  return {
    name: into?.name ?? name,
    classes,
    size,
    pixels: into ? joinPixels(into.pixels, added) : added,
    labels,
    sources: [...(into?.sources ?? []), ...taken.map((image) => image.source)],
    // Images without a digest match nothing.
    digests: [...(into?.digests ?? new Array<string>(start).fill("")), ...taken.map((image) => image.digest)],
    ...(parts.some((part) => part !== null) && { parts }),
  };
}
