/** Worker entry: what a pass over all images of a large set tells. It keeps the descriptions of the images that it was shown. */

import type { Dataset } from "./dataset.ts";
import { CELLS, describe } from "./likeness.ts";
import { type SplitPlan, splitDataset } from "./split.ts";
import { findTwins, type TwinGroup } from "./twins.ts";

export type Question =
  /** Shows the next images: (n, size, size, 3). */
  | { readonly ask: "describe"; readonly pixels: Uint8Array<ArrayBuffer>; readonly size: number }
  /** `shown`: for each image of a set its number in the order of showing. */
  | { readonly ask: "twins"; readonly shown: Uint32Array; readonly limit: number }
  | { readonly ask: "split"; readonly dataset: Pick<Dataset, "classes" | "labels" | "sources" | "parts">; readonly plan: SplitPlan };

/** What each image is for: its place in `PLACES`. */
export type Places = Uint8Array<ArrayBuffer>;
export type Reply = { readonly shown: number } | { readonly groups: readonly TwinGroup[] } | { readonly places: Places };
export type Answer = { readonly id: number } & ({ readonly reply: Reply } | { readonly error: string });

let hashes = new Uint32Array(0);
let cells = new Uint8Array(0);
let count = 0;

function answer(question: Question): Reply {
  switch (question.ask) {
    case "describe":
      return { shown: remember(describe(question.pixels, question.size)) };
    case "twins": {
      const { shown, limit } = question;
      const described = { hashes: new Uint32Array(shown.length * 2), cells: new Uint8Array(shown.length * CELLS) };
      shown.forEach((at, i) => {
        described.hashes.set(hashes.subarray(at * 2, at * 2 + 2), i * 2);
        described.cells.set(cells.subarray(at * CELLS, (at + 1) * CELLS), i * CELLS);
      });
      return { groups: findTwins(described, limit) };
    }
    case "split": {
      const { train, validation, test } = splitDataset(question.dataset, question.plan);
      const places = new Uint8Array(question.dataset.labels.length);
      [train, validation, test].forEach((images, at) => {
        for (const image of images) places[image] = at + 1;
      });
      return { places };
    }
  }
}

function remember(fresh: ReturnType<typeof describe>): number {
  const total = count + fresh.hashes.length / 2;
  if (total * 2 > hashes.length) {
    const room = Math.max(1024, total * 2);
    const [before, beforeCells] = [hashes, cells];
    hashes = new Uint32Array(room * 2);
    cells = new Uint8Array(room * CELLS);
    hashes.set(before);
    cells.set(beforeCells);
  }
  hashes.set(fresh.hashes, count * 2);
  cells.set(fresh.cells, count * CELLS);
  count = total;
  return count;
}

self.addEventListener("message", ({ data: { id, question } }: MessageEvent<{ id: number; question: Question }>) => {
  const post = (rest: { reply: Reply } | { error: string }) => self.postMessage({ id, ...rest });
  try {
    post({ reply: answer(question) });
  } catch (error) {
    post({ error: error instanceof Error ? error.message : String(error) });
  }
});
