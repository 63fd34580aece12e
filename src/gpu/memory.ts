/** Buffers in and out of the GPU. */
import type { Gpu } from "./device.ts";

/** COPY_SRC | COPY_DST | STORAGE, as numbers: in Node the globals do not exist yet when this file is loaded. */
const USAGE = 0x4 | 0x8 | 0x80;

/** A storage buffer of at least `size` bytes (a multiple of 4, never empty), zeroed by WebGPU. */
export function storage({ device }: Gpu, size: number, label: string): GPUBuffer {
  return device.createBuffer({ label, size: Math.max(16, Math.ceil(size / 4) * 4), usage: USAGE });
}

/** A storage buffer that holds `data`. */
export function upload(gpu: Gpu, data: Float32Array | Uint32Array | Uint8Array, label: string): GPUBuffer {
  const buffer = storage(gpu, data.byteLength, label);
  write(gpu, buffer, 0, data);
  return buffer;
}

/** Queues a write; the length is padded with zeros to a multiple of 4 bytes. */
export function write({ device }: Gpu, buffer: GPUBuffer, offset: number, data: Float32Array | Uint32Array | Uint8Array): void {
  if (data.byteLength % 4 === 0) {
    device.queue.writeBuffer(buffer, offset, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  } else {
    const padded = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    device.queue.writeBuffer(buffer, offset, padded);
  }
}

/** Copies `size` bytes out of a buffer; waits for all work queued before, but never stalls what is queued after. */
export async function readback({ device }: Gpu, buffer: GPUBuffer, offset: number, size: number): Promise<ArrayBuffer> {
  const staging = device.createBuffer({
    label: "readback",
    size: Math.ceil(size / 4) * 4,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, staging.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = staging.getMappedRange().slice(0, size);
  staging.destroy();
  return bytes;
}
