import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder, rowWidth } from "./op.ts";

/**
 * y (rows, D) = diag(scale) · x: each row of x (rows, D) times its number of scale (rows). Of a stacked scale (stack, rows) there are as
 * many results; x may be stacked or the same for all.
 */
export const rowscale = defineOp<"x" | "scale">({
  name: "rowscale",
  forward: (r, { x, scale }) => ({ y: scaled(r, x, scale) }),
  backward(r, { x, scale }, _saved, dy, need) {
    const grads: { x?: Tensor; scale?: Tensor } = {};
    if (need.x) {
      if (numel(dy.shape) > numel(x.shape)) throw new Error("rowscale: what is the same for all of a stack has no gradient");
      grads.x = scaled(r, dy, scale);
    }
    if (need.scale) {
      const d = x.shape.at(-1) as number;
      const rows = numel(scale.shape);
      grads.scale = r.out(scale.shape);
      r.run({
        shader: "rowscale",
        entry: "backward",
        buffers: { x, dy, dscale: grads.scale },
        params: { rows, d, rows_x: numel(x.shape) / d },
        groups: flatGroups(rows, 1),
        overrides: { WG: r.software || d <= 256 ? rowWidth(r) : 256 },
      });
    }
    return grads;
  },
});

/** y = diag(scale) · x. */
export function scaled(r: Recorder, x: Tensor, scale: Tensor): Tensor {
  const d = x.shape.at(-1) as number;
  const rows = numel(scale.shape);
  const rowsX = numel(x.shape) / d;
  const stack = rows / rowsX;
  if (!Number.isInteger(stack)) throw new Error(`rowscale: scale (${scale.shape}) does not fit x (${x.shape})`);
  const y = r.out(stack > 1 ? [stack, ...x.shape] : x.shape);
  r.run({
    shader: "rowscale",
    entry: "forward",
    buffers: { x, scale, y },
    params: { rows, d, rows_x: rowsX },
    groups: flatGroups(rows * d),
    overrides: { WG: 256 },
  });
  return y;
}
