/** Every model of src/models at a size of a few kilobytes, in all the ways that its op list may vary; without a GPU or a page. */
import { normal } from "../src/tensor/random.ts";
import { numel } from "../src/tensor/tensor.ts";

const ENCODER = { hidden_size: 12, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 3, image_size: 16, patch_size: 8 };
const TEXT = {
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  vocab_size: 20,
  max_position_embeddings: 6,
};
const DINO = { ...ENCODER, intermediate_size: undefined, num_hidden_layers: 3, mlp_ratio: 2 };

const CONFIGS: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  clip: [{ vision_config: { ...ENCODER, hidden_act: "quick_gelu" }, text_config: { ...TEXT, hidden_act: "gelu" }, projection_dim: 8 }],
  clip_vision_model: [{ ...ENCODER, hidden_act: "gelu_pytorch_tanh" }],
  vit: [ENCODER, { ...ENCODER, qkv_bias: false }],
  deit: [ENCODER],
  dinov2: [DINO, { ...DINO, use_swiglu_ffn: true, size: 24 }],
  dinov2_with_registers: [{ ...DINO, num_register_tokens: 3, size: 24 }],
};

export interface ToyModel {
  /** "dinov2 2" */
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Side of the images it is given; the config's own where undefined. */
  readonly size: number | undefined;
}

/** The toys of a `model_type`. Throws when there are none, so that a new model gets one. */
export function toysOf(type: string): ToyModel[] {
  const configs = CONFIGS[type];
  if (!configs) throw new Error(`tests/toys.ts has no toy of "${type}"`);
  return configs.map(({ size, ...fields }, i) => ({
    name: `${type} ${i + 1}`,
    config: { ...fields, model_type: type },
    size: size as number | undefined,
  }));
}

/** Numbers by a tensor's name, whoever asks. Cosines are multiplied by 100, as CLIP has learned to. */
export function toyValues(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  if (name === "logit_scale") return Float32Array.of(Math.log(100));
  const isGain = /norm\w*\.weight$/.test(name);
  const scale = isGain || name.endsWith("bias") ? 0.2 : shape.length > 1 ? 1.5 / Math.sqrt(numel(shape.slice(1))) : 0.5;
  const stream = [...name].reduce((hash, letter) => (31 * hash + letter.charCodeAt(0)) % 65_521, 0);
  return Float32Array.from({ length: numel(shape) }, (_, i) => Number(isGain) + scale * normal(7, stream, i));
}
