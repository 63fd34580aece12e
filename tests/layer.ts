/** One linear layer with a method attached, run either way, on either kind of kernels. */
import { mergedWeight, type SiteShape, type Way } from "../src/adapters/adapter.ts";
import { storage, upload } from "../src/gpu/memory.ts";
import type { Site } from "../src/models/model.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, numel, tensor } from "../src/tensor/tensor.ts";
import { Lane, type LaneSetup } from "../src/train/lane.ts";
import { gpu } from "./gpu.ts";
import { type Program, program } from "./toy.ts";

const ROWS = 7;
export const draw = (n: number, stream: number, scale = 1): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => scale * normal(2, stream, i));
export const onGpu = (shape: readonly number[], data: Float32Array) => tensor(shape, { buffer: upload(gpu, data, "given") });

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

/** A lane with one site, whose bases may be for larger layers. */
export function adaptedLayer({ method, shape, settings, seed = 3, given, x, dy, bare = false }: LayerSetup) {
  const area = shape.in * shape.out;
  const weight = bare ? new Float32Array(area) : draw(area, 1, 1 / Math.sqrt(shape.in));
  const bias = bare ? new Float32Array(shape.out) : draw(shape.out, 2);
  const site: Site = {
    path: "layer",
    ...shape,
    block: 0,
    target: "q",
    weight: onGpu([shape.out, shape.in], weight),
    bias: onGpu([shape.out], bias),
  };
  const lane = new Lane(gpu, { sites: [site], config: { method, settings, lr: 1e-3 }, seed, head: new Map(), ...(given && { given }) });
  const input = x ?? draw(ROWS * shape.in, 3);
  const gradient = dy ?? draw(ROWS * shape.out, 4);
  const rows = input.length / shape.in;

  /** Forward and backward, with the gradient of x and of all trainables. */
  async function layer(way: Way, software: boolean) {
    const tape = new Tape(software);
    const xs = Object.assign(onGpu([rows, shape.in], input), { needsGrad: true });
    const y = lane.pass(tape, true, way).linear(site, xs);
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
      /** y, and the gradients by name, for the trainables as they are now. */
      async compute(): Promise<{ readonly y: Float32Array; readonly grads: ReadonlyMap<string, Float32Array> }> {
        made.run();
        const values = new Map<string, Float32Array>();
        for (const [name, grad] of named) values.set(name, await made.read(grad));
        return { y: await made.read(y), grads: values };
      },
      async forward(): Promise<Float32Array> {
        made.run();
        return made.read(y);
      },
    };
  }

  /** ΔW for the trainables as they are now. */
  async function delta(software: boolean): Promise<Float32Array> {
    const tape = new Tape(software);
    const attached = lane.attached(site);
    if (!attached) throw new Error("nothing is attached");
    const y = mergedWeight(tape, attached, site, tensor([site.out, site.in], { buffer: storage(gpu, byteLength(site.weight), "zeros") }));
    const made: Program = await program(tape, [y]);
    made.run();
    return made.read(y);
  }
  return { site, lane, layer, delta, x: input, dy: gradient, weight, bias, rows };
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
