import { defineOp, flatGroups, rowWidth } from "./op.ts";

/** y (rows) = ‖x‖ over each row of x (rows, D). For norms that count as constants: there is no gradient. */
export const rownorm = defineOp<"x">({
  name: "rownorm",
  forward(r, { x }) {
    const [rows, d] = x.shape as [number, number];
    const y = r.out([rows]);
    const params = { rows, d };
    const overrides = { WG: r.software || d <= 256 ? rowWidth(r) : 256 };
    r.run({ shader: "rownorm", entry: "forward", buffers: { x, y }, params, groups: flatGroups(rows, 1), overrides });
    return { y };
  },
});
