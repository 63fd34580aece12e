/** The page's side of the survey: who is in which part, and which images look the same. The work is done in a worker. */

import type { Dataset, Split } from "./dataset.ts";
import { readPixels } from "./pixels.ts";
import type { SplitPlan } from "./split.ts";
import type { Answer, Places, Question, Reply } from "./surveyworker.ts";
import type { TwinGroup } from "./twins.ts";

/** What an image may be for; "spare" where few shots leave it out of training. */
export const PLACES = ["spare", "train", "validation", "test"] as const;
export type Place = (typeof PLACES)[number];

/** Pixels shown to the worker at a time, in bytes: reading them takes the page a few milliseconds. */
const SHOWN_BYTES = 2 ** 21;

/** Settles every question or rejects it when the worker breaks or is closed. */
export class Surveyor {
  readonly #worker = new Worker(new URL("./surveyworker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  /** Pack, then row: the number under which the worker knows an image, which stays the same when the set is edited. */
  readonly #shown = new Map<Uint8Array | string, Map<number, number>>();
  #count = 0;
  #last = 0;
  /** Why nothing is answered any more. */
  #ended: Error | undefined;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ("reply" in data) waiting?.resolve(data.reply);
      else waiting?.reject(new Error(data.error));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail("The comparison of the images broke off.");
    };
  }

  /** One of `PLACES` for each image, by number. */
  async places(dataset: Dataset, plan: SplitPlan): Promise<Places> {
    const { classes, labels, sources, parts } = dataset;
    const reply = await this.#ask({ ask: "split", dataset: { classes, labels, sources, ...(parts && { parts }) }, plan });
    if (!("places" in reply)) throw new Error("The survey mixed up its answers.");
    return reply.places;
  }

  /**
   * Groups of images that look the same. Images that the worker has not seen are shown to it first; what it has seen is kept.
   * @param order all images; in a group the earlier ones are kept first
   * @throws the signal's reason when it is aborted
   */
  async twins(
    dataset: Dataset,
    order: readonly number[],
    limit: number,
    onProgress: (share: number) => void,
    signal: AbortSignal,
  ): Promise<readonly TwinGroup[]> {
    const { pixels, size } = dataset;
    const numbers = pixels.packs.map((pack) => {
      const known = this.#shown.get(pack) ?? new Map<number, number>();
      this.#shown.set(pack, known);
      return known;
    });
    const numberOf = (image: number) => numbers[pixels.pack[image] ?? 0]?.get(pixels.row[image] ?? 0);
    const unseen = order.filter((image) => numberOf(image) === undefined);
    const bytes = size * size * 3;
    const step = Math.max(1, Math.floor(SHOWN_BYTES / bytes));
    for (let from = 0; from < unseen.length; from += step) {
      signal.throwIfAborted();
      const images = unseen.slice(from, from + step);
      const together = new Uint8Array(images.length * bytes);
      for (const [at, image] of (await readPixels(dataset, images)).entries()) together.set(image, at * bytes);
      await this.#ask({ ask: "describe", pixels: together, size }, [together.buffer]);
      for (const image of images) numbers[pixels.pack[image] ?? 0]?.set(pixels.row[image] ?? 0, this.#count++);
      onProgress((from + images.length) / unseen.length);
    }
    signal.throwIfAborted();
    const shown = Uint32Array.from(order, (image) => numberOf(image) ?? 0);
    const reply = await this.#ask({ ask: "twins", shown, limit });
    signal.throwIfAborted();
    if (!("groups" in reply)) throw new Error("The survey mixed up its answers.");
    const named = (places: readonly number[]) => places.map((at) => order[at] ?? 0);
    return reply.groups.map(({ images, kept }) => ({ images: named(images), kept: named(kept) }));
  }

  close(): void {
    this.#fail("The comparison was closed.");
  }

  #ask(question: Question, transfer: Transferable[] = []): Promise<Reply> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, question }, transfer);
    });
  }

  #fail(why: string): void {
    this.#ended = new Error(why);
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

/** Who is held out, as the functions that change parts want it. */
export function heldOut(places: Places): Pick<Split, "validation" | "test"> {
  const images = (place: Place) => Uint32Array.from([...places.keys()].filter((image) => places[image] === PLACES.indexOf(place)));
  return { validation: images("validation"), test: images("test") };
}
