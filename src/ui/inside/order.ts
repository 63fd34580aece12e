/** Which classes a confusion matrix shows, and in what order. */
import { byMistakes, type Confusion, type Mixup } from "../../analysis/confusion.ts";

/** With more classes the most confused ones come first. */
export const IN_ORDER = 30;

/** All classes in their order; many of them by their mistakes; those sought, then those that they are confused with. */
export function orderOf(confusion: Confusion, worst: readonly Mixup[], names: readonly string[], sought: string): readonly number[] {
  if (names.length <= IN_ORDER) return names.map((_, label) => label);
  const order = byMistakes(confusion);
  const wanted = sought.trim().toLowerCase();
  if (!wanted) return order;
  const found = new Set(order.filter((label) => names[label]?.toLowerCase().includes(wanted)));
  const others = worst.flatMap(({ truth, predicted }) => (found.has(truth) ? [predicted] : found.has(predicted) ? [truth] : []));
  return [...new Set([...found, ...others])];
}
