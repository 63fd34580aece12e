/**
 * Changes to a dataset. Each gives a new dataset and leaves the old one as it was; pixels are never copied, so a change costs a pass
 * over the indices and can be taken back by keeping the dataset before it.
 */

import type { Dataset, Part, Split } from "./dataset.ts";
import { hashText } from "./hash.ts";
import { tidyName } from "./paths.ts";
import { joinPixels } from "./pixels.ts";
import { classTable } from "./table.ts";

/** A dataset, and the images that were taken out of it and can be put back. The bin's classes are their old ones. */
export interface Bench {
  readonly dataset: Dataset;
  readonly bin: Dataset | null;
}

/** Some images, in the order given. Every column that a dataset has for each image is picked here and joined in `joinImages`. */
export function pickImages(dataset: Dataset, images: readonly number[]): Dataset {
  const { digests, parts } = dataset;
  const { packs, pack, row } = dataset.pixels;
  const n = images.length;
  // Loops over numbers, for a hundred thousand of them: `from` with a function takes ten times as long.
  const picked = { pack: new Uint16Array(n), row: new Uint32Array(n), labels: new Uint32Array(n) };
  for (let to = 0; to < n; to++) {
    const image = images[to] as number;
    picked.pack[to] = pack[image] as number;
    picked.row[to] = row[image] as number;
    picked.labels[to] = dataset.labels[image] as number;
  }
  return {
    ...dataset,
    pixels: { packs, pack: picked.pack, row: picked.row },
    labels: picked.labels,
    sources: images.map((i) => dataset.sources[i] ?? ""),
    ...(digests && { digests: images.map((i) => digests[i] ?? "") }),
    ...(parts && { parts: images.map((i) => parts[i] ?? null) }),
  };
}

/** The images of `more` behind those of `dataset`, in the classes of their names; a class that is missing is made. */
function joinImages(dataset: Dataset, more: Dataset): Dataset {
  const { classes, labels } = withClasses(dataset, more);
  const { digests, parts } = more;
  const { files, ...rest } = dataset;
  const n = dataset.labels.length;
  const added = more.labels.length;
  return {
    ...rest,
    classes,
    pixels: joinPixels(dataset.pixels, more.pixels),
    labels: joinColumns(
      dataset.labels,
      more.labels.map((label) => labels[label] ?? 0),
    ),
    sources: [...dataset.sources, ...more.sources],
    ...((dataset.digests || digests) && { digests: [...column(dataset.digests, n, ""), ...column(digests, added, "")] }),
    // Only where the files of both are kept are all.
    ...(files && more.files && { files: [...new Set([...files, ...more.files])] }),
    ...((dataset.parts || parts) && { parts: [...column(dataset.parts, n, null), ...column(parts, added, null)] }),
  };
}

/**
 * Renames a class. Where another class has the new name already, the two become one.
 * @throws Error for an empty name or an unknown class
 */
export function renameClass(dataset: Dataset, from: string, to: string): Dataset {
  return mergeClasses(dataset, [from], to);
}

/**
 * Makes one class of several, at the place of the first of them; a class that has the name already joins them.
 * @throws Error for an empty name or an unknown class
 */
export function mergeClasses(dataset: Dataset, from: readonly string[], to: string): Dataset {
  const merged = new Set(from.map((name) => labelOf(dataset, name)));
  const name = named(to);
  const other = dataset.classes.indexOf(name);
  if (other >= 0) merged.add(other);
  const first = Math.min(...merged);
  const classes: string[] = [];
  const labels = dataset.classes.map((old, label) => {
    if (merged.has(label) && label !== first) return -1;
    return classes.push(label === first ? name : old) - 1;
  });
  const one = labels[first] ?? 0;
  return { ...dataset, classes, labels: dataset.labels.map((label) => (merged.has(label) ? one : (labels[label] ?? 0))) };
}

/**
 * A class without images, behind the others; nothing changes where there is one of that name.
 * @throws Error for an empty name
 */
export function addClass(dataset: Dataset, name: string): Dataset {
  const tidy = named(name);
  return dataset.classes.includes(tidy) ? dataset : { ...dataset, classes: [...dataset.classes, tidy] };
}

/**
 * Takes classes away; their images go to the bin.
 * @throws Error for an unknown class
 */
export function dropClasses(bench: Bench, names: readonly string[]): Bench {
  const gone = new Set(names.map((name) => labelOf(bench.dataset, name)));
  const images = Array.from(bench.dataset.labels.keys()).filter((i) => gone.has(bench.dataset.labels[i] ?? 0));
  const { dataset, bin } = deleteImages(bench, images);
  const classes = dataset.classes.filter((_, label) => !gone.has(label));
  const labelNow = dataset.classes.map((name) => classes.indexOf(name));
  return { dataset: { ...dataset, classes, labels: dataset.labels.map((label) => labelNow[label] ?? 0) }, bin };
}

/**
 * Puts images into a class, which is made if there is none of that name.
 * @throws Error for an empty name
 */
