import { defineOracle } from "./op.ts";
import { ternary } from "./ternary.ts";

const words = (cols: number) => Math.ceil(cols / 16);

/** Bases may be larger than the layer needs: `spare` rows and columns of each are not its own. */
const on = (out: number, inner: number, rank: number, spare = 0) => {
  const [large, small] = [Math.max(out, inner), Math.min(out, inner)];
  const bases = Math.ceil(small / rank);
  return {
    shapes: {
      w: [out, inner],
      basisB: [large + spare, words(rank * (bases + spare))],
      basisA: [rank, words(small + spare)],
      lambda: [rank, bases],
      gamma: [bases, small],
      levels: [1, 2],
    },
    integers: { basisA: 2 ** 32, basisB: 2 ** 32 },
  };
};

/** −1, 0 or 1: entry `col` of a row of codes that begins at `start`. */
function sign(codes: Float64Array, start: number, col: number): number {
  const code = Math.floor(codes[start + Math.floor(col / 16)]! / 4 ** (col % 16)) % 4;
  return (code % 2) - Math.floor(code / 2);
}

export default defineOracle({
  op: ternary,
  // The definition of `randlora`, with the bases written out.
  reference({ w, basisB, basisA, lambda, gamma, levels }, shapes, { gain }) {
    const [out, inner] = shapes.w as [number, number];
    const [rank, bases] = shapes.lambda as [number, number];
    const [strideA, strideB] = [shapes.basisA[1] as number, shapes.basisB[1] as number];
    const small = Math.min(out, inner);
    const y = w.slice();
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < inner; i++) {
        const [m, j] = inner <= out ? [o, i] : [i, o];
        for (let k = 0; k < rank; k++) {
          const a = levels[0]! * sign(basisA, k * strideA, j);
          for (let b = 0; b < bases; b++) {
            const c = k * bases + b;
            y[o * inner + i]! += gain * levels[1]! * sign(basisB, m * strideB, c) * lambda[c]! * a * gamma[b * small + j]!;
          }
        }
      }
    }
    return y;
  },
  differentiable: ["lambda", "gamma"],
  cases: [
    { name: "smallest", ...on(1, 1, 1), cfg: { gain: 1 } },
    { name: "odd, wide, rank does not divide", ...on(13, 29, 5, 2), cfg: { gain: 0.25 } },
    { name: "odd, tall, from larger bases", ...on(37, 11, 3, 3), cfg: { gain: 0.25 } },
    { name: "odd, several tiles, bases begin inside a word", ...on(41, 41, 3), cfg: { gain: 0.1 } },
    { name: "in fours, wide, from larger bases", ...on(12, 44, 5, 4), cfg: { gain: 0.25 } },
    { name: "in fours, tall, several slices", ...on(264, 8, 3, 4), cfg: { gain: 0.1 } },
    { name: "several tiles, bases begin inside a word", ...on(44, 76, 3), cfg: { gain: 0.1 } },
    { name: "whole words", ...on(64, 48, 2), cfg: { gain: 0.1 } },
    { name: "rank beyond a tile", ...on(36, 72, 70), cfg: { gain: 0.1 } },
    // ΔW is a thousandth of w: the update must survive its addition to a large weight to float32's rounding.
    { name: "small update of a large weight", ...on(16, 12, 4), cfg: { gain: 0.01 }, offset: { w: 1000 } },
  ],
});
