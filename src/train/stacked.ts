/** Several layers of one shape on the same input as one: their weights, biases and trainables with one axis more in front. */
import type { Site } from "../models/model.ts";
import { isStackable } from "../tensor/stack.ts";
import type { Tape } from "../tensor/tape.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import type { Attached } from "./way.ts";

/** Whether x (rows, in) may go through the sites as one product. A CPU adapter would gain nothing by it. */
export function canStack({ software }: Tape, sites: readonly Site[], x: Tensor): boolean {
  const [{ weight, bias, in: inner, out }] = sites as [Site];
  if (software || inner % 4 || out % 4 || sites.some((site) => site.weight.type !== weight.type)) return false;
  return [weight, ...(bias ? [bias] : []), tensor([x.shape[0] as number, out])].every(isStackable);
}

/** weight (stack, out, in) and bias (stack, out). */
export function stackedSites(tape: Tape, sites: readonly Site[]): Pick<Site, "weight" | "bias"> {
  const biases = sites.flatMap(({ bias }) => (bias ? [bias] : []));
  return { weight: tape.stack(sites.map(({ weight }) => weight)), ...(biases.length && { bias: tape.stack(biases) }) };
}

/** What is attached to each of them as attached to all, where the method can do that. */
export function stackedAttached(tape: Tape, all: readonly Attached[]): Attached | undefined {
  const [one] = all as [Attached];
  const trainables = Object.entries(one.trainable);
  // Inner sizes that are no multiples of 4 would be run one by one anyway.
  if (!one.def.stacks || !trainables.every(([, x]) => isStackable(x) && (x.shape.at(-1) as number) % 4 === 0)) return undefined;
  const trainable = trainables.map(([name]) => [name, tape.stack(all.map((each) => each.trainable[name] as Tensor))]);
  return { ...one, trainable: Object.fromEntries(trainable) };
}
