/**
 * RandLoRA's own kernels, by the GPU's clock: merging an update into a weight, and projecting the weight's gradient onto the
 * diagonals, in every variant that their op offers, beside the fastest plain matmul of the same sizes:
 *   npm run bench -- bases [OUTxIN] …
 * TFLOP/s count a multiply and an add for each entry of B that meets a number. Times are of all launches, sums of slices included.
 */
import { Kernels } from "../../src/gpu/kernel.ts";
import { upload } from "../../src/gpu/memory.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { type RandloraMerge, randlora } from "../../src/ops/randlora.ts";
import { ternary } from "../../src/ops/ternary.ts";
import type { Stored, StoredBases } from "../../src/tensor/codes.ts";
import type { Variant } from "../../src/tensor/op.ts";
import { Arena, type Plan } from "../../src/tensor/plan.ts";
import { type BasesOptions, drawBases, normal, randloraBases } from "../../src/tensor/random.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { byteLength, numel, type Tensor, tensor } from "../../src/tensor/tensor.ts";
import { gpu } from "../gpu.ts";

const kernels = new Kernels(gpu);
const arena = new Arena(gpu, kernels);
const LAYERS: readonly (readonly [out: number, inner: number, ranks: readonly number[]])[] = gpu.software
  ? [[48, 64, [2]]]
  : [
      [768, 768, [6]],
      [3072, 768, [6]],
      [768, 3072, [6]],
      [192, 192, [2, 6]],
      [768, 192, [2, 6]],
    ];
/** Milliseconds of a measurement: the clock is rounded. */
const ENOUGH = gpu.software ? 1 : 10;

/** Takes one variant of every problem. */
class Choosing extends Tape {
  readonly #which: number;
  /** Of the last problem. */
  names: readonly string[] = [];
  constructor(which: number) {
    super(false);
    this.#which = which;
  }
  override pick<V extends Variant>(_problem: string, variants: readonly V[]): V {
    this.names = variants.map(({ name }) => name);
    return variants[Math.min(this.#which, variants.length - 1)] as V;
  }
}

interface Measured {
  readonly name: string;
  /** Microseconds of each launch. */
  readonly launches: readonly number[];
  readonly us: number;
  /** Bytes of what is written and not kept. */
  readonly scratch: number;
}

/** Every variant of what `record` puts on a tape and returns, the fastest first; `guess` is the op's own first choice. */
async function measure(record: (tape: Tape) => readonly (Tensor | undefined)[]): Promise<{ all: Measured[]; guess: Measured }> {
  const all: Measured[] = [];
  for (let which = 0, count = 1; which < count; which++) {
    const tape = new Choosing(which);
    const kept = record(tape);
    count = tape.names.length;
    const written = new Set(tape.launches.flatMap(({ buffers }) => Object.values(buffers)).filter(({ buffer }) => !buffer));
    for (const x of kept) if (x) written.delete(x);
    const scratch = Array.from(written, byteLength).reduce((sum, bytes) => sum + bytes, 0);
    const [plan] = await arena.plan([tape]).catch((): Plan[] => []);
    if (!plan) continue; // needs more than this device has
    const first = await plan.profile(gpu, 10);
    const estimate = first.reduce((sum, { ms }) => sum + ms, 0) / first.length;
    const timed = await plan.profile(gpu, Math.min(5000, Math.ceil(ENOUGH / Math.max(estimate, 0.002))));
    const launches = timed.map(({ ms }) => 1000 * ms);
    all.push({ name: tape.names[which] ?? "", launches, us: launches.reduce((sum, us) => sum + us, 0), scratch });
  }
  const guess = all[0] as Measured;
  return { all: all.sort((a, b) => a.us - b.us), guess };
}

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
  ["levels", "dense", drawBases],
  ["f32", "dense", asFloats],
  ["signs", "sparse", drawBases],
];
const cfg: RandloraMerge = { gain: 10 };

export default async function benchBases(only: string[]): Promise<void> {
  console.log(gpu.name);
  for (const [out, inner, ranks] of LAYERS) {
    if (only.length > 0 && !only.includes(`${out}x${inner}`)) continue;
    for (const r of ranks) await benchLayer(out, inner, r);
  }
}

async function benchLayer(out: number, inner: number, r: number): Promise<void> {
  const [MN, MX] = [Math.min(out, inner), Math.max(out, inner)];
  const bases = Math.ceil(MN / r);
  const flops = 2 * out * inner * r * bases;
  const rate = ({ us }: Measured): string => (flops / us / 1e6).toFixed(1);
  const w = drawn([out, inner], 1);
  const dy = drawn([out, inner], 2);
  const trainable = { lambda: drawn([r, bases], 3), gamma: drawn([bases, MN], 4) };
  const left = drawn([MX, r * bases], 5);
  const scaled = drawn([r * bases, MN], 6);
  const plain = {
    merge: await measure((tape) => {
      const y =
        inner > out
          ? tape.apply(matmul, { a: scaled, b: left }, { transA: true, transB: true })
          : tape.apply(matmul, { a: left, b: scaled }, {});
      return [y];
    }),
    project: await measure((tape) => [tape.apply(matmul, { a: left, b: dy }, { transA: true, transB: inner > out })]),
  };
  console.log(`\n# (${out}, ${inner}), r = ${r}, ${bases} bases; a layer has ${(4 * out * inner) / 1024} KiB`);
  for (const [form, variant, make] of FORMS) {
    const frozen = Object.entries(make({ r, MN, MX, seed: 1, variant })).map(([key, stored]) => [key, onGpu(stored)] as const);
    const bytes = frozen.reduce((sum, [, x]) => sum + byteLength(x), 0);
    const inputs = { w, ...trainable, ...(Object.fromEntries(frozen) as { [K in keyof StoredBases]: Tensor }) };
    const op = variant === "dense" ? randlora : ternary;
    const measured = {
      merge: await measure((tape) => [op.forward(tape, inputs, cfg).y]),
      project: await measure((tape) => {
        const { lambda, gamma } = op.backward?.(tape, inputs, {}, dy, { lambda: true, gamma: true }, cfg, {}) ?? {};
        return [lambda, gamma];
      }),
    };
    for (const what of ["merge", "project"] as const) {
      const { all, guess } = measured[what];
      const [best] = all as [Measured];
      const [beside] = plain[what].all as [Measured];
      const of = (one: Measured): string => {
        const launches = one.launches.length > 1 ? ` (${one.launches.map((us) => us.toFixed(1)).join(" + ")})` : "";
        return `${one.name} ${one.us.toFixed(1)} us${launches} ${rate(one)} TFLOP/s ${((100 * beside.us) / one.us).toFixed(0)} %`;
      };
      console.log(
        `${what} ${form} (${(bytes / 1024).toFixed(0)} KiB of bases): best ${of(best)}, scratch ${(best.scratch / 1024).toFixed(0)} KiB; guess ${of(guess)}; matmul ${beside.name} ${beside.us.toFixed(1)} us ${rate(beside)} TFLOP/s`,
      );
      console.log(
        `  ${all
          .slice(1)
          .map((one) => `${one.name} ${one.us.toFixed(1)} us ${rate(one)}`)
          .join("  ")}`,
      );
    }
    for (const [, x] of frozen) x.buffer?.destroy();
  }
}
