/**
 * matmul with weights in f32 and in 16 bits, at the shapes of a linear layer's forward (x·Wᵀ) and backward (dy·W):
 *   npm run bench -- half [n]     all sizes divided by n
 */
import { Kernels } from "../../src/gpu/kernel.ts";
import { upload } from "../../src/gpu/memory.ts";
import { milliseconds } from "../../src/lab/clock.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { pack } from "../../src/tensor/half.ts";
import { Arena } from "../../src/tensor/plan.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { byteLength, type ElementType, numel, type Tensor, tensor } from "../../src/tensor/tensor.ts";
import { gpu } from "../gpu.ts";

const kernels = new Kernels(gpu);
const SHAPES = [
  [3200, 768, 768],
  [3200, 3072, 768],
  [64, 768, 768],
] as const;
const TYPES = ["f32", "f16", "bf16"] as const;

function drawn(shape: readonly number[], type: ElementType = "f32"): Tensor {
  const values = Float32Array.from({ length: numel(shape) }, (_, i) => Math.sin(i * 12.9898) * 0.5);
  const data = type === "f16" || type === "bf16" ? pack(values, type) : values;
  return tensor(shape, { type, buffer: upload(gpu, data, "bench") });
}

export default async function benchHalf([divisor = gpu.software ? "16" : "1"]: string[]): Promise<void> {
  console.log(gpu.name);
  for (const [m, out, inner] of SHAPES.map((shape) => shape.map((n) => Math.max(4, Math.round(n / Number(divisor)))))) {
    for (const [layout, transB] of [
      ["x·Wᵀ", true],
      ["dy·W", false],
    ] as const) {
      const [n, k] = (transB ? [out, inner] : [inner, out]) as [number, number];
      const a = drawn([m as number, k]);
      for (const type of TYPES) {
        const b = drawn(transB ? [n, k] : [k, n], type);
        const tape = new Tape(gpu.software);
        tape.apply(matmul, { a, b }, { transB });
        const arena = new Arena(gpu, kernels);
        const [plan] = await arena.plan([tape]);
        const ms = await milliseconds(gpu, (encoder) => plan?.encode(encoder));
        arena.destroy();
        const rate = (2 * (m as number) * n * k) / ms / 1e9;
        console.log(
          `${layout} (${m}, ${n}, ${k}) W in ${type.padEnd(4)} ${ms.toFixed(4).padStart(9)} ms ${rate.toFixed(3).padStart(8)} TFLOP/s  W ${byteLength(b)} bytes`,
        );
        b.buffer?.destroy();
      }
      a.buffer?.destroy();
    }
  }
}
