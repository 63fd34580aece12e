/**
 * RandLoRA's frozen bases in each form that they are stored in: bytes on the GPU, and time to merge an update into a weight and
 * to project the weight's gradient onto the diagonals:
 *   npm run bench -- bases
 * TFLOP/s count a multiply and an add for each entry of B that meets a number, whether it is a zero or not.
 */
import { Kernels } from "../../src/gpu/kernel.ts";
import { upload } from "../../src/gpu/memory.ts";
import { type RandloraMerge, randlora } from "../../src/ops/randlora.ts";
import { ternary } from "../../src/ops/ternary.ts";
import type { Stored, StoredBases } from "../../src/tensor/codes.ts";
import { Arena } from "../../src/tensor/plan.ts";
import { type BasesOptions, drawBases, normal, randloraBases } from "../../src/tensor/random.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { byteLength, numel, type Tensor, tensor } from "../../src/tensor/tensor.ts";
import { gpu } from "../gpu.ts";

const kernels = new Kernels(gpu);
const LAYERS = gpu.software
  ? [
      [48, 48],
      [96, 40],
    ]
  : [
      [192, 192],
      [768, 768],
      [3072, 768],
      [768, 3072],
    ];

const onGpu = ({ shape, data }: Stored): Tensor =>
  tensor(shape, { type: data instanceof Uint32Array ? "u32" : "f32", buffer: upload(gpu, data, "bench") });
const drawn = (shape: readonly number[], stream: number): Tensor =>
  onGpu({ shape, data: Float32Array.from({ length: numel(shape) }, (_, i) => normal(1, stream, i)) });

/** Dense bases as plain float32. */
function asFloats(options: BasesOptions): Pick<StoredBases, "basisA" | "basisB"> {
  const { A, B } = randloraBases(options);
  return { basisA: { shape: [options.r, options.MN], data: A }, basisB: { shape: [options.MX, B.length / options.MX], data: B } };
}

const FORMS: readonly [name: string, variant: BasesOptions["variant"], make: (options: BasesOptions) => Partial<StoredBases>][] = [
  ["dense, f32", "dense", asFloats],
  ["dense, levels", "dense", drawBases],
  ["sparse, ternary", "sparse", drawBases],
  ["very sparse, ternary", "very-sparse", drawBases],
];

/** Milliseconds of what `record` puts on the tape: the median of five rounds of about a fifth of a second. */
async function time(record: (tape: Tape) => void): Promise<number> {
  const tape = new Tape(gpu.software);
  record(tape);
  const arena = new Arena(gpu, kernels);
  const [plan] = await arena.plan([tape]);
  const round = async (repeats: number): Promise<number> => {
    const start = performance.now();
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < repeats; i++) plan?.encode(encoder);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / repeats;
  };
  await round(1); // compiles
  const repeats = Math.max(1, Math.min(1000, Math.round(200 / (await round(10)))));
  await round(repeats);
  const times: number[] = [];
  for (let i = 0; i < 5; i++) times.push(await round(repeats));
  arena.destroy();
  return times.sort((a, b) => a - b)[2] as number;
}

const cfg: RandloraMerge = { gain: 10 };

export default async function benchBases(): Promise<void> {
  console.log(gpu.name);
  console.log("(out, in)     r  bases                  KiB of them   merge ms  TFLOP/s   project ms  TFLOP/s");
  for (const [out, inner] of LAYERS as [number, number][]) {
    const [MN, MX] = [Math.min(out, inner), Math.max(out, inner)];
    for (const r of [6, 2]) {
      const bases = Math.ceil(MN / r);
      const w = drawn([out, inner], 1);
      const dy = drawn([out, inner], 2);
      const trainable = { lambda: drawn([r, bases], 3), gamma: drawn([bases, MN], 4) };
      for (const [name, variant, make] of FORMS) {
        const frozen = Object.entries(make({ r, MN, MX, seed: 1, variant })).map(([key, stored]) => [key, onGpu(stored)] as const);
        const bytes = frozen.reduce((sum, [, x]) => sum + byteLength(x), 0);
        const inputs = { w, ...trainable, ...(Object.fromEntries(frozen) as { [K in keyof StoredBases]: Tensor }) };
        const op = variant === "dense" ? randlora : ternary;
        const merge = await time((tape) => void op.forward(tape, inputs, cfg));
        const project = await time((tape) => void op.backward?.(tape, inputs, {}, dy, { lambda: true, gamma: true }, cfg, {}));
        for (const [, x] of frozen) x.buffer?.destroy();
        const rate = (ms: number) => ((2 * out * inner * r * bases) / ms / 1e9).toFixed(2).padStart(8);
        console.log(
          `${`(${out}, ${inner})`.padEnd(13)} ${r}  ${name.padEnd(21)} ${(bytes / 1024).toFixed(1).padStart(12)}   ${merge.toFixed(4).padStart(8)} ${rate(merge)}   ${project.toFixed(4).padStart(10)} ${rate(project)}`,
        );
      }
    }
  }
}