export function moveImages(dataset: Dataset, images: Iterable<number>, to: string): Dataset {
  const { classes } = addClass(dataset, to);
  const label = classes.indexOf(named(to));
  const labels = dataset.labels.slice();
  for (const image of images) labels[image] = label;
  return { ...dataset, classes, labels };
}

/** Takes images out, into the bin. Their classes stay, even without images. */
export function deleteImages({ dataset, bin }: Bench, images: Iterable<number>): Bench {
  const gone = new Set(images);
  if (gone.size === 0) return { dataset, bin };
  const [taken, kept] = divide(dataset.labels.length, gone);
  const binned = pickImages(dataset, taken);
  return { dataset: pickImages(dataset, kept), bin: bin ? joinImages(bin, binned) : binned };
}

/** Puts images of the bin back, behind the others. A class that has gone meanwhile is made again. */
export function restoreImages({ dataset, bin }: Bench, images: Iterable<number>): Bench {
  const back = new Set(images);
  if (!bin || back.size === 0) return { dataset, bin };
  const [taken, kept] = divide(bin.labels.length, back);
  return { dataset: takeOver(dataset, bin, taken), bin: kept.length > 0 ? pickImages(bin, kept) : null };
}

/** Some images of another set behind those of a dataset. Only the classes that one of them is in come along. */
export function takeOver(dataset: Dataset, from: Dataset, images: readonly number[]): Dataset {
  const picked = pickImages(from, images);
  const wanted = new Set(picked.labels);
  const classes = picked.classes.filter((_, label) => wanted.has(label));
  const labelNow = picked.classes.map((name) => classes.indexOf(name));
  return joinImages(dataset, { ...picked, classes, labels: picked.labels.map((label) => labelNow[label] ?? 0) });
}

/** Puts images into a part, or with null leaves them to the split. */
export function setParts(dataset: Dataset, images: Iterable<number>, part: Part | null): Dataset {
  const { parts: before, ...rest } = dataset;
  const parts: (Part | null)[] = [...column(before, dataset.labels.length, null)];
  for (const image of images) parts[image] = part;
  return parts.some((each) => each !== null) ? { ...rest, parts } : rest;
}

/**
 * Every image in the part that the split gives it. A part that holds one image by hand is not drawn any more, so whoever moves one
 * image by hand means the others to stay where they are.
 */
export function fixParts(dataset: Dataset, { validation, test }: Pick<Split, "validation" | "test">): Dataset {
  const parts = new Array<Part>(dataset.labels.length).fill("train");
  for (const image of validation) parts[image] = "validation";
  for (const image of test) parts[image] = "test";
  return { ...dataset, parts };
}

/**
 * At most `most` images in every class, the others to the bin: at random by seed, training images first and those of the test set last.
 * @param split who is in validation and test now
 */
export function evenOut(bench: Bench, most: number, seed: number, split: Pick<Split, "validation" | "test">): Bench {
  const { dataset } = bench;
  const worth = new Uint8Array(dataset.labels.length);
  for (const image of split.validation) worth[image] = 1;
  for (const image of split.test) worth[image] = 2;
  const gone = classTable(dataset).flatMap(({ images, count }) => {
    if (count <= most) return [];
    const keys = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const image = images[i] as number;
      keys[i] = (2 - (worth[image] as number)) * 2 ** 32 + hashText(seed, dataset.sources[image] ?? "");
    }
    const last = keys.toSorted()[most - 1] ?? -1;
    // Images of one source have one key: as many of them stay as there is room for.
    let room = most - keys.reduce((kept, key) => kept + Number(key < last), 0);
    return images.filter((_, i) => {
      const key = keys[i] as number;
      return key > last || (key === last && room-- <= 0);
    });
  });
  return deleteImages(bench, gone);
}

/** Indices 0 … n − 1 as those in the set and the others, each ascending. */
function divide(n: number, set: ReadonlySet<number>): [inside: number[], outside: number[]] {
  const sides: [number[], number[]] = [[], []];
  for (let i = 0; i < n; i++) sides[set.has(i) ? 0 : 1].push(i);
  return sides;
}

function column<T>(values: readonly T[] | undefined, n: number, otherwise: T): readonly T[] {
  return values ?? new Array<T>(n).fill(otherwise);
}

/** The classes of both, and the new label of each class of `more`. */
function withClasses(dataset: Dataset, more: Dataset): { readonly classes: readonly string[]; readonly labels: readonly number[] } {
  const known = new Map(dataset.classes.map((name, label) => [name, label]));
  const classes = [...dataset.classes];
  const labels = more.classes.map((name) => known.get(name) ?? classes.push(name) - 1);
  return { classes, labels };
}

function joinColumns<T extends Uint16Array | Uint32Array>(a: T, b: T): T {
  const joined = new (a.constructor as new (length: number) => T)(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** @throws Error for an empty one */
function named(name: string): string {
  const tidy = tidyName(name);
  if (tidy === "") throw new Error("A class needs a name.");
  return tidy;
}

function labelOf(dataset: Dataset, name: string): number {
  const label = dataset.classes.indexOf(name);
  if (label < 0) throw new Error(`There is no class named ${name}.`);
  return label;
}
