/** ViT (arXiv 2010.11929) as Hugging Face's ViTForImageClassification stores it: it classifies the class token. */
import { pool } from "../ops/pool.ts";
import { tokens } from "../ops/tokens.ts";
import { reshape, type Tensor } from "../tensor/tensor.ts";
import { fieldsOf } from "./config.ts";
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
import { defineModel, type ImageTower, type ModelDef, type Scope } from "./model.ts";

type Vit = Encoder & Grid;

const NAMES: BlockNames = {
  norm1: "layernorm_before",
  q: "attention.attention.query",
  k: "attention.attention.key",
  v: "attention.attention.value",
  out: "attention.output.dense",
  norm2: "layernorm_after",
  fc1: "intermediate.dense",
  fc2: "output.dense",
};

/** In transformers 5; the first that fits. */
const RENAMED: readonly (readonly [string, string])[] = [
  [NAMES.q, "attention.q_proj"],
  [NAMES.k, "attention.k_proj"],
  [NAMES.v, "attention.v_proj"],
  [NAMES.out, "attention.o_proj"],
  [NAMES.fc1, "mlp.fc1"],
  [NAMES.fc2, "mlp.fc2"],
];

function renamed(name: string): string {
  const shorter = name.replace("encoder.layer.", "layers.");
  const [old, now] = RENAMED.find(([part]) => shorter.includes(part)) ?? ["", ""];
  return shorter.replace(old, now);
}

function imageTower(scope: Scope, vit: Vit, distilled: boolean): ImageTower {
  const { width, size, across, eps } = vit;
  const special = distilled ? 2 : 1;
  const count = across ** 2 + special;
  const at = scope.at("embeddings");
  const cls = at.tensor("cls_token", [1, 1, width]);
  const extra = distilled ? at.tensor("distillation_token", [1, 1, width]) : undefined;
  const embedPatches = patchEmbedding(at.at("patch_embeddings.projection"), width, vit, true);
  const positions = reshape(at.tensor("position_embeddings", [1, count, width]), [count, width]);
  const blocks = encoder(scope, "encoder.layer", vit, NAMES);
  const last = scope.norm("layernorm", width, eps);
  return {
    size,
    width,
    tokens: count,
    special,
    features(pass, pixels) {
      const { tape } = pass;
      const batch = pixels.shape[0] as number;
      const inputs = { patches: embedPatches(pass, pixels), cls, positions, ...(extra && { extra }) };
      const classToken = (x: Tensor) => tape.apply(pool, { x }, { tokens: count, kind: "row" });
      return last(pass, blocks(pass, tape.apply(tokens, inputs, { batch }), batch, classToken));
    },
  };
}

/** `distilled`: a second token beside the class token, which was taught by another model. */
export const visionTransformer = (
  names: Pick<ModelDef<Vit>, "title" | "types" | "classes"> & { readonly prefix: string },
  distilled: boolean,
): ModelDef<Vit> =>
  defineModel<Vit>({
    ...names,
    outside: [/\.mask_token$/],
    renamed,
    configure(json, size) {
      const fields = fieldsOf(json);
      const vit = {
        ...readEncoder(fields, { width: 768, heads: 12, eps: 1e-12, act: "gelu" }),
        inner: readInner(fields, 3072),
        qkvBias: fields.flag("qkv_bias", true),
        ...readGrid(fields, 16),
      };
      checkSize(vit, size);
      fields.neutral("hidden_dropout_prob", 0);
      fields.neutral("attention_probs_dropout_prob", 0);
      fields.finish(["encoder_stride", "pooler_act", "pooler_output_size"]);
      return vit;
    },
    build: (scope, config) => ({ image: imageTower(scope.at(names.prefix.slice(0, -1)), config, distilled) }),
  });

export default visionTransformer({ title: "ViT", types: ["vit"], prefix: "vit.", classes: { linear: "ViTForImageClassification" } }, false);
