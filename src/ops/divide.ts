import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder } from "./op.ts";

/** y = a / b, number by number; 0 where b is 0, with no gradient there. */
export const divide = defineOp<"a" | "b">({
  name: "divide",
  forward: (r, { a, b }) => ({ y: quotient(r, a, b) }),
  backward(r, { a, b }, _saved, dy, need) {
    const grads: { a?: Tensor; b?: Tensor } = {};
    if (need.a) grads.a = quotient(r, dy, b);
    if (need.b) {
      const n = numel(b.shape);
      grads.b = r.out(b.shape);
      r.run({ shader: "divide", entry: "backward", buffers: { a, b, dy, db: grads.b }, params: { n }, groups: flatGroups(n) });
    }
    return grads;
  },
});

function quotient(r: Recorder, a: Tensor, b: Tensor): Tensor {
  const n = numel(a.shape);
  if (numel(b.shape) !== n) throw new Error(`divide: (${a.shape}) and (${b.shape}) differ`);
  const y = r.out(a.shape);
  r.run({ shader: "divide", entry: "forward", buffers: { a, b, y }, params: { n }, groups: flatGroups(n) });
  return y;
}
