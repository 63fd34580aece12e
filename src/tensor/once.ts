/** A tape that is run once: for what is computed beside training. */
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { readback, storage } from "../gpu/memory.ts";
import { Arena } from "./plan.ts";
import type { Tape } from "./tape.ts";
import { byteLength, numel, owner, type Tensor } from "./tensor.ts";

/** Runs the tape in an arena of its own and reads `results`; those that lie on the GPU already are read where they lie. */
export async function runOnce(gpu: Gpu, kernels: Kernels, tape: Tape, results: readonly Tensor[]): Promise<Float32Array<ArrayBuffer>[]> {
  const made = [...new Set(results.map(owner))].filter(({ buffer }) => !buffer);
  for (const y of made) y.buffer = storage(gpu, byteLength(y), "result");
  const arena = new Arena(gpu, kernels);
  const [plan] = await arena.plan([tape]);
  plan?.submit(gpu);
  const values: Float32Array<ArrayBuffer>[] = [];
  for (const y of results) values.push(await readTensor(gpu, y));
  for (const { buffer } of made) buffer?.destroy();
  arena.destroy();
  return values;
}

/** The numbers of a float tensor that lies on the GPU. */
export const readTensor = async (gpu: Gpu, x: Tensor): Promise<Float32Array<ArrayBuffer>> =>
  new Float32Array(await readback(gpu, x.buffer as GPUBuffer, x.offset, 4 * numel(x.shape)));
