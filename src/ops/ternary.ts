import { defineOp } from "./op.ts";
import { merge, project, type RandloraMerge } from "./randlora.ts";

/**
 * What `randlora` computes, for bases whose entries are 0 and ±v: additions and subtractions, without multiplying by them.
 * A and B are u32 words of sixteen codes of two bits, (rank, ⌈columns / 16⌉) and (rows, ⌈columns / 16⌉): bit 0 adds, bit 1
 * subtracts. levels (2) are the magnitudes v of A and of B; each is multiplied once, at the end.
 */
export const ternary = defineOp<"w" | "basisB" | "basisA" | "lambda" | "gamma" | "levels", never, RandloraMerge>({
  name: "ternary",
  forward: (r, x, { gain }) => ({ y: merge(r, "ternary", x, gain) }),
  backward(r, x, _saved, dy, need, { gain }) {
    if (need.w || need.basisA || need.basisB) throw new Error("ternary: the weight and the bases are frozen; only λ and γ have gradients");
    return project(r, "ternary", x, dy, gain);
  },
});
