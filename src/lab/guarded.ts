/** Runs launches at once on a real device, with every buffer under suspicion. */
import { toFloat32 } from "../formats/safetensors.ts";
import type { Gpu } from "../gpu/device.ts";
import { type Kernels, packAll, type Slice } from "../gpu/kernel.ts";
import { readback, storage, upload } from "../gpu/memory.ts";
import { shader } from "../gpu/shader.ts";
import type { Launch, Recorder, Variant } from "../tensor/op.ts";
import { type ElementType, isPacked, numel, type PackedType, placeOf, type Tensor, tensor } from "../tensor/tensor.ts";

const GUARD = 64; // words past the end of every buffer that nothing may touch
const CANARY = 12345.5;
const CANARY_BITS = new Uint32Array(Float32Array.of(CANARY).buffer)[0] as number;

/** Buffers with guarded ends on one device, all freed at once. */
export class Guarded {
  readonly gpu: Gpu;
  readonly #kernels: Kernels;
  readonly #buffers: GPUBuffer[] = [];

  constructor(gpu: Gpu, kernels: Kernels) {
    this.gpu = gpu;
    this.#kernels = kernels;
  }

  /** A tensor with data; of packed ones the data are the words. */
  given(shape: readonly number[], data: ArrayLike<number>, type: ElementType = "f32"): Tensor {
    const padded = new Float32Array(words(shape, type) + GUARD).fill(CANARY);
    if (type === "f32") padded.set(data);
    else new Uint32Array(padded.buffer).set(data);
    const buffer = upload(this.gpu, padded, "given");
    this.#buffers.push(buffer);
    return tensor(shape, { type, buffer });
  }

  /** The words of tensors, as numbers, in one way from the GPU. Throws when the guard of one was touched. */
  async read(tensors: readonly Tensor[]): Promise<Float32Array[]> {
    const slices = tensors.map(whole);
    const all = storage(
      this.gpu,
      slices.reduce((sum, { size }) => sum + size, 0),
      "read",
    );
    const encoder = this.gpu.device.createCommandEncoder();
    const offsets: number[] = [];
    let end = 0;
    for (const { buffer, offset, size } of slices) {
      encoder.copyBufferToBuffer(buffer, offset, all, end, size);
      offsets.push(end);
      end += size;
    }
    this.gpu.device.queue.submit([encoder.finish()]);
    const bytes = await readback(this.gpu, all, 0, end);
    all.destroy();
    return tensors.map(({ shape, type }, i) => {
      const n = words(shape, type);
      const size = (slices[i] as Slice).size / 4;
      const guard = new Uint32Array(bytes, (offsets[i] as number) + 4 * n, size - n);
      if (!guard.every((word) => word === CANARY_BITS)) throw new Error(`(${shape}): written past the end`);
      return new Float32Array(bytes, offsets[i] as number, n);
    });
  }

  /** Rejects with what the device or the compiler has against them. */
  async run(launches: readonly Launch[]): Promise<void> {
    const { device } = this.gpu;
    const pipelines = await Promise.all(launches.map((launch) => this.#kernels.pipeline(launch)));
    device.pushErrorScope("validation");
    const params = packAll(
      this.gpu,
      launches.map(({ shader: name, params: values }) => ({ source: shader(name), params: values })),
    );
    const encoder = device.createCommandEncoder();
    launches.forEach((launch, i) => {
      const pipeline = pipelines[i] as GPUComputePipeline;
      const slices = Object.fromEntries(Object.entries(launch.buffers).map(([name, x]) => [name, whole(x)]));
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, this.#kernels.bind(pipeline, launch, slices, params[i]));
      pass.dispatchWorkgroups(...launch.groups);
      pass.end();
    });
    device.queue.submit([encoder.finish()]);
    params[0]?.buffer.destroy();
    const error = await device.popErrorScope();
    if (error) throw new Error(error.message);
  }

  destroy(): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
  }
}

/** Outputs start as NaN, so that an element left unwritten is seen. */
export class Immediate implements Recorder {
  readonly software: boolean;
  readonly launches: Launch[] = [];
  readonly outputs: Tensor[] = [];
  /** The longest list of variants that it has been offered. */
  variants = 1;
  readonly #on: Guarded;
  readonly #variant: number;

  /** Of every list of variants it takes number `variant`, or the last. */
  constructor(on: Guarded, software: boolean, variant = 0) {
    this.#on = on;
    this.software = software;
    this.#variant = variant;
  }

  out(shape: readonly number[], type: ElementType = "f32"): Tensor {
    const n = words(shape, type);
    const y = this.#on.given(shape, type === "f32" ? new Float32Array(n).fill(Number.NaN) : new Uint32Array(n).fill(0xffffffff), type);
    this.outputs.push(y);
    return y;
  }

  run(launch: Launch): void {
    this.launches.push(launch);
  }

  pick<V extends Variant>(_problem: string, variants: readonly V[]): V {
    this.variants = Math.max(this.variants, variants.length);
    return variants[Math.min(this.#variant, variants.length - 1)] as V;
  }

  /** Runs what was recorded since the last flush. */
  flush(): Promise<void> {
    return this.#on.run(this.launches.splice(0));
  }
}

const words = (shape: readonly number[], type: ElementType): number => (isPacked({ type }) ? Math.ceil(numel(shape) / 2) : numel(shape));

/** All that follows in its buffer, guard included: WebGPU would hide a write past the end of a tighter binding. */
function whole(x: Tensor): Slice {
  const { buffer, offset } = placeOf(x);
  if (!buffer) throw new Error("a tensor without a buffer");
  return { buffer, offset, size: buffer.size - offset };
}

/** The `n` numbers in packed words, by the reader of files: what `pack` wrote is read by another hand. */
export const unpacked = (packed: Uint32Array, type: PackedType, n: number): Float32Array =>
  toFloat32({ dtype: type === "f16" ? "F16" : "BF16", shape: [n], data: new Uint8Array(packed.buffer, packed.byteOffset, 2 * n) });

/** Repeatable numbers of about ±1.5. */
export const noise = (n: number, seed: number, offset = 0): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => offset + 1.5 * Math.sin(12.9898 * (i + 1) + 78.233 * seed + 0.37 * Math.sin(i)));
