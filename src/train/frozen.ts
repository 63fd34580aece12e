/** The model as it is in the checkpoint, with no method attached. Apart from lanes, which need a GPU: the page counts by it. */
import type { Pass, Site } from "../models/model.ts";
import { matmul } from "../ops/matmul.ts";
import type { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { canStack, stackedSites } from "./stacked.ts";

/** The model as it is in the checkpoint. */
export function frozenPass(tape: Tape): Pass {
  const product = (x: Tensor, { weight, ...rest }: Pick<Site, "weight" | "bias">, add?: Tensor) =>
    tape.apply(matmul, { a: x, b: weight, ...rest, ...(add && { add }) }, { transB: true });
  const linear: Pass["linear"] = ({ weight, bias }, x, sum) => product(x, { weight, ...(bias && { bias }) }, sum);
  return {
    tape,
    linear,
    linears: (sites, x) =>
      canStack(tape, sites, x) ? tape.parts(product(x, stackedSites(tape, sites))) : sites.map((site) => linear(site, x)),
  };
}
