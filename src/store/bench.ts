/** What can be done to the images, each as a step with a name; and which classes are chosen while they are worked on. */
import { create } from "zustand";
import type { Part } from "../data/dataset.ts";
import {
  addClass,
  type Bench,
  deleteImages,
  dropClasses,
  evenOut,
  fixParts,
  mergeClasses,
  moveImages,
  renameClass,
  restoreImages,
  setParts,
} from "../data/edit.ts";
import { tidyName } from "../data/paths.ts";
import { heldOut, type Place } from "../data/surveyor.ts";
import type { Places } from "../data/surveyworker.ts";
import { edit } from "./edits.ts";
import { importFiles, useImages } from "./images.ts";

interface Workbench {
  readonly open: boolean;
  /** The class that the camera takes pictures for, while it is on. */
  readonly filming: string | null;
  /** Images that were pasted and wait for a class. */
  readonly pasted: readonly File[];
  /** Names; none means all classes. */
  readonly chosen: ReadonlySet<string>;
}

export const useBench = create<Workbench>()(() => ({ open: false, filming: null, pasted: [], chosen: new Set<string>() }));

export const openBench = (open: boolean) => useBench.setState({ open, chosen: new Set() });
export const choose = (names: Iterable<string>) => useBench.setState({ chosen: new Set(names) });

export const film = (filming: string | null) => useBench.setState({ filming });

/** Pasted images go to the class that is chosen on the workbench; without one the page asks. */
export function paste(files: readonly File[]): void {
  const { open, chosen } = useBench.getState();
  const [only] = chosen;
  if (open && chosen.size === 1 && only !== undefined) void importFiles(named(files), only);
  else useBench.setState({ pasted: files });
}

/** Undefined: they are let go. */
export function placePasted(className: string | undefined): void {
  const { pasted } = useBench.getState();
  useBench.setState({ pasted: [] });
  if (className !== undefined) void importFiles(named(pasted), className);
}

let pastes = 0;

/** Browsers call every pasted image the same. */
function named(files: readonly File[]): File[] {
  pastes++;
  return files.map(
    (file, at) => new File([file], `pasted-${Date.now().toString(36)}-${pastes}-${at + 1}-${file.name}`, { type: file.type }),
  );
}

export const PLACE_WORDS: Readonly<Record<Place, string>> = {
  spare: "not used",
  train: "training",
  validation: "validation",
  test: "test",
};

const images = (count: number): string => (count === 1 ? "one image" : `${count.toLocaleString("en")} images`);
const within = (change: (dataset: Bench["dataset"]) => Bench["dataset"]) => (bench: Bench) => ({
  ...bench,
  dataset: change(bench.dataset),
});

/** Where there is a class of that name, the two become one. */
export function rename(from: string, to: string): void {
  const name = tidyName(to);
  if (name === from) return;
  const merges = useImages.getState().dataset?.classes.includes(name) ?? false;
  edit(
    merges ? `merge ${from} into ${name}` : `rename ${from} to ${name}`,
    within((dataset) => renameClass(dataset, from, name)),
  );
  choose([name]);
}

export function merge(from: readonly string[], to: string): void {
  edit(
    `merge ${from.length} classes into ${to}`,
    within((dataset) => mergeClasses(dataset, from, to)),
  );
  choose([to]);
}

export function drop(names: readonly string[]): void {
  edit(names.length === 1 ? `remove the class ${names[0]}` : `remove ${names.length} classes`, (bench) => dropClasses(bench, names));
  choose([]);
}

export function add(name: string): void {
  edit(
    `add the class ${name}`,
    within((dataset) => addClass(dataset, name)),
  );
}

export function move(chosen: readonly number[], to: string): void {
  edit(
    `move ${images(chosen.length)} to ${to}`,
    within((dataset) => moveImages(dataset, chosen, to)),
  );
}

export function discard(chosen: readonly number[]): void {
  edit(`delete ${images(chosen.length)}`, (bench) => deleteImages(bench, chosen));
}

/** @param chosen images of the bin */
export function restore(chosen: readonly number[]): void {
  edit(`restore ${images(chosen.length)}`, (bench) => restoreImages(bench, chosen));
}

/** Puts images into a part, and fixes the others where they are; with null they are left to the split again. */
export function assign(chosen: readonly number[], part: Part | null, places: Places): void {
  edit(
    part ? `put ${images(chosen.length)} into ${PLACE_WORDS[part]}` : `leave the part of ${images(chosen.length)} to the split`,
    within((dataset) => setParts(part ? fixParts(dataset, heldOut(places)) : dataset, chosen, part)),
  );
}

export function even(most: number, seed: number, places: Places): void {
  edit(`even out to ${images(most)} a class`, (bench) => evenOut(bench, most, seed, heldOut(places)));
}
