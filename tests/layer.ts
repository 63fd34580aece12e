/** One linear layer with a method attached, run either way, on either kind of kernels. */
import type { SiteShape } from "../src/adapters/adapter.ts";
import { storage, upload } from "../src/gpu/memory.ts";
import type { Site } from "../src/models/model.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, numel, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { Lane, type LaneSetup } from "../src/train/lane.ts";
import { type Way, withUpdate } from "../src/train/way.ts";
import { gpu } from "./gpu.ts";
import { kernels, program } from "./toy.ts";

const ROWS = 7;
export const draw = (n: number, stream: number, scale = 1): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => scale * normal(2, stream, i));
export const onGpu = (shape: readonly number[], data: Float32Array) => tensor(shape, { buffer: upload(gpu, data, "given") });

/** What a lane on one layer of this shape may train: the method's tensors, or the layer's own. */
export const outlineOf = (shape: SiteShape) => ({
  layers: [shape],
  parameters: [
    { name: "layer.weight", shape: [shape.out, shape.in] },
    { name: "layer.bias", shape: [shape.out] },
  ],
});

export interface LayerSetup {
  readonly method: string;
  readonly shape: SiteShape;
  readonly settings: Readonly<Record<string, number>>;
  readonly seed?: number;
  readonly given?: NonNullable<LaneSetup["given"]>;
  /** (rows, in) and (rows, out); drawn where absent. */
  readonly x?: Float32Array;
  readonly dy?: Float32Array;
  /** The frozen part is zero, so that y is the adapter's alone. */
  readonly bare?: boolean;
}

/** Forward and backward of the layer as one program. */
export interface Layer {
  /** y, and the gradients by name, for the trainables as they are now. */
  compute(): Promise<{ readonly y: Float32Array; readonly grads: ReadonlyMap<string, Float32Array> }>;
  forward(): Promise<Float32Array>;
}

/** A lane with one site, whose bases may be for larger layers. */
export async function adaptedLayer({ method, shape, settings, seed = 3, given, x, dy, bare = false }: LayerSetup) {
  const area = shape.in * shape.out;
  const weight = bare ? new Float32Array(area) : draw(area, 1, 1 / Math.sqrt(shape.in));
  const bias = bare ? new Float32Array(shape.out) : draw(shape.out, 2);
  const frozen = { weight: onGpu([shape.out, shape.in], weight), bias: onGpu([shape.out], bias) };
  const site: Site = { path: "layer", tower: "image", ...shape, block: 0, target: "q", ...frozen };
  const own = new Map(Object.entries(frozen).map(([name, value]) => [`layer.${name}`, value]));
  const config = { method, settings, lr: 1e-3 };
  const lane = await Lane.open(gpu, kernels, { sites: [site], own, config, seed, head: new Map(), ...(given && { given }) });
  const input = x ?? draw(ROWS * shape.in, 3);
  const gradient = dy ?? draw(ROWS * shape.out, 4);
  const rows = input.length / shape.in;
  const used: Site = {
    ...site,
    weight: lane.own.get("layer.weight") ?? frozen.weight,
    bias: lane.own.get("layer.bias") ?? frozen.bias,
  };

  async function layer(way: Way | undefined, software: boolean, training = true): Promise<Layer> {
    const tape = new Tape(software);
    const xs = Object.assign(onGpu([rows, shape.in], input), { needsGrad: true });
    const y = lane.pass(tape, training, way).linear(used, xs);
    const grads = tape.backward(y, onGpu([rows, shape.out], gradient));
    const found = new Map([...lane.trainables.tensors].map(([name, t]) => [name.replace("layer.", ""), grads.get(t)]));
    const named = new Map(
      [...found, ["x", grads.get(xs)] as const].map(([name, grad]) => {
        if (!grad) throw new Error(`no gradient of ${name}`);
        return [name, grad] as const;
      }),
    );
    const made = await program(tape, [y, ...named.values()]);
    return {
      async compute() {
        made.run();
        const values = new Map<string, Float32Array>();
        for (const [name, grad] of named) values.set(name, await made.read(grad));
        return { y: await made.read(y), grads: values };
      },
      async forward() {
        made.run();
        return made.read(y);
      },
    };
  }

  /** A function that computes what `record` puts on a tape, for the trainables as they are now. */
  async function weightOf(software: boolean, record: (tape: Tape) => Tensor): Promise<() => Promise<Float32Array>> {
    const tape = new Tape(software);
    const y = record(tape);
    const made = await program(tape, [y]);
    return () => {
      made.run();
      return made.read(y);
    };
  }
  const zeros = tensor([site.out, site.in], { buffer: storage(gpu, byteLength(site.weight), "zeros") });
  /** W_eff − W for the trainables as they are now. */
  const delta = async (software: boolean) => (await weightOf(software, (tape) => lane.delta(tape, site, zeros)))();

  /** The norms of the rows of W + ΔW, before a method scales them. */
  async function norms(software: boolean): Promise<() => Promise<Float64Array>> {
    const merged = await weightOf(software, (tape) => {
      const attached = lane.attached(site);
      if (!attached) throw new Error("nothing is attached");
      return withUpdate(tape, attached, site, site.weight);
    });
    return async () => {
      const values = await merged();
      return Float64Array.from({ length: site.out }, (_, o) => Math.hypot(...values.subarray(o * site.in, (o + 1) * site.in)));
    };
  }
  return { site, lane, layer, delta, norms, x: input, dy: gradient, weight, bias, rows };
}

/** a (m, k) · b (k, n) in float64. */
export function product(a: ArrayLike<number>, b: ArrayLike<number>, m: number, k: number, n: number): Float64Array {
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) y[i * n + j]! += a[i * k + l]! * b[l * n + j]!;
  return y;
}

export function transpose(a: ArrayLike<number>, rows: number, cols: number): Float64Array {
  return Float64Array.from({ length: numel([rows, cols]) }, (_, i) => a[(i % rows) * cols + Math.floor(i / rows)] as number);
}
