/** Every op against its definition in float64, on the device at hand. */
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import type { Case, Grads, Named, Oracle } from "../ops/op.ts";
import { pack } from "../tensor/half.ts";
import type { AnyOp } from "../tensor/op.ts";
import { hash } from "../tensor/random.ts";
import { numel, reshape, type Tensor } from "../tensor/tensor.ts";
import { Guarded, Immediate, noise, unpacked } from "./guarded.ts";

export type AnyOracle = Oracle<string, string, unknown>;
export type AnyCase = Case<string, unknown>;

/** By the path of their file. */
export const oracles: Readonly<Record<string, AnyOracle>> = import.meta.glob("/src/ops/*.ref.ts", { import: "default", eager: true });

/** A result, and what it may err. */
export interface Deviation {
  /** Which number: "dq[3]". */
  readonly what: string;
  /** |got − wanted| / (1 + |wanted|) */
  readonly error: number;
  readonly tolerance: number;
}

/** One run of a case. */
export interface Verdict {
  /** The number that used up most of its tolerance. */
  readonly worst: Deviation;
  /** Why it is wrong; absent when it is right. */
  readonly failure?: string;
  /** How many variants its kernels come in. */
  readonly variants: number;
}

/** What became of a case on this device. */
export interface Checked {
  readonly case: string;
  /** Runs: for the kernels of GPUs and for those of software adapters, in every variant. */
  readonly runs: number;
  /** Variants for which there was no time. */
  readonly left: number;
  readonly worst: Deviation;
  /** Of the first run that was wrong. */
  readonly failure?: string;
}

export interface VerifiedOp {
  readonly op: string;
  readonly cases: readonly Checked[];
}

const TOLERANCE = 2e-5;
/** Differences of a definition say less than the definition itself. */
const gradientTolerance = (tolerance: number): number => Math.max(2e-3, 20 * tolerance);
const PROBES = 16;
const PRIOR = 0.5; // gradients that an op absorbs start at this, so that `=` in place of `+=` is seen

/** All cases of an op. After `deadline` (performance.now) no case is tried in more than one variant. */
export async function verifyOp(gpu: Gpu, kernels: Kernels, oracle: AnyOracle, deadline: number): Promise<VerifiedOp> {
  const cases: Checked[] = [];
  for (const c of oracle.cases) cases.push(await verifyVariants(gpu, kernels, oracle, c, deadline));
  return { op: oracle.op.name, cases };
}

async function verifyVariants(gpu: Gpu, kernels: Kernels, oracle: AnyOracle, c: AnyCase, deadline: number): Promise<Checked> {
  let worst: Deviation = NOTHING;
  let failure: string | undefined;
  let [runs, left] = [0, 0];
  // A software adapter never launches the kernels for GPUs, and compiles them for minutes.
  for (const software of gpu.software ? [true] : [false, true]) {
    let variants = 1;
    for (let variant = 0; variant < variants; variant++) {
      if (variant > 0 && performance.now() > deadline) {
        left += variants - variant;
        break;
      }
      const verdict = await verifyCase(gpu, kernels, oracle, c, software, variant);
      variants = verdict.variants;
      runs++;
      if (used(verdict.worst) > used(worst)) worst = verdict.worst;
      if (verdict.failure !== undefined) failure ??= `${software ? "for software adapters" : `variant ${variant + 1}`}: ${verdict.failure}`;
    }
  }
  return { case: c.name, runs, left, worst, ...(failure !== undefined && { failure }) };
}

