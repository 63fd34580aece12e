/**
 * The variants of kernels that this device was found to be fastest with, at the sizes of a step. Definitions are too slow for these
 * sizes and try all variants at small ones (verify.ts); here two variants of a problem, which add in different orders, must agree.
 */
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { storage, upload } from "../gpu/memory.ts";
import { shader } from "../gpu/shader.ts";
import { pack } from "../tensor/half.ts";
import { readTensor } from "../tensor/once.ts";
import type { Launch } from "../tensor/op.ts";
import { Arena } from "../tensor/plan.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength, type ElementType, isPacked, numel, storageOf, type Tensor, tensor } from "../tensor/tensor.ts";
import type { Trial } from "../tensor/variant.ts";

export interface Agreement {
  readonly problem: string;
  /** The one that is used, and the one that it was compared with. */
  readonly variant: string;
  readonly other: string;
  /** Largest difference of two numbers, over the root of the mean square of all. */
  readonly error: number;
  readonly failure?: string;
}

/** Sums of ten thousand float32 products in two orders differ by a hundredth of that. */
const AGREES = 1e-3;

/** Runs the variant of this name, and another one, on the same random numbers. */
export async function agreement(gpu: Gpu, kernels: Kernels, problem: string, trial: Trial, name: string): Promise<Agreement> {
  const used = Math.max(0, trial.names.indexOf(name));
  const other = used === 0 ? 1 : 0;
  const found = { problem, variant: trial.names[used] as string, other: trial.names[other] as string };
  const [got, want] = [await run(gpu, kernels, trial, used), await run(gpu, kernels, trial, other)];
  const errors = want.map((numbers, i) => difference(got[i] ?? new Float32Array(), numbers));
  const error = Math.max(...errors);
  // JSON has no infinity.
  if (!(error <= AGREES)) return { ...found, error: Math.min(error, Number.MAX_VALUE), failure: `differs from ${found.other} by ${error}` };
  return { ...found, error };
}

/** Infinite where one of them has another length, or a number that is none. */
function difference(got: Float32Array, want: Float32Array): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let [most, squares] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const gap = Math.abs((got[i] as number) - (want[i] as number));
    if (!(gap <= most)) most = gap;
    if (Number.isNaN(gap)) return Number.POSITIVE_INFINITY;
    squares += (want[i] as number) ** 2;
  }
  return most === 0 ? 0 : most / Math.sqrt(squares / want.length);
}

/** What a variant makes of random numbers: all that its last kernels write. */
async function run(gpu: Gpu, kernels: Kernels, trial: Trial, which: number): Promise<Float32Array[]> {
  const tape = new Tape(false);
  const inputs: Tensor[] = [];
  trial.record(tape, which, (shape, type = "f32") => {
    const x = tensor(shape, { type, buffer: upload(gpu, random(numel(shape), type, inputs.length), "trial") });
    inputs.push(x);
    return x;
  });
  const results = resultsOf(tape.launches, new Set(inputs));
  for (const y of results) y.buffer = storage(gpu, byteLength(y), "result");
  const arena = new Arena(gpu, kernels);
  try {
    const [plan] = await arena.plan([tape]);
    plan?.submit(gpu);
    const numbers: Float32Array[] = [];
    for (const y of results) numbers.push(await readTensor(gpu, y));
    return numbers;
  } finally {
    arena.destroy();
    for (const { buffer } of [...inputs, ...results]) buffer?.destroy();
  }
}

/** What is written and then read by none of the launches. */
function resultsOf(launches: readonly Launch[], inputs: ReadonlySet<Tensor>): Tensor[] {
  const [written, read] = [new Set<Tensor>(), new Set<Tensor>()];
  for (const { shader: name, buffers } of launches) {
    const { bindings } = shader(name);
    for (const [binding, x] of Object.entries(buffers)) (bindings.get(binding)?.access === "read" ? read : written).add(storageOf(x));
  }
  return [...written].filter((x) => !read.has(x) && !inputs.has(x));
}

/** Between -1 and 1; whole numbers of 32 bits where such are asked for. Quick rather than good. */
function random(n: number, type: ElementType, stream: number): Float32Array | Uint32Array {
  const words = new Uint32Array(n);
  let x = 12_345 + 7919 * stream;
  for (let i = 0; i < n; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    words[i] = x;
  }
  if (type === "u32") return words;
  const floats = Float32Array.from(words, (word) => word / 2 ** 31 - 1);
  return isPacked({ type }) ? pack(floats, type as "f16" | "bf16") : floats;
}
