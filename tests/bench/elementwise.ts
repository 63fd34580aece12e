/**
 * Time of the kernels that move numbers and compute little, launch by launch by the GPU's own clock, and what they move a second:
 *   npm run bench -- elementwise [divisor]     all row counts divided by it
 * A launch is repeated on the same numbers, so that what fits the GPU's cache is read from there.
 */
import { Kernels } from "../../src/gpu/kernel.ts";
import { storage } from "../../src/gpu/memory.ts";
import { add } from "../../src/ops/add.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { layernorm } from "../../src/ops/layernorm.ts";
import { layerscale } from "../../src/ops/layerscale.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { rownorm } from "../../src/ops/rownorm.ts";
import { rowscale } from "../../src/ops/rowscale.ts";
import { swiglu } from "../../src/ops/swiglu.ts";
import type { Launch } from "../../src/tensor/op.ts";
import { Arena, type Plan } from "../../src/tensor/plan.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { byteLength, numel, owner, type Tensor, tensor } from "../../src/tensor/tensor.ts";
import { adamwOf, Trainables } from "../../src/train/optimizer.ts";
import { gpu } from "../gpu.ts";

/** Browsers round the clock to 65 µs: a measurement is at least so many milliseconds long. */
const LONG = 10;
const kernels = new Kernels(gpu);

/** Bytes read and written; what an optimiser accumulates is both. */
function moved({ shader: name, buffers }: Launch): number {
  const accumulates = name === "adamw" ? new Set(["weight", "mean", "variance"]) : new Set();
  const tensors = new Map(Object.entries(buffers).map(([buffer, x]) => [owner(x), accumulates.has(buffer) ? 2 : 1]));
  return [...tensors].reduce((sum, [x, times]) => sum + times * byteLength(x), 0);
}

/** Milliseconds of every launch, the least of three measurements; repeated until the shortest takes long enough, or all a quarter of a second. */
async function profile(plan: Plan): Promise<readonly number[]> {
  const measure = async (repeats: number) => (await plan.profile(gpu, repeats)).map(({ ms }) => ms);
  for (let repeats = 1; ; repeats *= 4) {
    const times = await measure(repeats);
    const total = repeats * times.reduce((sum, ms) => sum + ms, 0);
    if (repeats * Math.min(...times) < LONG && total < 250 && repeats < 4096) continue;
    const [second, third] = [await measure(repeats), await measure(repeats)];
    return times.map((ms, i) => Math.min(ms, second[i] as number, third[i] as number));
  }
}

async function time(name: string, record: (tape: Tape) => readonly Tensor[], first = 0): Promise<void> {
  const tape = new Tape(gpu.software);
  const given = record(tape);
  const arena = new Arena(gpu, kernels);
  const [plan] = await arena.plan([tape]);
  const times = await profile(plan as Plan);
  for (const [i, launch] of tape.launches.entries()) {
    if (i < first) continue;
    const [ms, bytes] = [times[i] as number, moved(launch)];
    const what = `${name}: ${launch.shader}.${launch.entry}`.padEnd(62);
    console.log(
      `${what} ${(1e3 * ms).toFixed(1).padStart(9)} µs ${(bytes / ms / 1e6).toFixed(0).padStart(6)} GB/s  ${launch.groups.join(" × ")} workgroups`,
    );
  }
  arena.destroy();
  for (const { buffer } of given) buffer?.destroy();
}

export default async function benchElementwise([divisor = gpu.software ? "64" : "1"]: string[]): Promise<void> {
  console.log(gpu.name);
  const of = (n: number) => Math.max(1, Math.round(n / Number(divisor)));
  const given = (...shape: number[]): Tensor => tensor(shape, { buffer: storage(gpu, byteLength({ shape }), "bench"), needsGrad: true });
  const frozen = (x: Tensor): Tensor => Object.assign(x, { needsGrad: false });
  const backward = (tape: Tape, y: Tensor, ...inputs: Tensor[]): readonly Tensor[] => {
    const dy = given(...y.shape);
    tape.backward(y, dy);
    return [...inputs, dy];
  };

  for (const kind of ["quick", "exact"] as const) {
    const x = given(of(3200), 3072);
    await time(`gelu ${kind} of ${numel(x.shape)}`, (tape) => backward(tape, tape.apply(gelu, { x }, { kind }), x));
  }
  for (const [all, d] of [
    [3200, 768],
    [12608, 192],
    [4160, 192],
  ] as const) {
    const [x, gamma, beta] = [given(of(all), d), given(d), given(d)];
    await time(`layernorm of ${x.shape.join(" × ")}`, (tape) =>
      backward(tape, tape.apply(layernorm, { x, gamma, beta }, { eps: 1e-5 }), x, gamma, beta),
    );
  }
  for (const n of [768, 3072]) {
    // The columns are summed for the gradient of a bias; the product itself is thin and not shown.
    const [a, b, bias] = [frozen(given(of(3200), 4)), frozen(given(4, n)), given(n)];
    const skipped = new Tape(gpu.software);
    skipped.apply(matmul, { a, b, bias }, {});
    await time(
      `column sums of ${of(3200)} × ${n}`,
      (tape) => backward(tape, tape.apply(matmul, { a, b, bias }, {}), a, b, bias),
      skipped.launches.length,
    );
  }
  for (const rows of [768, of(3200)]) {
    const [a, b] = [given(rows, 768), given(rows, 768)];
    await time(`add of ${rows} × 768`, (tape) => backward(tape, tape.apply(add, { a, b }, { factor: 0.5 }), a, b));
  }
  const [x, scale] = [given(768, 768), given(768)];
  await time("rowscale of 768 × 768", (tape) => backward(tape, tape.apply(rowscale, { x, scale }, {}), x, scale));
  const w = given(768, 768);
  await time("rownorm of 768 × 768", (tape) => [tape.apply(rownorm, { x: w }, {}), w]);
  const [r, gamma, residual] = [given(of(3200), 768), given(768), given(of(3200), 768)];
  await time(`layerscale of ${r.shape.join(" × ")}`, (tape) =>
    backward(tape, tape.apply(layerscale, { x: r, gamma, add: residual }, {}), r, gamma, residual),
  );
  const halves = given(of(3200), 4096);
  await time(`swiglu of ${halves.shape.join(" × ")}`, (tape) => backward(tape, tape.apply(swiglu, { x: halves }, {}), halves));

  const n = gpu.software ? 1 << 20 : 87_531_392;
  const trainables = new Trainables(gpu, new Map([["all", { shape: [n] }]]));
  const [loss, rows] = [given(1), given(64, 2)];
  trainables.prepare(1, 1e-3, adamwOf({ weightDecay: 0, clip: 1 }));
  await time(`adamw of ${n}`, (tape) => {
    trainables.record(tape, loss, rows, adamwOf({ weightDecay: 0, clip: 1 }));
    return [loss, rows];
  });
  trainables.destroy();
}
