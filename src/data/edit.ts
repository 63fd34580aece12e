/** Changes to the classes of a dataset. Each gives a new dataset; the old one stays as it was. */

import type { Dataset } from "./dataset.ts";
import { tidyName } from "./paths.ts";
import { pickPixels } from "./pixels.ts";

/**
 * Renames a class. Where another class has the new name already, the two become one.
 * @throws Error for an empty name or an unknown class
 */
export function renameClass(dataset: Dataset, from: string, to: string): Dataset {
  const old = labelOf(dataset, from);
  const name = tidyName(to);
  if (name === "") throw new Error("A class needs a name.");
  const other = dataset.classes.indexOf(name);
  if (other < 0 || other === old) {
    return { ...dataset, classes: dataset.classes.map((className, label) => (label === old ? name : className)) };
  }
  // The renamed class's label goes away, and those behind it move up by one.
  const labels = dataset.labels.map((label) => shift(label === old ? other : label, old));
  return { ...dataset, classes: dataset.classes.filter((_, label) => label !== old), labels };
}

/**
 * Removes a class and its images.
 * @throws Error for an unknown class
 */
export function removeClass(dataset: Dataset, name: string): Dataset {
  const gone = labelOf(dataset, name);
  const kept = Array.from(dataset.labels.keys()).filter((i) => dataset.labels[i] !== gone);
  const { digests, parts } = dataset;
  return {
    ...dataset,
    classes: dataset.classes.filter((_, label) => label !== gone),
    pixels: pickPixels(dataset.pixels, kept),
    labels: Uint32Array.from(kept, (i) => shift(dataset.labels[i] ?? 0, gone)),
    sources: kept.map((i) => dataset.sources[i] ?? ""),
    ...(digests && { digests: kept.map((i) => digests[i] ?? "") }),
    ...(parts && { parts: kept.map((i) => parts[i] ?? null) }),
  };
}

function labelOf(dataset: Dataset, name: string): number {
  const label = dataset.classes.indexOf(name);
  if (label < 0) throw new Error(`There is no class named ${name}.`);
  return label;
}

function shift(label: number, gone: number): number {
  return label > gone ? label - 1 : label;
}