/** One case: forward against the definition, gradients against its differences. Of all lists of variants number `variant` is taken. */
export async function verifyCase(
  gpu: Gpu,
  kernels: Kernels,
  oracle: AnyOracle,
  c: AnyCase,
  software: boolean,
  variant = 0,
): Promise<Verdict> {
  const on = new Guarded(gpu, kernels);
  const r = new Immediate(on, software, variant);
  const log = new Log();
  let failure: string | undefined;
  try {
    await run(on, r, oracle, c, log);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  on.destroy();
  failure ??= log.failure;
  return { worst: log.worst, variants: r.variants, ...(failure !== undefined && { failure }) };
}

const NOTHING: Deviation = { what: "", error: 0, tolerance: TOLERANCE };

/** The share of its tolerance that an error uses up. */
export const used = ({ error, tolerance }: Deviation): number => error / tolerance;

/** Keeps the worst of all deviations, and the first that is too large. */
class Log {
  worst = NOTHING;
  failure: string | undefined;

  compare(got: number, want: number, tolerance: number, what: string): void {
    const error = Math.abs(got - want) / (1 + Math.abs(want));
    // JSON has no infinity and no NaN.
    const told = Number.isFinite(error) ? error : Number.MAX_VALUE;
    const deviation = { what, error: told, tolerance };
    if (used(deviation) > used(this.worst)) this.worst = deviation;
    if (!(error <= tolerance)) this.failure ??= `${what} is ${got}, should be ${want}`;
  }
}

async function run(on: Guarded, r: Immediate, oracle: AnyOracle, c: AnyCase, log: Log): Promise<void> {
  const op: AnyOp = oracle.op;
  const { host, x, need } = inputs(on, oracle, c);
  const shapes = c.shapes as Record<string, readonly number[]>;
  const tolerance = c.tolerance ?? TOLERANCE;
  const want = oracle.reference(host, shapes, c.cfg);
  const { y, saved = {} } = op.forward(r, x as Named<string>, c.cfg);
  if (numel(y.shape) !== want.length) throw new Error(`y has ${numel(y.shape)} numbers, should have ${want.length}`);
  const rounds: { readonly grads: Grads<string>; readonly prior: Grads<string> }[] = [];
  const dyHost = noise(want.length, 9);
  if (oracle.differentiable.length > 0 && op.backward) {
    const dy = reshape(on.given(y.shape, dyHost), y.shape);
    const absorbed: Record<string, Tensor> = {};
    for (const name of op.absorbs ?? []) {
      const { shape } = x[name] ?? {};
      if (shape && need[name]) absorbed[name] = on.given(shape, new Float32Array(numel(shape)).fill(PRIOR));
    }
    for (const prior of Object.keys(absorbed).length > 0 ? [{}, absorbed] : [{}]) {
      rounds.push({ grads: op.backward(r, x as Named<string>, saved, dy, need, c.cfg, prior), prior });
    }
  }
  await r.flush();
  const asked = rounds.map(({ grads }) => gradientsOf(oracle, host, need, grads));
  // With the outputs that nobody asked for come their guards.
  const [got, ...rest] = await on.read([y, ...asked.flat().map(([, grad]) => grad), ...r.outputs]);
  want.forEach((value, i) => {
    log.compare(got?.[i] ?? Number.NaN, value, tolerance, `y[${i}]`);
  });
  const slopes = new Map<string, readonly Slope[]>();
  for (const [round, { prior }] of rounds.entries()) {
    for (const [name] of asked[round] ?? []) {
      const values = rest.shift() as Float32Array;
      if (!values.every(Number.isFinite)) log.compare(Number.NaN, 0, 1, `an element of d${name}`);
      const known = slopes.get(name) ?? differences(oracle, c, host, name, dyHost);
      slopes.set(name, known);
      for (const { at, slope } of known) {
        log.compare((values[at] as number) - (prior[name] ? PRIOR : 0), slope, gradientTolerance(tolerance), `d${name}[${at}]`);
      }
    }
  }
}

function inputs(on: Guarded, oracle: AnyOracle, { shapes, integers = {}, packed = {}, offset = {} }: AnyCase) {
  const host: Record<string, Float64Array> = {};
  const x: Record<string, Tensor> = {};
  Object.entries(shapes).forEach(([name, shape], seed) => {
    if (!shape) return;
    const max = integers[name];
    if (max) {
      const words = Uint32Array.from({ length: numel(shape) }, (_, i) => hash(seed, 0, i)[0] % max);
      host[name] = Float64Array.from(words);
      x[name] = on.given(shape, words, "u32");
      return;
    }
    const data = noise(numel(shape), seed, offset[name]);
    const half = packed[name];
    const words = half && pack(data, half);
    host[name] = Float64Array.from(words ? unpacked(words, half, data.length) : data);
    x[name] = words ? on.given(shape, words, half) : on.given(shape, data);
  });
  const need = Object.fromEntries(Object.keys(x).map((name) => [name, oracle.differentiable.includes(name) && !packed[name]]));
  return { host, x, need };
}

/** The gradients that the op owes, by name. */
function gradientsOf(
  { differentiable }: AnyOracle,
  host: Readonly<Record<string, Float64Array>>,
  need: Readonly<Record<string, boolean>>,
  grads: Grads<string>,
): [name: string, grad: Tensor][] {
  return differentiable
    .filter((name) => host[name] && need[name])
    .map((name) => {
      const grad = grads[name];
      if (!grad) throw new Error(`no gradient of "${name}"`);
      if (numel(grad.shape) !== host[name]?.length) throw new Error(`d${name} has ${numel(grad.shape)} numbers`);
      return [name, grad];
    });
}

interface Slope {
  readonly at: number;
  readonly slope: number;
}

/** Central differences of Σ y·dy, along some of the numbers of an input. */
function differences(
  { reference }: AnyOracle,
  { shapes, cfg }: AnyCase,
  host: Readonly<Record<string, Float64Array>>,
  name: string,
  dy: Float32Array,
): readonly Slope[] {
  const values = host[name] as Float64Array;
  const loss = () =>
    reference(host, shapes as Record<string, readonly number[]>, cfg).reduce((sum, v, i) => sum + v * (dy[i] as number), 0);
  return Array.from({ length: PROBES }, (_, probe) => {
    const at = (probe * 7919) % values.length;
    const v = values[at] as number;
    const h = 1e-4 * (1 + Math.abs(v));
    values[at] = v + h;
    const up = loss();
    values[at] = v - h;
    const down = loss();
    values[at] = v;
    return { at, slope: (up - down) / (2 * h) };
  });
}
