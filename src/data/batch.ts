/** Which images make up the batch of a step: the same for every lane, and computable for any step by itself. */

import { hash } from "./hash.ts";

/**
 * Batches over `indices`: every epoch is a new shuffle by (seed, epoch), and epochs follow one another without a gap,
 * so a batch may end one epoch and begin the next. Within an epoch each index comes once.
 * @param indices what to draw from, such as `split.train`
 * @param batch images per step, at least 1; may exceed the number of indices
 * @returns for a step (0, 1, …) the `batch` indices to train on; going forward costs one shuffle per epoch
 * @throws RangeError when there is nothing to draw from, or for a batch or a step that is no such number
 */
export function batches(indices: Uint32Array, batch: number, seed: number): (step: number) => Uint32Array {
  const n = indices.length;
  if (n === 0) throw new RangeError("There are no images to train on.");
  if (!Number.isInteger(batch) || batch < 1) throw new RangeError(`A batch holds 1 or more images, not ${batch}.`);
  let current = { epoch: -1, order: indices };
  return (step) => {
    if (!Number.isInteger(step) || step < 0) throw new RangeError(`Steps count 0, 1, 2 …, not ${step}.`);
    const drawn = new Uint32Array(batch);
    for (let i = 0; i < batch; i++) {
      const position = step * batch + i;
      const epoch = Math.floor(position / n);
      if (epoch !== current.epoch) current = { epoch, order: shuffle(indices, seed, epoch) };
      drawn[i] = current.order[position % n] as number;
    }
    return drawn;
  };
}

/** Fisher–Yates with a hash of (seed, epoch, place) for each draw. */
function shuffle(indices: Uint32Array, seed: number, epoch: number): Uint32Array {
  const order = indices.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor((hash(seed, epoch, i) / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}
