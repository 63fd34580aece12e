import { defineOracle } from "./op.ts";
import { unpack } from "./unpack.ts";

const exact = { cfg: {}, tolerance: 0 };

export default defineOracle({
  op: unpack,
  reference: ({ x }) => x.slice(),
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { x: [1] }, packed: { x: "f16" }, ...exact },
    { name: "odd f16", shapes: { x: [7, 3, 5] }, packed: { x: "f16" }, ...exact },
    { name: "odd bf16", shapes: { x: [23, 31] }, packed: { x: "bf16" }, ...exact },
    { name: "even, more than one workgroup", shapes: { x: [36, 40] }, packed: { x: "f16" }, ...exact },
    { name: "large numbers", shapes: { x: [9, 4] }, packed: { x: "bf16" }, offset: { x: -1e30 }, ...exact },
  ],
});
