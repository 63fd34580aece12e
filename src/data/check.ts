/** What a person should know about a dataset before training on it. */

import type { Dataset } from "./dataset.ts";
import { classTable } from "./table.ts";

/** From this ratio of the largest to the smallest class on, the classes count as uneven. */
const UNEVEN = 5;

/** Warnings in plain words, the gravest first; empty when there is nothing to say. */
export function checkDataset(dataset: Dataset): string[] {
  const table = classTable(dataset);
  const [first] = table;
  if (first === undefined || dataset.labels.length === 0) return ["No images were found."];
  const warnings: string[] = [];
  if (table.length === 1) warnings.push(`Only one class was found, ${first.name}: add a second one to train.`);
  if (dataset.labels.length <= 2) {
    const count = dataset.labels.length === 1 ? "Only one image" : "Only two images";
    warnings.push(`${count}: enough to try the page, too few to learn from or to measure anything.`);
  }
  const single = table.filter((row) => row.count === 1).map((row) => row.name);
  if (single.length > 0) {
    const names = single.length > 5 ? `${single.slice(0, 5).join(", ")} and ${single.length - 5} more` : single.join(", ");
    const have = single.length === 1 ? "has one image, which goes" : "have one image each, which goes";
    warnings.push(`${names} ${have} to training: nothing is left to check it on.`);
  }
  const largest = table.reduce((a, b) => (b.count > a.count ? b : a));
  const smallest = table.reduce((a, b) => (b.count < a.count ? b : a));
  if (largest.count >= UNEVEN * smallest.count && smallest.count > 0) {
    warnings.push(`The classes are uneven: ${largest.name} has ${largest.count} images, ${smallest.name} ${smallest.count}.`);
  }
  return warnings;
}
