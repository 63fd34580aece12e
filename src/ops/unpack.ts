import { isPacked, numel } from "../tensor/tensor.ts";
import { defineOp, flatGroups, packing } from "./op.ts";

/** y (f32) = x (f16 or bf16), exactly. x is frozen: to train its numbers, train y. Throws when x is not packed. */
export const unpack = defineOp<"x">({
  name: "unpack",
  forward(r, { x }) {
    if (!isPacked(x)) throw new Error(`unpack: ${x.label || "x"} is ${x.type}, not packed`);
    const n = numel(x.shape);
    const y = r.out(x.shape);
    r.run({
      shader: "unpack",
      entry: "forward",
      buffers: { x, y },
      params: { n },
      groups: flatGroups(Math.ceil(n / 2)),
      overrides: { PACKED: packing(x) },
    });
    return { y };
  },
  onnx: (_g, { x }) => x, // weights in a file are f32
});
