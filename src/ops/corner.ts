import { defineOp, flatGroups } from "./op.ts";

/** y (rows, cols): the first rows and columns of the frozen matrix x. */
export const corner = defineOp<"x", never, { rows: number; cols: number }>({
  name: "corner",
  forward(r, { x }, { rows, cols }) {
    const [height, stride] = x.shape as [number, number];
    if (height < rows || stride < cols) throw new Error(`corner: (${height}, ${stride}) has no (${rows}, ${cols}) corner`);
    const y = r.out([rows, cols]);
    r.run({ shader: "corner", entry: "forward", buffers: { x, y }, params: { rows, cols, stride }, groups: flatGroups(rows * cols) });
    return { y };
  },
});
