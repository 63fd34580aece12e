/** What the models share: squares of pixels as tokens, and a transformer encoder that normalises before each half of a block. */
import { FormatError, UnsupportedError } from "../formats/error.ts";
import { add } from "../ops/add.ts";
import { attention } from "../ops/attention.ts";
import { gelu } from "../ops/gelu.ts";
import { layerscale } from "../ops/layerscale.ts";
import { matmul } from "../ops/matmul.ts";
import { patches } from "../ops/patches.ts";
import { swiglu } from "../ops/swiglu.ts";
import { reshape, type Tensor } from "../tensor/tensor.ts";
import type { ConfigFields } from "./config.ts";
import type { Layer, Pass, Scope } from "./model.ts";

type Activation = "exact" | "tanh" | "quick" | "swiglu";

export interface Encoder {
  readonly width: number;
  /** Numbers that a token has inside the MLP, after the activation. */
  readonly inner: number;
  readonly depth: number;
  readonly heads: number;
  readonly activation: Activation;
  readonly eps: number;
  /** Whether q, k and v have a bias; they have, unless it says no. */
  readonly qkvBias?: boolean;
}

/** Of square images in square patches. */
export interface Grid {
  /** Pixels. */
  readonly size: number;
  readonly patch: number;
  /** Patches along a side, as many as the position table was made for. */
  readonly across: number;
}

/** Names of a block's parts, below its own. */
export interface BlockNames {
  readonly norm1: string;
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly out: string;
  readonly norm2: string;
  readonly fc1: string;
  readonly fc2: string;
  /** LayerScale of either half, where there is one. */
  readonly scales?: readonly [string, string];
}

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: "exact",
  gelu_new: "tanh",
  gelu_pytorch_tanh: "tanh",
  quick_gelu: "quick",
};

const LARGEST_WIDTH = 16_384;
/** What attention's kernels hold in registers. */
const LARGEST_HEAD = 128;

/** The sizes of a transformer, by the names that they have in every config of transformers; absent ones as in `otherwise`. */
export function readEncoder(
  fields: ConfigFields,
  otherwise: Pick<Encoder, "width" | "heads" | "eps"> & { readonly act: string },
): Omit<Encoder, "inner"> {
  const width = fields.integer("hidden_size", otherwise.width, LARGEST_WIDTH);
  const heads = fields.integer("num_attention_heads", otherwise.heads, LARGEST_WIDTH);
  if (width % heads)
    throw new FormatError("config", `config.json: "num_attention_heads" is ${heads}, which does not divide a "hidden_size" of ${width}.`);
  if (width / heads > LARGEST_HEAD)
    throw new UnsupportedError("num_attention_heads", `heads have ${width / heads} numbers; at most ${LARGEST_HEAD} are handled.`);
  return {
    width,
    heads,
    depth: fields.integer("num_hidden_layers", 12, 256),
    activation: fields.oneOf("hidden_act", ACTIVATIONS, otherwise.act),
    eps: fields.positive("layer_norm_eps", otherwise.eps, 1),
  };
}

export const readInner = (fields: ConfigFields, otherwise: number): number =>
  fields.integer("intermediate_size", otherwise, 8 * LARGEST_WIDTH);

export function readGrid(fields: ConfigFields, usualPatch: number): Grid {
  fields.neutral("num_channels", 3);
  const size = fields.side("image_size", 224);
  const patch = fields.side("patch_size", usualPatch);
  return { size, patch, across: wholePatches(size, patch) };
}

/** Patches along a side. Throws UnsupportedError when it is not a whole number. */
export function wholePatches(size: number, patch: number): number {
  if (size % patch)
    throw new UnsupportedError("image_size", `${size} pixels are not a whole number of patches of ${patch} ("patch_size").`);
  return size / patch;
}

/** For models that transformers does not run at another size than their own, unless it is asked to in code. */
export function checkSize({ size }: Grid, wanted = size): void {
  if (wanted !== size) throw new UnsupportedError("image_size", `the model is for ${size} pixels, not for ${wanted}.`);
}

