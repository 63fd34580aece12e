/** CLIP (arXiv 2103.00020) as Hugging Face's CLIPModel stores it: a vision and a text transformer that meet in one space. */
import { embed } from "../ops/embed.ts";
import { matmul } from "../ops/matmul.ts";
import { pool } from "../ops/pool.ts";
import { tokens } from "../ops/tokens.ts";
import { numel, type Tensor } from "../tensor/tensor.ts";
import { type ConfigFields, fieldsOf } from "./config.ts";
import {
  type BlockNames,
  checkSize,
  type Encoder,
  encoder,
  type Grid,
  patchEmbedding,
  readEncoder,
  readGrid,
  readInner,
} from "./encoder.ts";
import { defineModel, type ImageTower, type Pass, type Scope, type TextTower } from "./model.ts";

export type Vision = Encoder & Grid;

interface Text extends Encoder {
  readonly vocabulary: number;
  readonly positions: number;
}

interface Clip {
  readonly vision: Vision;
  /** Undefined where the checkpoint has images alone. */
  readonly text: Text | undefined;
  /** Width of the space that images and texts share. */
  readonly shared: number;
}

const NAMES: BlockNames = {
  norm1: "layer_norm1",
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  out: "self_attn.out_proj",
  norm2: "layer_norm2",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

interface VisionTower {
  readonly image: ImageTower;
  /** pixels (B, 3, size, size) → hidden state of the class token (B, width). */
  classToken(pass: Pass, pixels: Tensor): Tensor;
}

/** The part that CLIPForImageClassification has too, which averages over the patches and leaves out the norm at the end. */
export function visionTower(scope: Scope, vision: Vision): VisionTower {
  const { width, size, across, eps } = vision;
  const count = across ** 2 + 1;
  const at = scope.at("vision_model");
  const cls = at.tensor("embeddings.class_embedding", [width]);
  const embedPatches = patchEmbedding(at.at("embeddings.patch_embedding"), width, vision, false);
  const positions = at.tensor("embeddings.position_embedding.weight", [count, width]);
  const first = at.norm("pre_layrnorm", width, eps); // spelt so in every checkpoint
  const blocks = encoder(at, "encoder.layers", vision, NAMES);
  const states = (pass: Pass, pixels: Tensor, pick?: (x: Tensor) => Tensor): Tensor => {
    const { tape } = pass;
    const batch = pixels.shape[0] as number;
    const inputs = { patches: embedPatches(pass, pixels), cls, positions };
    return blocks(pass, first(pass, tape.apply(tokens, inputs, { batch })), batch, pick);
  };
  return {
    image: {
      size,
      width,
      tokens: count,
      special: 1,
      features: (pass, pixels) => pass.tape.apply(pool, { x: states(pass, pixels) }, { tokens: count, kind: "mean", from: 1 }),
    },
    classToken: (pass, pixels) => states(pass, pixels, (x) => pass.tape.apply(pool, { x }, { tokens: count, kind: "row" })),
  };
}

function textTower(scope: Scope, text: Text, { vision, shared }: Clip, { classToken }: VisionTower): TextTower {
  const { width, vocabulary, positions, eps } = text;
  const imageNorm = scope.at("vision_model").norm("post_layernorm", vision.width, vision.eps);
  const at = scope.at("text_model", "text");
  const table = at.tensor("embeddings.token_embedding.weight", [vocabulary, width], { matrix: true });
  const places = at.tensor("embeddings.position_embedding.weight", [positions, width]);
  const blocks = encoder(at, "encoder.layers", text, NAMES, true);
  const textNorm = at.norm("final_layer_norm", width, eps);
  const imageProjection = scope.tensor("visual_projection.weight", [shared, vision.width], { matrix: true });
  const textProjection = scope.at("text_projection", "text").tensor("weight", [shared, width], { matrix: true });
  return {
    positions,
    scale: scope.tensor("logit_scale", []),
    embedImages(pass, pixels) {
      return pass.tape.apply(matmul, { a: imageNorm(pass, classToken(pass, pixels)), b: imageProjection }, { transB: true });
    },
    embedTexts(pass, ids, ends) {
      const { tape } = pass;
      const batch = ends.shape[0] as number;
      const count = numel(ids.shape) / batch;
      const x = tape.apply(embed, { ids, table, positions: places }, { tokens: count });
      const endToken = (rows: Tensor) => tape.apply(pool, { x: rows, rows: ends }, { tokens: count, kind: "row" });
      return tape.apply(matmul, { a: textNorm(pass, blocks(pass, x, batch, endToken)), b: textProjection }, { transB: true });
    },
  };
}

const COMMON = { eps: 1e-5, act: "quick_gelu" };

export function readVision(fields: ConfigFields, size?: number): Vision {
  const vision = {
    ...readEncoder(fields, { ...COMMON, width: 768, heads: 12 }),
    inner: readInner(fields, 3072),
    ...readGrid(fields, 32),
  };
  checkSize(vision, size);
  fields.neutral("attention_dropout", 0);
  fields.finish(["projection_dim"]);
  return vision;
}

function readText(fields: ConfigFields): Text {
  const text = {
    ...readEncoder(fields, { ...COMMON, width: 512, heads: 8 }),
    inner: readInner(fields, 2048),
    vocabulary: fields.integer("vocab_size", 49_408, 2 ** 21),
    positions: fields.integer("max_position_embeddings", 77, 8192),
  };
  fields.neutral("attention_dropout", 0);
  fields.finish(["projection_dim"]);
  return text;
}

export default defineModel<Clip>({
  title: "CLIP",
  types: ["clip"],
  classes: { linear: "CLIPForImageClassification", text: "CLIPModel" },
  outside: [/^text_model\./, /^(visual|text)_projection\./, /^logit_scale$/],
  configure(json, size) {
    const fields = fieldsOf(json);
    // Where an old config has both, transformers takes all fields from the one with "_dict".
    const part = (name: string) => fields.object(fields.has(`${name}_dict`) ? `${name}_dict` : name);
    const [vision, text] = [readVision(part("vision_config"), size), readText(part("text_config"))];
    const shared = fields.integer("projection_dim", 512, 16_384);
    fields.finish(["logit_scale_init_value", "vision_config", "text_config"]);
    const isClassifier = Array.isArray(json.architectures) && json.architectures.includes("CLIPForImageClassification");
    return { vision, text: isClassifier ? undefined : text, shared };
  },
  build(scope, config) {
    const vision = visionTower(scope, config.vision);
    return { image: vision.image, ...(config.text && { text: textTower(scope, config.text, config, vision) }) };
  },
});
