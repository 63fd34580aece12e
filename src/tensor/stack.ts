/** Tensors of one shape that lie one after the other are one tensor with an axis more, and the other way round. Nothing is copied for it. */
import type { Recorder } from "./op.ts";
import { flatGroups } from "./op.ts";
import { byteLength, numel, owner, placeOf, type Tensor, tensor } from "./tensor.ts";

/** WebGPU binds buffers from multiples of this. */
const ALIGNED = 256;

/** Whether tensors like this one can lie one after the other: each of them must begin where a binding may. */
export const isStackable = (x: Pick<Tensor, "shape" | "type">): boolean => byteLength(x) % ALIGNED === 0;

function checkAligned(x: Pick<Tensor, "shape" | "type">): void {
  if (!isStackable(x))
    throw new Error(`(${x.shape}): parts of ${byteLength(x)} bytes cannot be bound; it must be a multiple of ${ALIGNED}`);
}

/** x (n, …) as its n parts (…). They are no views: each has a gradient of its own. */
export function partsOf(x: Tensor): Tensor[] {
  const [n, ...shape] = x.shape as [number, ...number[]];
  const size = byteLength({ shape, type: x.type });
  checkAligned({ shape, type: x.type });
  return Array.from({ length: n }, (_, i) =>
    Object.assign(tensor(shape, { type: x.type, label: x.label }), { home: { of: x, at: i * size } }),
  );
}

/**
 * (n, …), the n tensors of one shape (…) in their order. Those that lie so already are taken as they are; what the tape is still to
 * compute will be put there by the launch that computes it. Anything else is copied.
 */
export function stackOf(r: Recorder, xs: readonly Tensor[]): Tensor {
  const [first] = xs as [Tensor];
  const { type, label } = first;
  const shape = [xs.length, ...first.shape];
  const size = byteLength(first);
  const { buffer, offset } = placeOf(first);
  const isInOrder = xs.every((x, i) => {
    const place = placeOf(x);
    return place.buffer === buffer && place.offset === offset + i * size;
  });
  if (buffer && isInOrder) return tensor(shape, { type, label, buffer, offset });
  checkAligned(first);
  const y = r.out(shape, type);
  for (const [i, x] of xs.entries()) {
    const made = owner(x);
    const home = { of: y, at: i * size };
    if (!placeOf(made).buffer && !made.home) made.home = home;
    else copy(r, x, Object.assign(tensor(x.shape, { type, label }), { home }));
  }
  return y;
}

function copy(r: Recorder, x: Tensor, y: Tensor): void {
  if (x.type !== "f32")
    throw new Error(`${x.label || "a tensor"} is stored as ${x.type} and does not lie beside its neighbours; unpack it first`);
  const n = numel(x.shape);
  r.run({ shader: "elementwise", entry: "scale", buffers: { a: x, y }, params: { n, factor: 1 }, groups: flatGroups(n / 4) });
}
