import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, type Launch } from "./op.ts";

export interface RandloraMerge {
  /** Factor of the update, α / r. */
  readonly gain: number;
}

/**
 * y (out, in) = w + gain · B diag(λ) A diag(γ), summed over the bases, as PEFT pairs their columns (never the n scaled copies
 * of A in memory). B is (≥ max(out, in), columns) and A is (rank, ≥ min(out, in)): one pair serves layers of all sizes, each
 * takes the corner it needs. λ is (rank, n), γ is (n, min(out, in)). When in > out the update is transposed.
 * Only λ and γ have gradients.
 */
export const randlora = defineOp<"w" | "basisB" | "basisA" | "lambda" | "gamma", never, RandloraMerge>({
  name: "randlora",
  forward(r, { w, basisB, basisA, lambda, gamma }, { gain }) {
    const { params, large, small } = sizes(w, basisB, basisA, lambda, gain);
    const y = r.out(w.shape);
    r.run({ ...program("merge", small, large, r.software), buffers: { w, basis_b: basisB, basis_a: basisA, lambda, gamma, y }, params });
    return { y };
  },
  backward(r, { w, basisB, basisA, lambda, gamma }, _saved, dy, need, { gain }) {
    if (need.w || need.basisA || need.basisB) throw new Error("randlora: the weight and the bases are frozen; only λ and γ have gradients");
    const { params, small, bases } = sizes(w, basisB, basisA, lambda, gain);
    const launch = program("project", small, bases, r.software);
    const dgamma = r.out(gamma.shape);
    const dlambda = r.out(lambda.shape);
    // One part per tile column, summed in a fixed order.
    const n = numel(lambda.shape);
    const rows = r.software ? Math.ceil(small / 4) : launch.groups[0];
    const parts = r.out([rows, n]);
    r.run({ ...launch, buffers: { basis_b: basisB, basis_a: basisA, lambda, gamma, dy, dlambda_parts: parts, dgamma }, params });
    r.run({
      shader: "reduce",
      entry: "slices",
      buffers: { x: parts, add: lambda, y: dlambda },
      params: { n, rows, alpha: 1 },
      groups: [Math.ceil(n / 64)],
      overrides: { WG: 64 },
    });
    return { lambda: dlambda, gamma: dgamma };
  },
});

function sizes(w: Tensor, basisB: Tensor, basisA: Tensor, lambda: Tensor, gain: number) {
  const [out, inner] = w.shape as [number, number];
  const [rank, bases] = lambda.shape as [number, number];
  const [large, small] = [Math.max(out, inner), Math.min(out, inner)];
  const strideA = basisA.shape[1] as number;
  const [rowsB, strideB] = basisB.shape as [number, number];
  if (rowsB < large || strideB < rank * bases || strideA < small) {
    throw new Error(`randlora: bases (${basisB.shape}) and (${basisA.shape}) are too small for a (${out}, ${inner}) layer`);
  }
  const [step_m, step_j] = inner <= out ? [inner, 1] : [1, inner];
  return { params: { large, small, rank, bases, stride_a: strideA, stride_b: strideB, step_m, step_j, gain }, large, small, bases };
}

function program(
  entry: "merge" | "project",
  columns: number,
  rows: number,
  software: boolean,
): Pick<Launch, "shader" | "entry" | "groups" | "knobs"> {
  if (software) return { shader: "randlora_direct", entry, groups: [Math.ceil(columns / 32), Math.ceil(rows / 32)] };
  // Small layers need small tiles to spread over the whole GPU.
  const TILE = columns * rows >= 512 * 512 ? 64 : 32;
  return { shader: "randlora", entry, groups: [Math.ceil(columns / TILE), Math.ceil(rows / TILE)], knobs: { TILE } };
}
