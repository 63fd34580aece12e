/** Which fields are walked in decades. */
import type { Field } from "../../adapters/adapter.ts";

export function spansDecades({ min, max, step }: Field): boolean {
  return max / (min > 0 ? min : step) > 200;
}
