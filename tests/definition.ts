/** The models in float64, written from their papers and the names of their checkpoints: what the GPU's results are held against. */
import attention from "../src/ops/attention.ref.ts";
import gelu from "../src/ops/gelu.ref.ts";
import layernorm from "../src/ops/layernorm.ref.ts";

export type Numbers = ReadonlyMap<string, Float64Array>;

/** What config.json says, in the words of the papers, and where a checkpoint has it. */
export interface Family {
  /** Before all names: "vit.". */
  readonly prefix: string;
  readonly width: number;
  readonly heads: number;
  readonly depth: number;
  readonly eps: number;
  readonly act: "exact" | "quick" | "swiglu";
  /** Of the numbered blocks. */
  readonly blocks: string;
  /** norm, q, k, v, out, norm, fc1, fc2. */
  readonly names: readonly string[];
  readonly scales?: readonly [string, string];
}

export interface Images {
  readonly size: number;
  readonly patch: number;
  readonly kernel: string;
  readonly cls: string;
  readonly positions: string;
  /** Tokens between the class token and the patches, and whether they have positions. */
  readonly extra?: { readonly name: string; readonly placed: boolean };
  /** Patches along a side that the position table is for, where that is not the images' own. */
  readonly from?: number;
  readonly antialias?: boolean;
}

const part = (all: Numbers, name: string): Float64Array => {
  const found = all.get(name);
  if (!found) throw new Error(`no ${name}`);
  return found;
};

/** x (rows, inner) → x·Wᵀ + b. */
export function linear(all: Numbers, name: string, x: Float64Array, inner: number): Float64Array {
  const weight = part(all, `${name}.weight`);
  const bias = all.get(`${name}.bias`);
  const out = weight.length / inner;
  return Float64Array.from({ length: (x.length / inner) * out }, (_, i) => {
    const [row, column] = [Math.floor(i / out), i % out];
    let sum = bias?.[column] ?? 0;
    for (let j = 0; j < inner; j++) sum += x[row * inner + j]! * weight[column * inner + j]!;
    return sum;
  });
}

export function norm(all: Numbers, name: string, x: Float64Array, width: number, eps: number): Float64Array {
  const inputs = { x, gamma: part(all, `${name}.weight`), beta: part(all, `${name}.bias`) };
  return layernorm.reference(inputs, { x: [x.length / width, width], gamma: [width], beta: [width] }, { eps });
}

const sum = (a: Float64Array, b: Float64Array): Float64Array => a.map((v, i) => v + b[i]!);

function active(x: Float64Array, act: Family["act"], inner: number): Float64Array {
  if (act !== "swiglu") return gelu.reference({ x }, { x: [x.length] }, { kind: act });
  return Float64Array.from({ length: x.length / 2 }, (_, i) => {
    const gate = x[Math.floor(i / inner) * 2 * inner + (i % inner)]!;
    return (gate / (1 + Math.exp(-gate))) * x[Math.floor(i / inner) * 2 * inner + inner + (i % inner)]!;
  });
}

/** softmax(q kᵀ / √d) of one image: (heads, T, T). */
function weightsOf(q: Float64Array, k: Float64Array, width: number, heads: number): Float64Array {
  const [tokens, head] = [q.length / width, width / heads];
  const rows = Array.from({ length: heads * tokens }, (_, row) => {
    const [h, t] = [Math.floor(row / tokens), row % tokens];
    const scores = Array.from({ length: tokens }, (__, s) => {
      let dot = 0;
      for (let i = 0; i < head; i++) dot += q[t * width + h * head + i]! * k[s * width + h * head + i]!;
      return Math.exp(dot / Math.sqrt(head));
    });
    const total = scores.reduce((a, b) => a + b, 0);
    return scores.map((score) => score / total);
  });
  return Float64Array.from(rows.flat());
}

