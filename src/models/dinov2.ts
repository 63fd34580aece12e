/** DINOv2 (arXiv 2304.07193) as Hugging Face's Dinov2ForImageClassification stores it: it classifies class token and mean patch. */
import { FormatError } from "../formats/error.ts";
import { matmul } from "../ops/matmul.ts";
import { pool } from "../ops/pool.ts";
import { tokens } from "../ops/tokens.ts";
import type { Tape } from "../tensor/tape.ts";
import { reshape, type Tensor } from "../tensor/tensor.ts";
import { resampling } from "./bicubic.ts";
import { type ConfigFields, fieldsOf } from "./config.ts";
import { type BlockNames, type Encoder, encoder, type Grid, patchEmbedding, readEncoder, readGrid, wholePatches } from "./encoder.ts";
import { defineModel, type ImageTower, type ModelDef, type Scope } from "./model.ts";

interface Dinov2 extends Encoder, Grid {
  /** Patches along a side of the images it is given; `across` is that of the images it was trained on. */
  readonly wanted: number;
  /** Tokens without a position that every image has beside its own (arXiv 2309.16588). */
  readonly registers: number;
}

const NAMES = {
  norm1: "norm1",
  q: "attention.attention.query",
  k: "attention.attention.key",
  v: "attention.attention.value",
  out: "attention.output.dense",
  norm2: "norm2",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
  scales: ["layer_scale1.lambda1", "layer_scale2.lambda1"],
} satisfies BlockNames;
const GATED: BlockNames = { ...NAMES, fc1: "mlp.weights_in", fc2: "mlp.weights_out" };

function imageTower(scope: Scope, config: Dinov2): ImageTower {
  const { width, patch, wanted, registers, activation, eps } = config;
  const first = 1 + registers;
  const count = first + wanted ** 2;
  const at = scope.at("embeddings");
  const cls = at.tensor("cls_token", [1, 1, width]);
  const extra = registers ? at.tensor("register_tokens", [1, registers, width]) : undefined;
  const embedPatches = patchEmbedding(at.at("patch_embeddings.projection"), width, config, true);
  const positionsFor = positionTable(at, config);
  const blocks = encoder(scope, "encoder.layer", config, activation === "swiglu" ? GATED : NAMES);
  const last = scope.norm("layernorm", width, eps);
  return {
    size: wanted * patch,
    width: 2 * width,
    tokens: count,
    special: first,
    features(pass, pixels) {
      const { tape } = pass;
      const batch = pixels.shape[0] as number;
      const inputs = { patches: embedPatches(pass, pixels), cls, positions: positionsFor(tape), ...(extra && { extra }) };
      const x = tape.apply(tokens, inputs, { batch });
      return tape.apply(pool, { x: last(pass, blocks(pass, x, batch)) }, { tokens: count, kind: "both", from: first });
    },
  };
}

/** The class token's position, then those of the patches, resampled to the images' size as transformers does: (1 + P, width). */
function positionTable(at: Scope, { width, across, wanted, registers }: Dinov2): (tape: Tape) => Tensor {
  const rows = 1 + across ** 2;
  const table = reshape(at.tensor("position_embeddings", [1, rows, width]), [rows, width]);
  if (across === wanted) return () => table;
  const spread = at.constant("position_embeddings.resampling", [1 + wanted ** 2, rows], () => resampling(across, wanted, registers > 0));
  return (tape) => tape.apply(matmul, { a: spread, b: table }, {});
}

function readMlp(fields: ConfigFields, width: number): Pick<Encoder, "inner"> & Partial<Pick<Encoder, "activation">> {
  const ratio = fields.positive("mlp_ratio", 4, 64);
  const inner = Math.trunc(width * ratio);
  if (inner < 1)
    throw new FormatError("config", `config.json: "mlp_ratio" is ${ratio}, which leaves nothing of a "hidden_size" of ${width}.`);
  if (!fields.flag("use_swiglu_ffn", false)) return { inner };
  return { activation: "swiglu", inner: 8 * Math.ceil(Math.trunc((inner * 2) / 3) / 8) };
}

export const dinov2 = (
  names: Pick<ModelDef<Dinov2>, "title" | "types" | "classes"> & { readonly prefix: string },
  hasRegisters: boolean,
): ModelDef<Dinov2> =>
  defineModel<Dinov2>({
    ...names,
    configure(json, size) {
      const fields = fieldsOf(json);
      const sizes = readEncoder(fields, { width: 768, heads: 12, eps: 1e-6, act: "gelu" });
      const grid = readGrid(fields, hasRegisters ? 16 : 14);
      const config = {
        ...sizes,
        ...readMlp(fields, sizes.width),
        qkvBias: fields.flag("qkv_bias", true),
        ...grid,
        wanted: wholePatches(size ?? grid.size, grid.patch),
        registers: hasRegisters ? fields.integer("num_register_tokens", 4, 256) : 0,
      };
      for (const name of ["hidden_dropout_prob", "attention_probs_dropout_prob", "drop_path_rate"]) fields.neutral(name, 0);
      fields.neutral("apply_layernorm", true);
      fields.finish(["layerscale_value", "use_mask_token", "reshape_hidden_states", "stage_names", "out_features", "out_indices"]);
      return config;
    },
    build: (scope, config) => ({ image: imageTower(scope.at(names.prefix.slice(0, -1)), config) }),
  });

export default dinov2(
  { title: "DINOv2", types: ["dinov2"], prefix: "dinov2.", classes: { linear: "Dinov2ForImageClassification" } },
  false,
);
