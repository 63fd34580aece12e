import { numel } from "../tensor/tensor.ts";
import { defineOp, flatGroups, rowWidth } from "./op.ts";

/** y (rows) = ‖x‖ over each row of x (rows, D), which may be stacked. For norms that count as constants: there is no gradient. */
export const rownorm = defineOp<"x">({
  name: "rownorm",
  forward(r, { x }) {
    const d = x.shape.at(-1) as number;
    const rows = numel(x.shape) / d;
    const y = r.out(x.shape.slice(0, -1));
    const params = { rows, d };
    const overrides = { WG: r.software || d <= 256 ? rowWidth(r) : 256 };
    r.run({ shader: "rownorm", entry: "forward", buffers: { x, y }, params, groups: flatGroups(rows, 1), overrides });
    return { y };
  },
});
