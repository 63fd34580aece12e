/** One suite for every op: drop a `.wgsl`, a `.ts` and a `.ref.ts` in, and it is tested. */
import { describe, expect, test } from "vitest";
import type { Case, Grads, Named, Oracle } from "../src/ops/op.ts";
import { pack } from "../src/tensor/half.ts";
import type { AnyOp } from "../src/tensor/op.ts";
import { hash } from "../src/tensor/random.ts";
import { numel, owner, reshape, type Tensor } from "../src/tensor/tensor.ts";
import { close, given, Immediate, noise, read, unpacked } from "./launch.ts";

type AnyOracle = Oracle<string, string, unknown>;
const oracles = import.meta.glob<{ default: AnyOracle }>("/src/ops/*.ref.ts", { eager: true });
const PRIOR = 0.5; // gradients that an op absorbs start at this, so that `=` in place of `+=` is seen

function inputs(oracle: AnyOracle, { shapes, integers = {}, packed = {}, offset = {} }: Case<string, unknown>) {
  const host: Record<string, Float64Array> = {};
  const x: Record<string, Tensor> = {};
  Object.entries(shapes).forEach(([name, shape], seed) => {
    if (!shape) return;
    const max = integers[name];
    if (max) {
      const words = Uint32Array.from({ length: numel(shape) }, (_, i) => hash(seed, 0, i)[0] % max);
      host[name] = Float64Array.from(words);
      x[name] = given(shape, words, "u32");
      return;
    }
    const data = noise(numel(shape), seed, offset[name]);
    const half = packed[name];
    const words = half && pack(data, half);
    host[name] = Float64Array.from(words ? unpacked(words, half, data.length) : data);
    x[name] = words ? given(shape, words, half) : given(shape, data);
  });
  const need = Object.fromEntries(Object.keys(x).map((name) => [name, oracle.differentiable.includes(name) && !packed[name]]));
  return { host, x, need };
}

describe.each(Object.entries(oracles))("%s", (_file, { default: oracle }) => {
  const op: AnyOp = oracle.op;
  describe.each([
    ["for a CPU adapter", true],
    ["for a GPU", false],
  ])("%s", (_which, software) => {
    test.each(oracle.cases.map((c) => [c.name, c] as const))("%s", async (_name, c) => {
      const { host, x, need } = inputs(oracle, c);
      const tolerance = c.tolerance ?? 2e-5;
      const r = new Immediate(software);
      const { y, saved = {} } = op.forward(r, x as Named<string>, c.cfg);
      await r.flush();
      const shapes = c.shapes as Record<string, readonly number[]>;
      const want = oracle.reference(host, shapes, c.cfg);
      expect(numel(y.shape)).toBe(want.length);
      close(await read(y), want, tolerance, "y");
      if (!oracle.differentiable.length || !op.backward) return;

      const dyHost = noise(want.length, 9);
      const dy = reshape(given(y.shape, dyHost), y.shape);
      const absorbed = Object.fromEntries(
        (op.absorbs ?? []).filter((n) => need[n]).map((n) => [n, given(x[n]!.shape, new Float32Array(numel(x[n]!.shape)).fill(PRIOR))]),
      );
      for (const prior of Object.keys(absorbed).length ? [{}, absorbed] : [{}]) {
        const grads: Grads<string> = op.backward(r, x as Named<string>, saved, dy, need, c.cfg, prior);
        await r.flush();
        await checkGradients(oracle, c, host, need, dyHost, grads, prior, tolerance);
      }
      for (const out of r.outputs) if (out.type === "f32") await read(out); // guards of everything the op ever wrote
    });
  });
});

async function checkGradients(
  oracle: AnyOracle,
  { shapes, cfg }: Case<string, unknown>,
  host: Record<string, Float64Array>,
  need: Readonly<Record<string, boolean>>,
  dy: Float32Array,
  grads: Grads<string>,
  prior: Grads<string>,
  tolerance: number,
): Promise<void> {
  const loss = () => oracle.reference(host, shapes as Record<string, readonly number[]>, cfg).reduce((sum, v, i) => sum + v * dy[i]!, 0);
  for (const name of oracle.differentiable) {
    const values = host[name];
    if (!values || !need[name]) continue;
    const grad = grads[name];
    if (!grad) throw new Error(`no gradient of "${name}"`);
    expect(numel(owner(grad).shape)).toBe(values.length);
    const got = await read(grad);
    const base = prior[name] ? PRIOR : 0;
    expect(got.every(Number.isFinite), `d${name} has an unwritten or infinite element`).toBe(true);
    for (let probe = 0; probe < 16; probe++) {
      const i = (probe * 7919) % values.length;
      const v = values[i]!;
      const h = 1e-4 * (1 + Math.abs(v));
      values[i] = v + h;
      const up = loss();
      values[i] = v - h;
      const down = loss();
      values[i] = v;
      close([got[i]! - base], [(up - down) / (2 * h)], Math.max(2e-3, 20 * tolerance), `d${name} at ${i}`);
    }
  }
}

test("every op has an oracle", () => {
  const ops = Object.keys(import.meta.glob(["/src/ops/*.ts", "!/src/ops/*.ref.ts", "!/src/ops/op.ts"]));
  for (const path of ops) expect(oracles).toHaveProperty([path.replace(".ts", ".ref.ts")]);
});
