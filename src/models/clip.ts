/** CLIP (arXiv 2103.00020) as Hugging Face's CLIPModel stores it: a vision and a text transformer that meet in one space. */
import { attention } from "../ops/attention.ts";
import { embed } from "../ops/embed.ts";
import { gelu } from "../ops/gelu.ts";
import { matmul } from "../ops/matmul.ts";
import { patches } from "../ops/patches.ts";
import { pool } from "../ops/pool.ts";
import { tokens } from "../ops/tokens.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { reshape } from "../tensor/tensor.ts";
import { fieldsOf } from "./config.ts";
import { defineModel, type ImageTower, type Pass, type Scope, type TextTower } from "./model.ts";

type Activation = "exact" | "tanh" | "quick";

interface Tower {
  readonly width: number;
  readonly inner: number;
  readonly depth: number;
  readonly heads: number;
  readonly activation: Activation;
  readonly eps: number;
}

interface ClipConfig {
  readonly vision: Tower & { readonly size: number; readonly patch: number };
  readonly text: Tower & { readonly vocabulary: number; readonly positions: number };
  readonly shared: number;
}

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  quick_gelu: "quick",
  gelu: "exact",
  gelu_new: "tanh",
  gelu_pytorch_tanh: "tanh",
};

/** What one block does besides attention's mask: in the last one, `pick` keeps only the rows that are read afterwards. */
type Block = (pass: Pass, x: Tensor, batch: number, pick?: (x: Tensor) => Tensor) => Tensor;

function block(scope: Scope, { width, inner, heads, activation, eps }: Tower, index: number, causal: boolean): Block {
  const linear = (name: string, i: number, o: number, target: string) => scope.linear(name, i, o, { block: index, target });
  const norm1 = scope.norm("layer_norm1", width, eps);
  const norm2 = scope.norm("layer_norm2", width, eps);
  const q = linear("self_attn.q_proj", width, width, "q");
  const k = linear("self_attn.k_proj", width, width, "k");
  const v = linear("self_attn.v_proj", width, width, "v");
  const out = linear("self_attn.out_proj", width, width, "out");
  const fc1 = linear("mlp.fc1", width, inner, "fc1");
  const fc2 = linear("mlp.fc2", inner, width, "fc2");
  return (pass, x, batch, pick = (rows) => rows) => {
    const { tape } = pass;
    const h = norm1(pass, x);
    const mixed = tape.apply(attention, { q: q(pass, h), k: k(pass, h), v: v(pass, h) }, { batch, heads, causal });
    const middle = out(pass, pick(mixed), pick(x));
    return fc2(pass, tape.apply(gelu, { x: fc1(pass, norm2(pass, middle)) }, { kind: activation }), middle);
  };
}

const stack = (scope: Scope, tower: Tower, causal: boolean) =>
  Array.from({ length: tower.depth }, (_, i) => block(scope.at(`encoder.layers.${i}`), tower, i, causal));

/** Runs the blocks; the last one computes the picked rows alone from its attention on. */
function run(pass: Pass, blocks: readonly Block[], x: Tensor, batch: number, pick: (x: Tensor) => Tensor): Tensor {
  return blocks.reduce((h, one, i) => one(pass, h, batch, i === blocks.length - 1 ? pick : undefined), x);
}

function imageTower(scope: Scope, vision: ClipConfig["vision"]): ImageTower {
  const { width, size, patch, eps } = vision;
  const count = (size / patch) ** 2;
  const at = scope.at("vision_model");
  const kernel = at.tensor("embeddings.patch_embedding.weight", [width, 3, patch, patch]);
  const cls = at.tensor("embeddings.class_embedding", [width]);
  const positions = at.tensor("embeddings.position_embedding.weight", [count + 1, width]);
  const first = at.norm("pre_layrnorm", width, eps); // spelt so in every checkpoint
  const blocks = stack(at, vision, false);
  const last = at.norm("post_layernorm", width, eps);
  return {
    size,
    width,
    tokens: count + 1,
    features(pass, pixels) {
      const { tape } = pass;
      const batch = pixels.shape[0] as number;
      const columns = tape.apply(patches, { pixels }, { patch });
      const embedded = tape.apply(matmul, { a: columns, b: reshape(kernel, [width, 3 * patch * patch]) }, { transB: true });
      const x = first(pass, tape.apply(tokens, { patches: embedded, cls, positions }, { batch }));
      const classToken = (rows: Tensor) => tape.apply(pool, { x: rows }, { tokens: count + 1, kind: "row" });
      return last(pass, run(pass, blocks, x, batch, classToken));
    },
  };
}

function textTower(scope: Scope, { vision, text, shared }: ClipConfig, scale: number): TextTower {
  const { width, vocabulary, positions, eps } = text;
  const at = scope.at("text_model");
  const table = at.tensor("embeddings.token_embedding.weight", [vocabulary, width]);
  const places = at.tensor("embeddings.position_embedding.weight", [positions, width]);
  const blocks = stack(at, text, true);
  const last = at.norm("final_layer_norm", width, eps);
  const imageProjection = scope.tensor("visual_projection.weight", [shared, vision.width]);
  const textProjection = scope.tensor("text_projection.weight", [shared, width]);
  return {
    positions,
    scale,
    project: ({ tape }, features) => tape.apply(matmul, { a: features, b: imageProjection }, { transB: true }),
    embed(pass, ids, ends) {
      const { tape } = pass;
      const batch = ends.shape[0] as number;
      const x = tape.apply(embed, { ids, table, positions: places }, { tokens: positions });
      const endToken = (rows: Tensor) => tape.apply(pool, { x: rows, rows: ends }, { tokens: positions, kind: "row" });
      return tape.apply(matmul, { a: last(pass, run(pass, blocks, x, batch, endToken)), b: textProjection }, { transB: true });
    },
  };
}

export default defineModel<ClipConfig>({
  title: "CLIP",
  types: ["clip"],
  configure(json) {
    const root = fieldsOf(json, "config.json");
    const tower = (fields: ReturnType<typeof fieldsOf>): Tower => ({
      width: fields.integer("hidden_size"),
      inner: fields.integer("intermediate_size"),
      depth: fields.integer("num_hidden_layers"),
      heads: fields.integer("num_attention_heads"),
      activation: fields.oneOf("hidden_act", ACTIVATIONS, "quick_gelu"),
      eps: fields.number("layer_norm_eps", 1e-5),
    });
    const vision = root.object("vision_config");
    const text = root.object("text_config");
    return {
      vision: { ...tower(vision), size: vision.integer("image_size"), patch: vision.integer("patch_size") },
      text: { ...tower(text), vocabulary: text.integer("vocab_size", 49408), positions: text.integer("max_position_embeddings", 77) },
      shared: root.integer("projection_dim", 512),
    };
  },
  build(scope, config, scalar) {
    return { image: imageTower(scope, config.vision), text: textTower(scope, config, Math.exp(scalar("logit_scale"))) };
  },
});
