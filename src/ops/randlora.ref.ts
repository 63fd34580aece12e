import { defineOracle } from "./op.ts";
import { randlora } from "./randlora.ts";

/** Bases may be larger than the layer needs: `spare` rows and columns of each are not its own. */
const on = (out: number, inner: number, rank: number, spare = 0) => {
  const [large, small] = [Math.max(out, inner), Math.min(out, inner)];
  const bases = Math.ceil(small / rank);
  return {
    w: [out, inner],
    basisB: [large + spare, rank * (bases + spare)],
    basisA: [rank, small + spare],
    lambda: [rank, bases],
    gamma: [bases, small],
  };
};

/** Several layers on the same bases. */
const stacked = (stack: number, { w, lambda, gamma, ...shared }: ReturnType<typeof on>) => ({
  ...shared,
  w: [stack, ...w],
  lambda: [stack, ...lambda],
  gamma: [stack, ...gamma],
});

/** The same with B as codes. */
const coded = (...sizes: Parameters<typeof on>) => {
  const shapes = on(...sizes);
  const [rows, cols] = shapes.basisB as [number, number];
  return { shapes: { ...shapes, basisB: [rows, Math.ceil(cols / 4)], levels: [1, 256] }, integers: { basisB: 2 ** 32 } };
};

export default defineOracle({
  op: randlora,
  // The paper's Σ_b B_b Λ_b A Γ_b, term by term, with PEFT's pairing of columns (column c of B meets rank c div n, basis c mod n).
  reference({ w, basisB, basisA, lambda, gamma, levels }, shapes, { gain }) {
    const [out, inner] = shapes.w.slice(-2) as [number, number];
    const [rank, bases] = shapes.lambda.slice(-2) as [number, number];
    const stack = w.length / (out * inner);
    const [strideA, strideB] = [shapes.basisA[1] as number, shapes.basisB[1] as number];
    const small = Math.min(out, inner);
    const entry = (m: number, c: number): number => {
      if (!levels) return basisB[m * strideB + c]!;
      return levels[Math.floor(basisB[m * strideB + Math.floor(c / 4)]! / 256 ** (c % 4)) % 256]!;
    };
    const y = w.slice();
    for (let s = 0; s < stack; s++) {
      const [lambdas, gammas] = [lambda.subarray(s * rank * bases), gamma.subarray(s * bases * small)];
      for (let o = 0; o < out; o++) {
        for (let i = 0; i < inner; i++) {
          const [m, j] = inner <= out ? [o, i] : [i, o];
          for (let k = 0; k < rank; k++) {
            for (let b = 0; b < bases; b++) {
              const c = k * bases + b;
              y[(s * out + o) * inner + i]! += gain * entry(m, c) * lambdas[c]! * basisA[k * strideA + j]! * gammas[b * small + j]!;
            }
          }
        }
      }
    }
    return y;
  },
  differentiable: ["lambda", "gamma"],
  cases: [
    { name: "smallest", shapes: on(1, 1, 1), cfg: { gain: 1 } },
    { name: "odd, wide, rank does not divide", shapes: on(13, 29, 5, 2), cfg: { gain: 0.25 } },
    { name: "odd, tall, from larger bases", shapes: on(37, 11, 3, 3), cfg: { gain: 0.25 } },
    { name: "square, several tiles", shapes: on(40, 40, 2), cfg: { gain: 0.1 } },
    { name: "in fours, wide, from larger bases", shapes: on(12, 44, 5, 4), cfg: { gain: 0.25 } },
    { name: "in fours, tall, several slices", shapes: on(264, 8, 3, 4), cfg: { gain: 0.1 } },
    { name: "whole tiles", shapes: on(64, 64, 2), cfg: { gain: 0.1 } },
    { name: "tiles whole but for the last copies", shapes: on(64, 32, 3), cfg: { gain: 0.1 } },
    { name: "rank beyond a tile", shapes: on(36, 72, 70), cfg: { gain: 0.1 } },
    { name: "stack", shapes: stacked(2, on(64, 64, 4)), cfg: { gain: 0.1 } },
    { name: "stack, wide, several slices", shapes: stacked(3, on(64, 192, 4)), cfg: { gain: 0.1 } },
    // ΔW is a thousandth of w: the update must survive its addition to a large weight to float32's rounding.
    { name: "small update of a large weight", shapes: on(16, 12, 4), cfg: { gain: 0.01 }, offset: { w: 1000 } },
    { name: "smallest, coded", ...coded(1, 1, 1), cfg: { gain: 1 } },
    { name: "coded, odd, wide, rank does not divide", ...coded(13, 29, 5, 2), cfg: { gain: 0.25 } },
    { name: "coded, odd, tall, from larger bases", ...coded(37, 11, 3, 3), cfg: { gain: 0.25 } },
    { name: "coded, odd, several tiles, bases begin inside a word", ...coded(41, 41, 3), cfg: { gain: 0.1 } },
    { name: "coded, in fours, wide, from larger bases", ...coded(12, 44, 5, 4), cfg: { gain: 0.25 } },
    { name: "coded, in fours, tall, several slices", ...coded(264, 8, 3, 4), cfg: { gain: 0.1 } },
    { name: "coded, several tiles", ...coded(44, 40, 3), cfg: { gain: 0.1 } },
    { name: "coded, whole tiles, wide", ...coded(64, 128, 2), cfg: { gain: 0.1 } },
    { name: "coded, rank beyond a tile", ...coded(36, 72, 70), cfg: { gain: 0.1 } },
  ],
});
