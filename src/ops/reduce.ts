import { partsOf, stackOf } from "../tensor/stack.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defineOp, type Recorder } from "./op.ts";

/** COLUMNS of shaders/lib/block.wgsl. */
const COLUMNS = 32;
/** Workgroups that keep a large GPU busy. */
const BUSY = 1024;
/** A block is of so many rows or a multiple: each invocation of a workgroup reads eight of them at once. */
const ROWS = 64;
/** The most rows, and so the most blocks, that one workgroup sums by itself. */
const MOST = 128;

/** How a kernel that sums the columns of (rows, n) by shaders/lib/block.wgsl is launched; it writes (blocks, n). */
export function byBlocks({ software }: Recorder, rows: number, n: number) {
  const across = Math.ceil(n / COLUMNS);
  const wanted = Math.min(MOST, Math.ceil(BUSY / across));
  const blocks = rows <= MOST ? 1 : Math.ceil(rows / (ROWS * Math.ceil(rows / (ROWS * wanted))));
  // A CPU adapter has all rows of a column summed by one invocation, without a barrier.
  return { blocks, groups: [across, blocks], overrides: { WG: software ? COLUMNS : 8 * COLUMNS } } as const;
}

/** (n), the sum over the rows of x (rows, n), in two passes where there are many. */
export function columnSum(r: Recorder, x: Tensor): Tensor {
  const [rows, n] = x.shape as [number, number];
  const { blocks, ...launch } = byBlocks(r, rows, n);
  const y = r.out(blocks === 1 ? [n] : [blocks, n]);
  r.run({ shader: "reduce", entry: "blocks", buffers: { x, y }, params: { n, rows }, ...launch });
  return blocks === 1 ? y : columnSum(r, y);
}

/** As `columnSum`; of stacked x (stack, rows, n) the sums of each (stack, n). */
export const columnSums = (r: Recorder, x: Tensor): Tensor =>
  x.shape.length === 3
    ? stackOf(
        r,
        partsOf(x).map((part) => columnSum(r, part)),
      )
    : columnSum(r, x);

/** y (D) = the sum over the rows of x (rows, D), as other ops use it for gradients; there is none of its own. */
export const reduce = defineOp<"x">({
  name: "reduce",
  forward: (r, { x }) => ({ y: columnSum(r, x) }),
});
