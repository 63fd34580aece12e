/**
 * Time of single ops on this adapter, forward and backward, at the shapes of a model:
 *   npm run bench -- kernels [clip-tiny|clip-b32] [batch]
 */
import { Kernels } from "../../src/gpu/kernel.ts";
import { upload } from "../../src/gpu/memory.ts";
import { attention } from "../../src/ops/attention.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { layernorm } from "../../src/ops/layernorm.ts";
import { type Matmul, matmul } from "../../src/ops/matmul.ts";
import { mix } from "../../src/ops/mix.ts";
import { randlora } from "../../src/ops/randlora.ts";
import { Arena } from "../../src/tensor/plan.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { byteLength, numel, type Tensor, tensor } from "../../src/tensor/tensor.ts";
import { gpu } from "../gpu.ts";

const kernels = new Kernels(gpu);

const given = (...shape: number[]): Tensor => {
  const data = Float32Array.from({ length: numel(shape) }, (_, i) => Math.sin(i * 12.9898) * 0.5);
  return tensor(shape, { buffer: upload(gpu, data, "bench") });
};
const trainable = (x: Tensor): Tensor => Object.assign(x, { needsGrad: true });

/** Milliseconds of what the tape holds: the middle one of three runs of some 200 ms. */
export async function milliseconds(tape: Tape): Promise<number> {
  const arena = new Arena(gpu, kernels);
  const [plan] = await arena.plan([tape]);
  const once = async (repeats: number) => {
    const start = performance.now();
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < repeats; i++) plan?.encode(encoder);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / repeats;
  };
  const first = await once(1);
  const repeats = Math.max(1, Math.min(200, Math.round(200 / Math.max(first, 0.05))));
  await once(repeats);
  const times = [await once(repeats), await once(repeats), await once(repeats)].sort((a, b) => a - b);
  arena.destroy();
  return times[1] as number;
}

async function time(name: string, flops: number, bytes: number, record: (tape: Tape) => void): Promise<void> {
  const tape = new Tape(gpu.software);
  record(tape);
  const ms = await milliseconds(tape);
  const rate = flops ? `${(flops / ms / 1e6).toFixed(1).padStart(9)} GFLOP/s` : `${(bytes / ms / 1e6).toFixed(1).padStart(9)} GB/s   `;
  console.log(`${name.padEnd(46)} ${ms.toFixed(4).padStart(10)} ms ${rate}  ${tape.launches.length} launches`);
}

function backward(tape: Tape, y: Tensor): void {
  tape.backward(y, dyFor(y));
}
const dys = new Map<number, Tensor>();
function dyFor(y: Tensor): Tensor {
  const n = numel(y.shape);
  const known = dys.get(n) ?? given(n);
  dys.set(n, known);
  return tensor(y.shape, { buffer: known.buffer });
}

