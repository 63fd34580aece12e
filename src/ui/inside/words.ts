/** Answers in words. */
import type { Mixup } from "../../analysis/confusion.ts";
import { count, percent, plural } from "../numbers.ts";

/** "89 % sure", in one line. */
export const sureOf = (confidence: number): string => `${percent(confidence, 0)} sure`.replaceAll(" ", "\u00a0");
/** "said dress, 89 % sure" */
export const saidOf = (name: string | undefined, confidence: number): string => `said ${name}, ${sureOf(confidence)}`;

/** Pairs of classes named at most, where several are as bad. */
const NAMED = 3;

/** What a confusion matrix shows. Of pairs that are equally many none is picked out. */
export function mixedUp(worst: readonly Mixup[], names: readonly string[], lane: string, images: number): string {
  const [first] = worst;
  if (!first) return `${lane} answered all ${plural(images, "image")} right.`;
  const wrong = worst.reduce((sum, mixup) => sum + mixup.images, 0);
  const got = `${lane} got ${count(wrong)} of ${plural(images, "image")} wrong`;
  const most = worst.filter((mixup) => mixup.images === first.images);
  if (most.length > NAMED) return `${got}; no mistake stands out: ${count(most.length)} pairs of classes have ${count(first.images)} each.`;
  const pairs = most.map(({ truth, predicted }) => `${names[truth]} for ${names[predicted]}`);
  const listed = pairs.length > 1 ? `${pairs.slice(0, -1).join(", ")} and ${pairs.at(-1)}` : pairs[0];
  return `${got}; most often it took ${listed} (${count(first.images)}${pairs.length > 1 ? " each" : ""}).`;
}
