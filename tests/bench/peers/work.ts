/**
 * The work that all programs do: one LoRA training step of half a transformer block, and the numbers that it starts from.
 *
 *   mlp        y = x + W2 · gelu(W1 · n + b1) + b2
 *   attention  y = x + Wo · attention(Wq · n, Wk · n, Wv · n)
 *
 * with n = LayerNorm(x), the exact gelu, and W + B · A in the place of every W. The loss is the mean of (y − target)². A step
 * computes it and the gradients of all A and B, and changes them by AdamW without decay. All is float32.
 */
import { normal, uniform } from "../../../src/tensor/random.ts";

export interface Case {
  readonly block: "mlp" | "attention";
  readonly width: number;
  readonly batch: number;
  readonly tokens: number;
  readonly rank: number;
}

/** A frozen layer W (out, in), with a bias (out) in the MLP, and its adapter: A (rank, in) and B (out, rank). */
export interface Linear {
  readonly name: string;
  readonly in: number;
  readonly out: number;
  readonly weight: Float32Array;
  readonly bias?: Float32Array;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

export interface Work extends Case {
  /** batch · tokens */
  readonly rows: number;
  readonly heads: number;
  /** (rows, width) */
  readonly x: Float32Array;
  readonly target: Float32Array;
  /** (width) Of the LayerNorm. */
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  /** W1 and W2, or Wq, Wk, Wv and Wo. */
  readonly linears: readonly Linear[];
}

/** Of the LayerNorm. */
export const EPS = 1e-5;
export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 } as const;

/** What the bench needs of a program. */
export interface Program {
  readonly version: string;
  /** Queues a training step. */
  step(): void;
  /** The loss of the last step, before its update; waits for all that is queued. */
  loss(): Promise<number>;
}

const both = (size: Omit<Case, "block">): Case[] => [
  { block: "mlp", ...size },
  { block: "attention", ...size },
];

/** For an adapter that computes on the CPU: ViT-Ti at 64 pixels, a batch of 2. For a GPU: the same with 64, and ViT-B/32 at 224. */
export const CASES = {
  small: both({ width: 192, batch: 2, tokens: 65, rank: 8 }),
  real: [...both({ width: 192, batch: 64, tokens: 65, rank: 32 }), ...both({ width: 768, batch: 64, tokens: 50, rank: 32 })],
} as const;

/** Every number follows from its place: all programs start alike. B is not zero, or A would have no gradient at first. */
export function draw(size: Case): Work {
  const { block, width, batch, tokens, rank } = size;
  const rows = batch * tokens;
  let stream = 0;
  const noise = (n: number, spread: number, mean = 0) => {
    const own = stream++;
    return Float32Array.from({ length: n }, (_, i) => mean + spread * normal(1, own, i));
  };
  const flat = (n: number, bound: number) => {
    const own = stream++;
    return Float32Array.from({ length: n }, (_, i) => bound * (2 * uniform(1, own, i) - 1));
  };
  const linear = (name: string, inner: number, out: number): Linear => ({
    name,
    in: inner,
    out,
    weight: noise(out * inner, 1 / Math.sqrt(inner)),
    ...(block === "mlp" && { bias: noise(out, 0.1) }),
    a: flat(rank * inner, 1 / Math.sqrt(inner)),
    b: noise(out * rank, 0.1 / Math.sqrt(rank)),
  });
  return {
    ...size,
    rows,
    heads: width / 64,
    x: noise(rows * width, 1),
    target: noise(rows * width, 1),
    gamma: noise(width, 0.1, 1),
    beta: noise(width, 0.1),
    linears:
      block === "mlp"
        ? [linear("fc1", width, 4 * width), linear("fc2", 4 * width, width)]
        : ["q", "k", "v", "out"].map((name) => linear(name, width, width)),
  };
}

/** The transpose of x (rows, cols). */
export const turned = (x: Float32Array, rows: number, cols: number): Float32Array =>
  Float32Array.from({ length: x.length }, (_, i) => x[(i % rows) * cols + Math.floor(i / rows)] as number);
