/** The image files as they were given: read again for a closer look, for a download, and for a model that wants them prepared otherwise. */

import { type ImportOptions, PROGRESS_MS } from "./collect.ts";
import type { Dataset, Note, Preprocess } from "./dataset.ts";
import { openDecoder } from "./decoder.ts";
import { fileAt } from "./disk.ts";
import { pickImages } from "./edit.ts";
import { Catalogue, type Found, fromHex } from "./pack.ts";
import { Places } from "./pixels.ts";
import { inOrder } from "./stream.ts";

/** Of the packs that were asked last: an index of 100,000 files takes a moment to read. */
let latest: { readonly packs: string; readonly files: Promise<Files> } | undefined;

interface Files {
  readonly catalogue: Catalogue;
  readonly blobs: Map<string, Promise<File | undefined>>;
}

/**
 * The file that an image came from. It is read when the blob is; its type is not known.
 * @throws Error when it is not kept, or lost
 */
export async function fileOf(dataset: Pick<Dataset, "digests" | "files" | "sources">, image: number): Promise<Blob> {
  const { digests, files = [], sources } = dataset;
  const packs = files.join("\n");
  if (latest?.packs !== packs) {
    latest = { packs, files: Catalogue.of(files).then((catalogue) => ({ catalogue, blobs: new Map() })) };
  }
  const { catalogue, blobs } = await latest.files;
  const digest = digests?.[image];
  const found: Found | undefined = digest ? catalogue.find(fromHex(digest)) : undefined;
  if (found) {
    const blob = blobs.get(found.pack) ?? fileAt(found.pack);
    blobs.set(found.pack, blob);
    const file = await blob;
    if (file) return file.slice(found.offset, found.offset + found.length);
  }
  throw new Error(`the file of ${sources[image] ?? "this image"} is not in the browser's storage: add it again`);
}

export interface Again {
  readonly dataset: Dataset;
  /** One for each image that had to be left out. */
  readonly notes: readonly Note[];
  readonly decoded: number;
}

/**
 * The same dataset for another way of preparing: from the files that are kept, with everything else as it is.
 * @throws the signal's reason when it is aborted (what is prepared by then is not prepared again the next time), Error when the
 * browser's storage is full
 */
export async function prepareAgain(
  dataset: Dataset,
  preprocess: Preprocess,
  { signal, onProgress }: Pick<ImportOptions, "signal" | "onProgress"> = {},
): Promise<Again> {
  const decoder = openDecoder(preprocess, true);
  const began = performance.now();
  const places = new Places(preprocess.crop);
  const kept: number[] = [];
  const notes: Note[] = [];
  const total = dataset.labels.length;
  const files = Array.from({ length: total }, (_, image) => ({
    digest: dataset.digests?.[image],
    open: () => fileOf(dataset, image),
  }));
  let [decoded, reportedAt] = [0, began];
  try {
    for await (const settled of inOrder(files, decoder, signal)) {
      decoded = settled.decoded;
      settled.outcomes.forEach((outcome, i) => {
        const image = settled.first + i;
        if (outcome === "full") throw new Error("The browser's storage is full: the images could not be prepared for this model.");
        if (outcome === undefined) return;
        if ("prepared" in outcome) {
          kept.push(image);
          places.add(outcome.prepared.at);
        } else notes.push({ source: dataset.sources[image] ?? "", kind: outcome.kind, reason: outcome.reason, outcome: "left out" });
      });
      if (performance.now() - reportedAt < PROGRESS_MS && kept.length + notes.length < total) continue;
      reportedAt = performance.now();
      const perSecond = kept.length / Math.max((reportedAt - began) / 1000, 1e-3);
      onProgress?.({ seen: kept.length + notes.length, total, taken: kept.length, perSecond, fresh: settled.shown.slice(-1) });
    }
    signal?.throwIfAborted();
  } finally {
    await decoder.close();
  }
  const same = kept.length === total ? dataset : pickImages(dataset, kept);
  return { dataset: { ...same, size: preprocess.crop, pixels: places.end() }, notes, decoded };
}
