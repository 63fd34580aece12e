/** The images as a zip to keep, or to read again here or elsewhere. */
import { create } from "zustand";
import type { Fault } from "../gpu/device.ts";

import { faultFrom } from "./engine.ts";
import { useImages } from "./images.ts";
import { slug } from "./names.ts";
import { save } from "./save.ts";
import { useSetup } from "./setup.ts";

interface Takeout {
  readonly writing: { readonly written: number; readonly total: number } | null;
  readonly fault: Fault | null;
}

export const useTakeout = create<Takeout>()(() => ({ writing: null, fault: null }));

const PUBLISH_MS = 100;
let stop: AbortController | undefined;

/** @param parts whether train, validation and test are folders, as the split draws them now */
export async function takeOut(parts: boolean): Promise<void> {
  const { dataset } = useImages.getState();
  if (!dataset || useTakeout.getState().writing) return;
  const mine = new AbortController();
  stop = mine;
  const total = dataset.labels.length;
  useTakeout.setState({ writing: { written: 0, total }, fault: null });
  let published = 0;
  const onProgress = (written: number) => {
    if (performance.now() - published < PUBLISH_MS) return;
    published = performance.now();
    useTakeout.setState({ writing: { written, total } });
  };
  try {
    // Fetched when it is asked for, as are the parts: nobody waits for them who only looks.
    const [{ asGiven, asPng, writeZip }, { PLACES, Surveyor }] = await Promise.all([
      import("../data/takeout.ts"),
      import("../data/surveyor.ts"),
    ]);
    const surveyor = new Surveyor();
    // What few shots leave out is training data all the same.
    const places = await surveyor.places(dataset, { ...useSetup.getState().config, amount: "all" }).finally(() => surveyor.close());
    const partOf = (image: number) => {
      const place = PLACES[places[image] ?? 0] ?? "train";
      return place === "spare" ? "train" : place;
    };
    const zip = await writeZip(dataset, {
      ...(parts && { partOf }),
      // A file that is lost is no reason to lose the picture.
      fileOf: (image) => (dataset.files ? asGiven(dataset, image).catch(() => asPng(dataset, image)) : asPng(dataset, image)),
      onProgress,
      signal: mine.signal,
    });
    save(zip, `${slug(dataset.name, "images")}.zip`);
    useTakeout.setState({ writing: null });
  } catch (error) {
    const fault = mine.signal.aborted ? null : faultFrom(error, "Your images.", "Try again; if the disk is full, make room first.");
    useTakeout.setState({ writing: null, fault });
  }
}

export const cancelTakeout = () => stop?.abort();
