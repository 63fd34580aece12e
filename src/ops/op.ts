/** The contract of an op: a forward and a backward over named tensors. It knows nothing of models, adapters or tests. */
import type { OpDef, Recorder } from "../tensor/op.ts";
import type { PackedType, Tensor } from "../tensor/tensor.ts";

export type { Grads, Launch, Named, OpDef, Recorder } from "../tensor/op.ts";
export { flatGroups } from "../tensor/op.ts";

/** Invocations that share a row. A CPU adapter runs a workgroup as one vector and pays for every barrier. */
export const rowWidth = ({ software }: Recorder): number => (software ? 8 : 64);

/** What shaders/lib/half.wgsl calls PACKED; 0 for a tensor that is not. */
export const packing = ({ type }: Tensor): number => (type === "f16" ? 1 : type === "bf16" ? 2 : 0);

export const defineOp = <I extends string, O extends string = never, C = Record<never, never>>(def: OpDef<I, O, C>): OpDef<I, O, C> => def;

/** The proof of an op: a float64 definition (forward only) and the cases to try it on. For tests, bench and the lab page only. */
export interface Oracle<I extends string, O extends string, C> {
  readonly op: OpDef<I, O, C>;
  reference(x: { readonly [K in I | O]: Float64Array }, shapes: { readonly [K in I | O]: readonly number[] }, cfg: C): Float64Array;
  /** Inputs that have a gradient. */
  readonly differentiable: readonly (I | O)[];
  readonly cases: readonly Case<I | O, C>[];
}

export interface Case<N extends string, C> {
  readonly name: string;
  /** An optional input that is absent here is not passed. */
  readonly shapes: { readonly [K in N]?: readonly number[] };
  readonly cfg: C;
  /** Integer inputs (u32): values 0 … max-1. */
  readonly integers?: { readonly [K in N]?: number };
  /** Frozen inputs in half precision: stored rounded, and the definition gets the rounded numbers. They have no gradient. */
  readonly packed?: { readonly [K in N]?: PackedType };
  /** Added to the noise of an input: the ill-conditioned cases. */
  readonly offset?: { readonly [K in N]?: number };
  /** Allowed |got - want| / (1 + |want|); 2e-5 unless the case says why it needs more. */
  readonly tolerance?: number;
}

export const defineOracle = <I extends string, O extends string, C>(oracle: Oracle<I, O, C>): Oracle<I, O, C> => oracle;
