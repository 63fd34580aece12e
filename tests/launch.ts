/** Runs an op's launches at once on a real device, with every buffer under suspicion. */
import { toFloat32 } from "../src/formats/safetensors.ts";
import { Kernels, packAll, type Slice } from "../src/gpu/kernel.ts";
import { readback, upload } from "../src/gpu/memory.ts";
import { shader } from "../src/gpu/shader.ts";
import type { Launch, Recorder } from "../src/ops/op.ts";
import { type ElementType, isPacked, numel, owner, type PackedType, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { gpu } from "./gpu.ts";

const GUARD = 64; // numbers past the end of every buffer that nothing may touch
const CANARY = 12345.5;
const kernels = new Kernels(gpu);

/** A tensor with data and a guarded end; of packed ones the data are the words. */
export function given(shape: readonly number[], data: ArrayLike<number>, type: ElementType = "f32"): Tensor {
  const words = isPacked({ type }) ? Math.ceil(numel(shape) / 2) : numel(shape);
  const padded = new Float32Array(words + GUARD).fill(CANARY);
  if (type === "f32") padded.set(data);
  else new Uint32Array(padded.buffer).set(data);
  return tensor(shape, { type, buffer: upload(gpu, padded, "given") });
}

/** The `n` numbers in packed words, by the reader of files: what `pack` wrote is read by another hand. */
export const unpacked = (words: Uint32Array, type: PackedType, n: number): Float32Array =>
  toFloat32({ dtype: type === "f16" ? "F16" : "BF16", shape: [n], data: new Uint8Array(words.buffer, words.byteOffset, 2 * n) });

/** Outputs start as NaN, so that an element left unwritten is seen. */
export class Immediate implements Recorder {
  readonly software: boolean;
  readonly launches: Launch[] = [];
  readonly outputs: Tensor[] = [];
  constructor(software: boolean) {
    this.software = software;
  }
  out(shape: readonly number[], type: ElementType = "f32"): Tensor {
    const y = given(
      shape,
      type === "f32" ? new Float32Array(numel(shape)).fill(Number.NaN) : new Uint32Array(numel(shape)).fill(0xffffffff),
      type,
    );
    this.outputs.push(y);
    return y;
  }
  run(launch: Launch): void {
    this.launches.push(launch);
  }

  /** Runs what was recorded since the last flush. */
  async flush(): Promise<void> {
    const launches = this.launches.splice(0);
    const pipelines = await Promise.all(launches.map((launch) => kernels.pipeline(launch)));
    gpu.device.pushErrorScope("validation");
    const params = packAll(
      gpu,
      launches.map(({ shader: name, params: values }) => ({ source: shader(name), params: values })),
    );
    const encoder = gpu.device.createCommandEncoder();
    launches.forEach((launch, i) => {
      const pipeline = pipelines[i] as GPUComputePipeline;
      const slices = Object.fromEntries(Object.entries(launch.buffers).map(([name, x]) => [name, whole(x)]));
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, kernels.bind(pipeline, launch, slices, params[i]));
      pass.dispatchWorkgroups(launch.groups[0], launch.groups[1], launch.groups[2]);
      pass.end();
    });
    gpu.device.queue.submit([encoder.finish()]);
    const error = await gpu.device.popErrorScope();
    if (error) throw new Error(error.message);
  }
}

/** The whole buffer, guard included: WebGPU would hide a write past the end of a tighter binding. */
function whole(x: Tensor): Slice {
  const { buffer } = owner(x);
  if (!buffer) throw new Error("a tensor without a buffer");
  return { buffer, offset: 0, size: buffer.size };
}

/** The numbers of a tensor; throws when its guard was touched. */
export async function read(x: Tensor): Promise<Float32Array> {
  const { buffer } = whole(x);
  const all = new Float32Array(await readback(gpu, buffer, 0, buffer.size));
  const n = numel(x.shape);
  if (!all.subarray(n).every((v) => v === CANARY)) throw new Error(`(${x.shape}): written past the end`);
  return all.slice(0, n);
}

/** Throws unless |got - want| ≤ tolerance · (1 + |want|) everywhere. */
export function close(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, what: string): void {
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i] as number, want[i] as number];
    if (!(Math.abs(g - w) <= tolerance * (1 + Math.abs(w)))) throw new Error(`${what}[${i}] is ${g}, should be ${w}`);
  }
}

/** Repeatable numbers of about ±1.5. */
export const noise = (n: number, seed: number, offset = 0): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => offset + 1.5 * Math.sin(12.9898 * (i + 1) + 78.233 * seed + 0.37 * Math.sin(i)));