/** Conv2d whose stride is its kernel: pixels (B, 3, size, size) → patches (B·P, width). */
export function patchEmbedding(scope: Scope, width: number, { patch }: Grid, withBias: boolean): (pass: Pass, pixels: Tensor) => Tensor {
  const kernel = scope.tensor("weight", [width, 3, patch, patch], { matrix: true });
  const bias = withBias ? scope.tensor("bias", [width]) : undefined;
  const flat = reshape(kernel, [width, 3 * patch * patch]);
  return ({ tape }, pixels) =>
    tape.apply(matmul, { a: tape.apply(patches, { pixels }, { patch }), b: flat, ...(bias && { bias }) }, { transB: true });
}

/** In the last block, `pick` keeps only the rows that are read afterwards: all that follows attention is computed for them alone. */
type Blocks = (pass: Pass, x: Tensor, batch: number, pick?: (x: Tensor) => Tensor) => Tensor;

/** x (B·T, width) → the hidden states after the last block, without the norm that follows it. Blocks are below `name`, numbered. */
export function encoder(scope: Scope, name: string, sizes: Encoder, names: BlockNames, causal = false): Blocks {
  const blocks = Array.from({ length: sizes.depth }, (_, i) => block(scope.at(`${name}.${i}`), sizes, names, i, causal));
  return (pass, x, batch, pick) => blocks.reduce((h, one, i) => one(pass, h, batch, i === blocks.length - 1 ? pick : undefined), x);
}

function block(scope: Scope, sizes: Encoder, names: BlockNames, index: number, causal: boolean): Blocks {
  const { width, inner, heads, activation, eps, qkvBias = true } = sizes;
  const linear = (target: "out" | "fc1" | "fc2", i: number, o: number) => scope.linear(names[target], i, o, { block: index, target });
  const norm1 = scope.norm(names.norm1, width, eps);
  const qkv = scope.linears({ q: names.q, k: names.k, v: names.v }, width, width, { block: index, bias: qkvBias });
  const out = added(linear("out", width, width), names.scales && scope.tensor(names.scales[0], [width]));
  const norm2 = scope.norm(names.norm2, width, eps);
  const fc1 = linear("fc1", width, activation === "swiglu" ? 2 * inner : inner);
  const fc2 = added(linear("fc2", inner, width), names.scales && scope.tensor(names.scales[1], [width]));
  return (pass, x, batch, pick = (rows) => rows) => {
    const { tape } = pass;
    const taps = causal ? undefined : pass.taps; // texts are causal, and images are looked into
    const kept = taps ? (rows: Tensor) => rows : pick;
    const [q, k, v] = qkv(pass, norm1(pass, x)) as [Tensor, Tensor, Tensor];
    const { y: mixed, saved } = tape.record(attention, { q, k, v }, { batch, heads, causal, ...(taps && { keep: true }) });
    if (saved.w) taps?.set(`block.${index}.weights`, saved.w);
    const middle = out(pass, kept(mixed), kept(x));
    const wide = fc1(pass, norm2(pass, middle));
    const active = activation === "swiglu" ? tape.apply(swiglu, { x: wide }, {}) : tape.apply(gelu, { x: wide }, { kind: activation });
    const y = fc2(pass, active, middle);
    if (!taps) return y;
    const added = (after: Tensor, before: Tensor) => tape.apply(add, { a: after, b: before }, { factor: -1 });
    taps.set(`block.${index}.attention`, added(middle, x));
    taps.set(`block.${index}.mlp`, added(y, middle));
    return pick(y);
  };
}

/** The layer's result, scaled by `gamma` where there is one, on top of the residual stream. */
const added =
  (layer: Layer, gamma: Tensor | undefined) =>
  (pass: Pass, x: Tensor, add: Tensor): Tensor =>
    gamma ? pass.tape.apply(layerscale, { x: layer(pass, x), gamma, add }, {}) : layer(pass, x, add);
