/** A model written down as ONNX by following its forward pass, op by op: what a model computes is said once, in its file. */
import { UnsupportedError } from "../formats/error.ts";
import { OnnxGraph } from "../formats/onnx.ts";
import type { FloatTensor } from "../formats/safetensors.ts";
import type { Pass } from "../models/model.ts";
import type { AnyOp, Named, OpDef } from "../tensor/op.ts";
import { type Applied, Tape } from "../tensor/tape.ts";
import { owner, type Tensor, tensor } from "../tensor/tensor.ts";
import { buildModel } from "./catalog.ts";
import { frozenPass } from "./frozen.ts";
import { classify, HEAD, type Head } from "./head.ts";

interface Value {
  readonly name: string;
  /** The first axis is a multiple of the batch. */
  readonly grows: boolean;
}

/** A tape that writes nodes in place of launches. */
export class Trace extends Tape {
  readonly graph = new OnnxGraph();
  readonly #values = new Map<Tensor, Value>();
  readonly #weights = new Map<Tensor, () => Float32Array>();

  constructor() {
    super(false);
  }

  /** What the model is given; `tensor` says its shape for the batch that is traced. */
  input(name: string, [batch, ...rest]: readonly [number, ...number[]]): Tensor {
    const x = tensor([batch, ...rest], { label: name });
    this.#values.set(x, { name: this.graph.input(name, ["batch", ...rest]), grows: true });
    return x;
  }

  /** A weight under its name in the file, where it is when an op reads it. `values` is called when the file is put together. */
  weight(name: string, shape: readonly number[], values: () => Float32Array): Tensor {
    const x = tensor(shape, { label: name });
    this.#weights.set(x, values);
    return x;
  }

  output(name: string, y: Tensor): void {
    this.graph.output(name, this.#value(y).name, ["batch", ...y.shape.slice(1)]);
  }

  /** Throws UnsupportedError for an op that has no form in ONNX. */
  override record<I extends string, O extends string, C>(op: OpDef<I, O, C>, inputs: Named<I, O>, cfg: C): Applied {
    const applied = super.record(op, inputs, cfg);
    const given = Object.entries<Tensor | undefined>(inputs).flatMap(([key, x]) => (x ? [{ key, x, value: this.#value(x) }] : []));
    const erased: AnyOp = op;
    const name = erased.onnx?.(
      this.graph,
      Object.fromEntries(given.map(({ key, value }) => [key, value.name])),
      cfg,
      Object.fromEntries(given.map(({ key, x }) => [key, x.shape])),
    );
    if (name === undefined) throw new UnsupportedError(`"${op.name}" in ONNX`, "the op does not say how it is written there.");
    this.#values.set(owner(applied.y), { name, grows: given.some(({ value }) => value.grows) });
    return applied;
  }

  /** Nothing is launched: an op's forward is asked for its shapes alone. */
  override run(): void {}

  #value(x: Tensor): Value {
    const source = owner(x);
    const value = this.#values.get(source) ?? this.#use(source);
    if (x === source) return value;
    const shape = value.grows ? [-1, ...x.shape.slice(1)] : x.shape;
    return { ...value, name: this.graph.node("Reshape", [value.name, this.graph.integers(shape)]) };
  }

  #use(x: Tensor): Value {
    const values = this.#weights.get(x);
    if (!values) throw new Error(`The trace knows no tensor "${x.label}": it is neither a weight nor made of the inputs`);
    const value = { name: this.graph.weight(x.label, x.shape, values), grows: false };
    this.#values.set(x, value);
    return value;
  }
}

/** What turns images into logits, in numbers. */
export type ExportedHead =
  | { readonly kind: "linear"; readonly weight: FloatTensor; readonly bias: FloatTensor }
  /** Unit embeddings (classes, shared) of the class prompts. */
  | { readonly kind: "text"; readonly classes: FloatTensor };

export interface Export {
  /** config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Side of the images; the config's own where undefined. */
  readonly size?: number;
  /** The numbers of a tensor of the checkpoint, with ΔW in them. Asked for those alone that turn images into logits. */
  readonly weights: (name: string, shape: readonly number[]) => Float32Array;
  readonly head: ExportedHead;
  /** Strings to keep in the file, such as the names of the classes. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * An ONNX file: pixel_values (batch, 3, size, size), normalised as transformers' image processors do → logits (batch, classes).
 * Throws UnsupportedError for an op that ONNX lacks, or beyond 2 GiB.
 */
export function traceModel({ config, size, weights, head, metadata = {} }: Export): Uint8Array<ArrayBuffer> {
  const trace = new Trace();
  const { model } = buildModel(
    config,
    (name, shape, { values } = {}) => trace.weight(name, shape, values ?? (() => weights(name, shape))),
    size,
  );
  const side = model.image.size;
  const pixels = trace.input("pixel_values", [1, 3, side, side]);
  const constant = (name: string, { shape, data }: FloatTensor) => trace.weight(name, shape, () => data);
  const [asked, own]: [Head, Readonly<Record<string, FloatTensor>>] =
    head.kind === "text"
      ? [{ kind: "text", classes: constant("class_embeddings", head.classes) }, {}]
      : [
          { kind: "linear", classes: head.bias.data.length },
          { [HEAD.weight]: head.weight, [HEAD.bias]: head.bias },
        ];
  // ONNX has no product of a stack that a runtime would be quick at.
  const pass = frozenPass(trace);
  const apart: Pass = { ...pass, linears: (sites, x) => sites.map((site) => pass.linear(site, x)) };
  const logits = classify(apart, model, pixels, asked, (name) => constant(name, own[name] as FloatTensor));
  trace.output("logits", logits);
  return trace.graph.encode(metadata);
}
