/** What the device can do at most with these kernels: the marks against which everything else is held. */
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { storage, upload } from "../gpu/memory.ts";
import { add } from "../ops/add.ts";
import { gelu } from "../ops/gelu.ts";
import { matmul } from "../ops/matmul.ts";
import { Arena, type Plan } from "../tensor/plan.ts";
import { Tape } from "../tensor/tape.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { tune } from "../tensor/tuning.ts";
import { choicesOf } from "../tensor/variant.ts";
import { milliseconds } from "./clock.ts";

export interface Ceilings {
  /** Bytes that a copy reads and writes in a second, in GB/s: the better of the device's own copy and a kernel that copies. */
  readonly copy: number;
  /** TFLOP/s of the best f32 matmul, and the side of the square matrices at which it was reached. */
  readonly matmul: number;
  readonly side: number;
  /** Milliseconds that pass between two launches of different kernels of which one waits for the other; 0 without a clock on the GPU. */
  readonly between: number;
}

/** Larger than the caches of the devices of today. */
const COPY_BYTES = 2 ** 27;
const SIDES = [512, 1024, 2048, 4096];
/** A software adapter shows what it can at these. */
const SMALL = { copyBytes: 2 ** 22, sides: [128, 256] };
/** A matmul that will take longer is not tried. */
const LONGEST_MS = 300;

/** Takes a few seconds at most. */
export async function measureCeilings(gpu: Gpu, kernels: Kernels): Promise<Ceilings> {
  const { copyBytes, sides } = gpu.software ? SMALL : { copyBytes: COPY_BYTES, sides: SIDES };
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const copy = await measureCopy(gpu, kernels, Math.min(copyBytes, maxBufferSize, maxStorageBufferBindingSize));
  let best = { matmul: 0, side: 0 };
  for (const side of sides) {
    const flops = 2 * side ** 3;
    if (best.matmul && flops / best.matmul / 1e9 > LONGEST_MS) break;
    const rate = flops / (await measureMatmul(gpu, kernels, side)) / 1e9;
    if (rate > best.matmul) best = { matmul: rate, side };
  }
  return { copy, ...best, between: await measureBetween(gpu, kernels) };
}

/** Launches of a chain that does next to nothing. */
const CHAIN = 1024;

/**
 * How much longer a launch takes in a chain of kernels that alternate than in a row of its own, which is how profiles time kernels: the
 * rest is the device's, before it begins another kernel.
 */
async function measureBetween(gpu: Gpu, kernels: Kernels): Promise<number> {
  if (!gpu.features.has("timestamp-query")) return 0;
  const first = tensor([64], { buffer: upload(gpu, mixed(64), "chain") });
  const chain = (length: number) => {
    const tape = new Tape(gpu.software);
    let x: Tensor = first;
    for (let i = 0; i < length; i += 2) x = tape.apply(add, { a: tape.apply(gelu, { x }, { kind: "quick" }), b: first }, { factor: 1 });
    return tape;
  };
  const arena = new Arena(gpu, kernels);
  const [long, short] = (await arena.plan([chain(CHAIN), chain(2)])) as [Plan, Plan];
  const together = await milliseconds(gpu, (encoder) => long.encode(encoder));
  const alone = await short.profile(gpu, CHAIN);
  arena.destroy();
  first.buffer?.destroy();
  return Math.max(0, together / CHAIN - alone.reduce((sum, { ms }) => sum + ms, 0) / alone.length);
}

async function measureCopy(gpu: Gpu, kernels: Kernels, bytes: number): Promise<number> {
  const n = Math.floor(bytes / 4);
  const [from, to] = [upload(gpu, mixed(n), "copied"), storage(gpu, 4 * n, "copy")];
  const tape = new Tape(gpu.software);
  const x = tensor([n], { buffer: from });
  // The gradient of what is subtracted: as plain a kernel as there is, which reads once and writes once.
  const { b: y } = add.backward?.(tape, { a: x, b: x }, {}, x, { b: true }, { factor: -1 }, {}) ?? {};
  if (y) y.buffer = to;
  const arena = new Arena(gpu, kernels);
  const [plan] = await arena.plan([tape]);
  const ms = [
    await milliseconds(gpu, (encoder) => encoder.copyBufferToBuffer(from, 0, to, 0, 4 * n)),
    await milliseconds(gpu, (encoder) => plan?.encode(encoder)),
  ];
  arena.destroy();
  for (const buffer of [from, to]) buffer.destroy();
  return (8 * n) / Math.min(...ms) / 1e6;
}

/** Milliseconds of a square one, as a linear layer multiplies: x·Wᵀ or dy·W, whichever is faster. */
async function measureMatmul(gpu: Gpu, kernels: Kernels, side: number): Promise<number> {
  const x = tensor([side, side], { buffer: upload(gpu, mixed(side * side), "factor") });
  const times: number[] = [];
  for (const transB of [true, false]) {
    const record = () => {
      const tape = new Tape(gpu.software, choicesOf(gpu));
      tape.apply(matmul, { a: x, b: x }, { transB });
      return tape;
    };
    await tune(gpu, kernels, [record()]);
    const arena = new Arena(gpu, kernels);
    const [plan] = await arena.plan([record()]);
    times.push(await milliseconds(gpu, (encoder) => plan?.encode(encoder)));
    arena.destroy();
  }
  x.buffer?.destroy();
  return Math.min(...times);
}

/** Numbers between -1 and 1: with zeros a device may have less to do. */
function mixed(n: number): Float32Array {
  const numbers = new Float32Array(n);
  for (let i = 0; i < n; i++) numbers[i] = ((i * 40503) % 1024) / 512 - 1;
  return numbers;
}