/** x (B·T, width) → after the last block. With one image, `weights` gets those of each block's attention. */
export function encode(
  all: Numbers,
  family: Family,
  x: Float64Array,
  batch: number,
  causal = false,
  weights?: Float64Array[],
): Float64Array {
  const { width, heads, eps, act, scales } = family;
  const shape = [x.length / width, width];
  for (let i = 0; i < family.depth; i++) {
    const at = `${family.prefix}${family.blocks}.${i}.`;
    const [norm1, q, k, v, out, norm2, fc1, fc2] = family.names.map((name) => at + name) as [string, ...string[]] & { length: 8 };
    const scaled = (y: Float64Array, which: 0 | 1) => {
      const lambda = scales && part(all, at + scales[which]);
      return lambda ? y.map((value, j) => value * lambda[j % width]!) : y;
    };
    const h = norm(all, norm1, x, width, eps);
    const inputs = { q: linear(all, q!, h, width), k: linear(all, k!, h, width), v: linear(all, v!, h, width) };
    weights?.push(weightsOf(inputs.q, inputs.k, width, heads));
    const mixed = attention.reference(inputs, { q: shape, k: shape, v: shape }, { batch, heads, causal });
    x = sum(x, scaled(linear(all, out!, mixed, width), 0));
    const inner = part(all, `${fc2}.weight`).length / width;
    const wide = active(linear(all, fc1!, norm(all, norm2!, x, width, eps), width), act, inner);
    x = sum(x, scaled(linear(all, fc2!, wide, inner), 1));
  }
  return x;
}

/** Keys' cubic convolution, its slope at 1 being `a`. */
const cubic = (x: number, a: number): number => {
  const t = Math.abs(x);
  if (t <= 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1;
  return t < 2 ? a * (t ** 3 - 5 * t ** 2 + 8 * t - 4) : 0;
};

/**
 * A row (from) of numbers at the middle of target `t` of `to`. Without antialias the row goes on beyond its ends as it ends; with
 * it, the kernel covers as much of the row as a target does, and weighs only what is there.
 */
export function resampled(row: (i: number) => number, from: number, to: number, t: number, antialias: boolean): number {
  const middle = ((t + 0.5) * from) / to;
  const stretch = antialias ? Math.max(1, from / to) : 1;
  let [value, weights] = [0, 0];
  for (let i = -3; i < from + 3; i++) {
    if (antialias && (i < 0 || i >= from)) continue;
    const weight = cubic((i + 0.5 - middle) / stretch, antialias ? -0.5 : -0.75);
    value += weight * row(Math.min(Math.max(i, 0), from - 1));
    weights += weight;
  }
  return value / weights;
}

/** pixels (B, 3, size, size) → x (B·T, width): class token, extra tokens, patches, with their positions. */
export function embedImages(all: Numbers, { prefix, width }: Family, images: Images, pixels: Float64Array): Float64Array {
  const { size, patch, kernel, cls, positions, extra, from, antialias = false } = images;
  const across = size / patch;
  const weight = part(all, `${prefix}${kernel}.weight`);
  const bias = all.get(`${prefix}${kernel}.bias`);
  const table = part(all, prefix + positions);
  const head = extra ? part(all, prefix + extra.name) : new Float64Array();
  const skip = 1 + (extra?.placed ? head.length / width : 0);
  const place = (y: number, x: number, d: number): number => {
    if (!from) return table[(skip + y * across + x) * width + d]!;
    const column = (row: number) => resampled((i) => table[(skip + row * from + i) * width + d]!, from, across, x, antialias);
    return resampled(column, from, across, y, antialias);
  };
  const result: number[] = [];
  for (let b = 0; b < pixels.length / (3 * size * size); b++) {
    for (let d = 0; d < width; d++) result.push(part(all, prefix + cls)[d]! + table[d]!);
    for (let i = 0; i < head.length; i++) result.push(head[i]! + (extra?.placed ? table[width + i]! : 0));
    for (let token = 0; token < across ** 2; token++) {
      const [y, x] = [Math.floor(token / across), token % across];
      for (let d = 0; d < width; d++) {
        let value = (bias?.[d] ?? 0) + place(y, x, d);
        for (let c = 0; c < 3; c++) {
          for (let i = 0; i < patch; i++) {
            for (let j = 0; j < patch; j++) {
              const pixel = pixels[((b * 3 + c) * size + y * patch + i) * size + x * patch + j]!;
              value += pixel * weight[((d * 3 + c) * patch + i) * patch + j]!;
            }
          }
        }
        result.push(value);
      }
    }
  }
  return Float64Array.from(result);
}

/** Of x (B·T, width) for each image: the row `first`, or the mean of the rows from it on. */
export function pooled(x: Float64Array, batch: number, width: number, first: number, mean: boolean): Float64Array[] {
  const tokens = x.length / batch / width;
  return Array.from({ length: batch }, (_, b) =>
    Float64Array.from({ length: width }, (__, d) => {
      let total = 0;
      const end = mean ? tokens : first + 1;
      for (let t = first; t < end; t++) total += x[(b * tokens + t) * width + d]!;
      return total / (end - first);
    }),
  );
}

export const joined = (rows: readonly Float64Array[]): Float64Array => Float64Array.from(rows.flatMap((row) => [...row]));
