/** What a tape can record: launches, and ops made of them. */
import type { ElementType, Tensor } from "./tensor.ts";

/** What a kernel launch needs, by the names in its `.wgsl` file. */
export interface Launch {
  readonly shader: string;
  readonly entry: string;
  readonly buffers: Readonly<Record<string, Tensor>>;
  readonly params: Readonly<Record<string, number>>;
  /** Workgroups, at most 65,535 in each direction. */
  readonly groups: readonly [number, number?, number?];
  /** `override` constants of the file. */
  readonly overrides?: Readonly<Record<string, number>>;
  /** `// knob` constants of the file. */
  readonly knobs?: Readonly<Record<string, number>>;
}

/** Where an op puts its work: the tape records it, a test runs it at once. */
export interface Recorder {
  /** The adapter computes on the CPU, where kernels without barriers are the faster ones. */
  readonly software: boolean;
  /** A tensor that the op writes in full. */
  out(shape: readonly number[], type?: ElementType): Tensor;
  run(launch: Launch): void;
  /**
   * The variant to run a problem by: the fastest on this device where that has been measured, else the first, which is the op's own
   * guess. `problem` begins with the op's name and holds all that decides between the variants: equal ones must offer equal variants.
   * `trial` records the problem once by a variant, on inputs that it asks of `given` (they hold zeros), for those who measure.
   */
  pick<V extends Variant>(problem: string, variants: readonly V[], trial: (r: Recorder, variant: V, given: Given) => void): V;
}

/** One of several ways to run a problem. They may differ in the order in which they add. */
export interface Variant {
  /** Unlike those of the others for the same problem. */
  readonly name: string;
}
export type Given = (shape: readonly number[], type?: ElementType) => Tensor;

export type Named<I extends string, O extends string = never> = { readonly [K in I]: Tensor } & { readonly [K in O]?: Tensor };
export type Grads<I extends string> = { readonly [K in I]?: Tensor };

/** The ONNX graph that an op writes itself into; values go by name. */
export interface Graph {
  /** Adds a node of opset 17 with one result, and gives the result's name. An attribute is whole numbers, or a real one. */
  node(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, number | readonly number[] | { readonly real: number }>>,
  ): string;
  /** A float constant: one number, unless it has a shape. */
  floats(values: readonly number[], shape?: readonly number[]): string;
  /** An int64 constant (n), such as a shape. */
  integers(values: readonly number[]): string;
}

export type Shapes<I extends string, O extends string = never> = { readonly [K in I]: readonly number[] } & {
  readonly [K in O]?: readonly number[];
};

/**
 * `I` names the inputs, `O` the optional ones, `C` is the plain configuration.
 */
export interface OpDef<I extends string, O extends string, C> {
  readonly name: string;
  forward(r: Recorder, x: Named<I, O>, cfg: C): { y: Tensor; saved?: Readonly<Record<string, Tensor>> };
  /**
   * Computes the gradients in `need` and no others: a frozen weight costs nothing. An input named in `absorbs` comes with
   * the gradient it already has in `prior` (when it has one); the op returns their sum, which saves a pass over memory.
   */
  backward?(
    r: Recorder,
    x: Named<I, O>,
    saved: Readonly<Record<string, Tensor>>,
    dy: Tensor,
    need: { readonly [K in I | O]?: boolean },
    cfg: C,
    prior: Grads<I | O>,
  ): Grads<I | O>;
  readonly absorbs?: readonly (I | O)[];
  /**
   * The result is not kept for the backward pass: whoever reads it there has it computed again, in the same bits. For an op that costs
   * one pass over its input, which is kept anyway.
   */
  readonly recomputed?: true;
  /**
   * The forward as ONNX nodes, from the names of its inputs to that of y; undefined where ONNX has no such thing. `shapes` and
   * `cfg` are those of a batch of some size, but the file is for any: the rows of activations stay open (-1).
   */
  onnx?(g: Graph, x: { readonly [K in I]: string } & { readonly [K in O]?: string }, cfg: C, shapes: Shapes<I, O>): string | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the erased form of an op, for code that treats all ops alike
export type AnyOp = OpDef<string, any, any>;

/** Workgroups to cover `n` invocations, spread over two directions where one is not enough. See `flat_index` in shaders/lib. */
export function flatGroups(n: number, workgroupSize = 256): [number, number] {
  const groups = Math.max(1, Math.ceil(n / workgroupSize));
  const rows = Math.ceil(groups / 65535);
  return [Math.ceil(groups / rows), rows];
}
