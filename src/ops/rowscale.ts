import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder, rowWidth } from "./op.ts";

/** y (rows, D) = diag(scale) · x: each row of x (rows, D) times its number of scale (rows). */
export const rowscale = defineOp<"x" | "scale">({
  name: "rowscale",
  forward: (r, { x, scale }) => ({ y: scaled(r, x, scale) }),
  backward(r, { x, scale }, _saved, dy, need) {
    const grads: { x?: Tensor; scale?: Tensor } = {};
    if (need.x) grads.x = scaled(r, dy, scale);
    if (need.scale) {
      const [rows, d] = x.shape as [number, number];
      grads.scale = r.out(scale.shape);
      r.run({
        shader: "rowscale",
        entry: "backward",
        buffers: { x, dy, dscale: grads.scale },
        params: { rows, d },
        groups: flatGroups(rows, 1),
        overrides: { WG: r.software || d <= 256 ? rowWidth(r) : 256 },
      });
    }
    return grads;
  },
});

/** y = diag(scale) · x. */
export function scaled(r: Recorder, x: Tensor, scale: Tensor): Tensor {
  const [rows, d] = x.shape as [number, number];
  if (numel(scale.shape) !== rows) throw new Error(`rowscale: scale (${scale.shape}) does not fit x (${x.shape})`);
  const y = r.out(x.shape);
  r.run({
    shader: "rowscale",
    entry: "forward",
    buffers: { x, scale, y },
    params: { rows, d },
    groups: flatGroups(rows * d),
    overrides: { WG: 256 },
  });
  return y;
}