export default async function benchKernels([model = "clip-tiny", batchText = gpu.software ? "4" : "64"]: string[]): Promise<void> {
  const batch = Number(batchText);
  const [width, heads, tokens, rank] = model === "clip-b32" ? [768, 12, 50, 6] : [192, 3, 65, 2];
  const rows = batch * tokens;
  console.log(`${gpu.name}; ${model}, batch ${batch}`);
  const shapes: [string, number, number, number, Matmul][] = [
    ["x·Wᵀ d→d", rows, width, width, { transB: true }],
    ["x·Wᵀ d→4d", rows, 4 * width, width, { transB: true }],
    ["x·Wᵀ 4d→d", rows, width, 4 * width, { transB: true }],
    ["dy·W d→d", rows, width, width, {}],
    ["dy·W 4d→d", rows, width, 4 * width, {}],
    ["dyᵀ·x d×d", width, width, rows, { transA: true }],
    ["dyᵀ·x 4d×d", 4 * width, width, rows, { transA: true }],
    ["x·downᵀ d→32", rows, 32, width, { transB: true }],
  ];
  // Ranks, classes and widths that are no multiples of four, thin along each of the three sizes.
  for (const inner of [1, 6]) {
    shapes.push(
      [`x·downᵀ d→${inner}`, rows, inner, width, { transB: true }],
      [`h·upᵀ ${inner}→4d`, rows, 4 * width, inner, { transB: true }],
      [`dy·up 4d→${inner}`, rows, inner, 4 * width, {}],
      [`dyᵀ·h 4d×${inner}`, 4 * width, inner, rows, { transA: true }],
      [`dhᵀ·x ${inner}×d`, inner, width, rows, { transA: true }],
    );
  }
  shapes.push(["x·headᵀ d→37", batch, 37, width, { transB: true }], ["dyᵀ·h 3×5", 3, 5, rows, { transA: true }]);
  if (!gpu.software) shapes.push(["4096³", 4096, 4096, 4096, {}], ["odd", 3203, 771, 769, {}]);
  for (const [name, m, n, k, cfg] of shapes) {
    const [a, b] = [given(...(cfg.transA ? [k, m] : [m, k])), given(...(cfg.transB ? [n, k] : [k, n]))];
    await time(`matmul ${name} (${m}, ${n}, ${k})`, 2 * m * n * k, 0, (tape) => tape.apply(matmul, { a, b }, cfg));
  }
  for (const [terms, ...shape] of [
    [1024, 1, width],
    [512, 4 * width, 8],
  ] as const) {
    const c = trainable(given(terms));
    const cfg = { shape, seed: 1, stream: 1, bound: 1, start: 0 };
    await time(`mix of ${terms}, forward (${shape})`, 2 * terms * numel(shape), 0, (tape) => tape.apply(mix, { c }, cfg));
    await time(`mix of ${terms}, forward + backward (${shape})`, 4 * terms * numel(shape), 0, (tape) =>
      backward(tape, tape.apply(mix, { c }, cfg)),
    );
  }
  const qkv = () => ({ q: trainable(given(rows, width)), k: trainable(given(rows, width)), v: trainable(given(rows, width)) });
  const pairs = batch * heads * tokens * tokens * (width / heads) * 2;
  await time("attention forward", 2 * pairs, 0, (tape) => tape.apply(attention, qkv(), { batch, heads }));
  await time("attention forward + backward", 10 * pairs, 0, (tape) => backward(tape, tape.apply(attention, qkv(), { batch, heads })));
  const x = trainable(given(rows, width));
  const bytes = byteLength(x);
  await time("layernorm forward", 0, 2 * bytes, (tape) =>
    tape.apply(layernorm, { x, gamma: given(width), beta: given(width) }, { eps: 1e-5 }),
  );
  await time("layernorm forward + backward of x", 0, 5 * bytes, (tape) =>
    backward(tape, tape.apply(layernorm, { x, gamma: given(width), beta: given(width) }, { eps: 1e-5 })),
  );
  const wide = trainable(given(rows, 4 * width));
  await time("quick gelu forward", 0, 8 * bytes, (tape) => tape.apply(gelu, { x: wide }, { kind: "quick" }));
  await time("quick gelu forward + backward", 0, 20 * bytes, (tape) => backward(tape, tape.apply(gelu, { x: wide }, { kind: "quick" })));
  for (const [out, inner] of [
    [width, width],
    [4 * width, width],
    [width, 4 * width],
  ] as const) {
    const bases = Math.ceil(width / rank);
    const inputs = {
      w: given(out, inner),
      basisB: given(4 * width, 4 * width),
      basisA: given(rank, 4 * width),
      lambda: trainable(given(rank, bases)),
      gamma: trainable(given(bases, width)),
    };
    const flops = 2 * out * inner * rank * bases;
    await time(`randlora merge (${out}, ${inner})`, flops, 0, (tape) => tape.apply(randlora, inputs, { gain: 10 }));
    await time(`randlora merge + project (${out}, ${inner})`, 2 * flops, 0, (tape) =>
      backward(tape, tape.apply(randlora, inputs, { gain: 10 })),
    );
  }
}
