/** CLIP-tiny against what transformers computed, and every model's config.json: what is read, counted and refused. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { show } from "../src/formats/json.ts";
import { type Entry, readSafetensors, toFloat32 } from "../src/formats/safetensors.ts";
import { upload } from "../src/gpu/memory.ts";
import type { Pass, Tower } from "../src/models/model.ts";
import { l2norm } from "../src/ops/l2norm.ts";
import { matmul } from "../src/ops/matmul.ts";
import { temperature } from "../src/ops/temperature.ts";
import { runOnce } from "../src/tensor/once.ts";
import { Tape } from "../src/tensor/tape.ts";
import { numel, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { Backbone } from "../src/train/backbone.ts";
import { buildModel, modelOf } from "../src/train/catalog.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { gpu } from "./gpu.ts";
import { modelFiles, relativeError } from "./model.ts";
import { kernels } from "./toy.ts";

type Config = Readonly<Record<string, unknown>>;

test("CLIP-tiny's embeddings and logits are transformers' to 1e-4, and a text needs no padding", async () => {
  const { tensors } = readSafetensors(readFileSync("tests/fixtures/clip-tiny.reference.safetensors"));
  const entry = (name: string): Entry => {
    const found = tensors.get(name);
    if (!found) throw new Error(`no ${name}`);
    return found;
  };
  const ids = entry("input_ids");
  const all = Uint32Array.from({ length: numel(ids.shape) }, (_, i) =>
    Number(new DataView(ids.data.buffer, ids.data.byteOffset).getBigInt64(8 * i, true)),
  );
  const [texts, positions] = ids.shape as [number, number];
  const row = (t: number) => all.subarray(t * positions, (t + 1) * positions);
  const ends = Uint32Array.from({ length: texts }, (_, t) => row(t).indexOf(4095));
  const longest = Math.max(...ends) + 1;
  const short = Uint32Array.from({ length: texts * longest }, (_, i) => row(Math.floor(i / longest))[i % longest]!);

  const backbone = new Backbone(gpu, kernels, modelFiles());
  const text = backbone.model.text!;
  const integers = (data: Uint32Array<ArrayBuffer>) => tensor([data.length], { type: "u32", buffer: upload(gpu, data, "integers") });
  const pixels = entry("pixel_values");
  const input = () => tensor(pixels.shape, { buffer: upload(gpu, toFloat32(pixels), "pixels") });
  const compute = async (record: (pass: Pass) => Tensor) => {
    const tape = new Tape(gpu.software);
    return (await runOnce(backbone.gpu, backbone.kernels, tape, [record(frozenPass(tape))]))[0]!;
  };
  const images = (pass: Pass) => text.embedImages(pass, input());
  const classes = (pass: Pass, tokens: Uint32Array<ArrayBuffer>) => text.embedTexts(pass, integers(tokens), integers(ends));
  const unit = (values: Float32Array) => {
    const width = entry("image_embeds").shape[1] as number;
    const length = (i: number) => Math.hypot(...values.subarray(i - (i % width), i - (i % width) + width));
    return values.map((v, i) => v / length(i));
  };

  expect(longest).toBeLessThan(positions);
  const want = unit(toFloat32(entry("text_embeds")));
  expect(relativeError(unit(await compute((pass) => classes(pass, all))), want)).toBeLessThan(1e-4);
  expect(relativeError(unit(await compute((pass) => classes(pass, short))), want)).toBeLessThan(1e-4);
  expect(relativeError(unit(await compute(images)), unit(toFloat32(entry("image_embeds"))))).toBeLessThan(1e-4);
  const logits = await compute((pass) => {
    const [a, b] = [images(pass), classes(pass, short)].map((x) => pass.tape.apply(l2norm, { x }, {})) as [Tensor, Tensor];
    return pass.tape.apply(temperature, { x: pass.tape.apply(matmul, { a, b }, { transB: true }), scale: text.scale }, {});
  });
  expect(relativeError(logits, toFloat32(entry("logits_per_image")))).toBeLessThan(1e-4);
  backbone.destroy();
});

/** Numbers in the tensors that a model uses, from its config alone; nothing is allocated. */
function count(config: Config, size?: number, tower?: Tower): number {
  const { parameters } = buildModel(config, (_name, shape) => tensor(shape), size);
  return parameters.filter((p) => !tower || p.tower === tower).reduce((sum, { shape }) => sum + numel(shape), 0);
}

const vit = (width: number, heads: number, depth: number, more: Config = {}): Config => ({
  architectures: ["ViTForImageClassification"],
  attention_probs_dropout_prob: 0.0,
  hidden_act: "gelu",
  hidden_dropout_prob: 0.0,
  hidden_size: width,
  id2label: { "0": "tench, Tinca tinca", "1": "goldfish, Carassius auratus" },
  image_size: 224,
  initializer_range: 0.02,
  intermediate_size: 4 * width,
  label2id: { "tench, Tinca tinca": 0, "goldfish, Carassius auratus": 1 },
  layer_norm_eps: 1e-12,
  model_type: "vit",
  num_attention_heads: heads,
  num_channels: 3,
  num_hidden_layers: depth,
  patch_size: 16,
  qkv_bias: true,
  torch_dtype: "float32",
  transformers_version: "4.13.0.dev0",
  ...more,
});

const dino = (width: number, heads: number, depth: number, more: Config = {}): Config => ({
  apply_layernorm: true,
  architectures: ["Dinov2Model"],
  attention_probs_dropout_prob: 0.0,
  drop_path_rate: 0.0,
  hidden_act: "gelu",
  hidden_dropout_prob: 0.0,
  hidden_size: width,
  image_size: 518,
  initializer_range: 0.02,
  layer_norm_eps: 1e-6,
  layerscale_value: 1.0,
  mlp_ratio: 4,
  model_type: "dinov2",
  num_attention_heads: heads,
  num_channels: 3,
  num_hidden_layers: depth,
  out_features: [`stage${depth}`],
  out_indices: [depth],
  patch_size: 14,
  qkv_bias: true,
  reshape_hidden_states: true,
  stage_names: ["stem", ...Array.from({ length: depth }, (_, i) => `stage${i + 1}`)],
  torch_dtype: "float32",
  use_swiglu_ffn: false,
  ...more,
});

/** What transformers before 4.30 wrote into each part of a CLIP config. */
const legacy = {
  _name_or_path: "",
  add_cross_attention: false,
  bad_words_ids: null,
  bos_token_id: 0,
  chunk_size_feed_forward: 0,
  cross_attention_hidden_size: null,
  decoder_start_token_id: null,
  diversity_penalty: 0.0,
  do_sample: false,
  dropout: 0.0,
  early_stopping: false,
  encoder_no_repeat_ngram_size: 0,
  eos_token_id: 2,
  finetuning_task: null,
  forced_bos_token_id: null,
  id2label: { "0": "LABEL_0", "1": "LABEL_1" },
  initializer_factor: 1.0,
  initializer_range: 0.02,
  is_decoder: false,
  is_encoder_decoder: false,
  label2id: { LABEL_0: 0, LABEL_1: 1 },
  length_penalty: 1.0,
  max_length: 20,
  min_length: 0,
  no_repeat_ngram_size: 0,
  num_beam_groups: 1,
  num_beams: 1,
  num_return_sequences: 1,
  output_attentions: false,
  pad_token_id: 1,
  problem_type: null,
  pruned_heads: {},
  repetition_penalty: 1.0,
  return_dict: true,
  return_dict_in_generate: false,
  temperature: 1.0,
  tie_encoder_decoder: false,
  tie_word_embeddings: true,
  tokenizer_class: null,
  top_k: 50,
  top_p: 1.0,
  torch_dtype: null,
  torchscript: false,
  transformers_version: "4.16.0.dev0",
  typical_p: 1.0,
  use_bfloat16: false,
};
const clip = (vision: Config, text: Config = {}, more: Config = {}): Config => ({
  architectures: ["CLIPModel"],
  initializer_factor: 1.0,
  logit_scale_init_value: 2.6592,
  model_type: "clip",
  projection_dim: 512,
  text_config: { ...legacy, model_type: "clip_text_model", projection_dim: 512, vocab_size: 49408, ...text },
  text_config_dict: null,
  vision_config: { ...legacy, model_type: "clip_vision_model", projection_dim: 512, image_size: 224, ...vision },
  vision_config_dict: null,
  ...more,
});
/** A tower of heads of 64 numbers, as most are. */
const tower = (width: number, depth: number, heads = width / 64): Config => ({
  hidden_size: width,
  intermediate_size: 4 * width,
  num_hidden_layers: depth,
  num_attention_heads: heads,
});
const gelu = { hidden_act: "gelu" };
const tinyClip = clip({ ...tower(256, 10), patch_size: 16 }, tower(256, 3));
const large = clip({ ...tower(1024, 24), patch_size: 14 }, tower(768, 12), { projection_dim: 768 });
const huge = clip({ ...tower(1280, 32, 16), ...gelu, patch_size: 14 }, { ...tower(1024, 24), ...gelu }, { projection_dim: 1024 });

describe("published configs", () => {
  // Sizes as their authors or timm count them, without classifier, pooler and DINOv2's mask token.
  test.each<readonly [string, Config, number]>([
    ["google/vit-base-patch16-224", vit(768, 12, 12), 85_798_656],
    ["google/vit-large-patch16-224", vit(1024, 16, 24), 303_301_632],
    ["google/vit-base-patch16-224-in21k", vit(768, 12, 12, { architectures: ["ViTModel"] }), 85_798_656],
    ["WinKawaks/vit-tiny-patch16-224", vit(192, 3, 12), 5_524_416],
    ["facebook/deit-small-patch16-224", vit(384, 6, 12), 21_665_664],
    ["facebook/deit-base-distilled-patch16-224", vit(768, 12, 12, { model_type: "deit" }), 85_800_192],
    ["facebook/dinov2-small", dino(384, 6, 12), 22_056_576 - 384],
    ["facebook/dinov2-base", dino(768, 12, 12), 86_580_480 - 768],
    ["facebook/dinov2-large", dino(1024, 16, 24), 304_368_640 - 1024],
    ["facebook/dinov2-giant", dino(1536, 24, 40, { use_swiglu_ffn: true }), 1_136_480_768 - 1536],
    [
      "facebook/dinov2-with-registers-small",
      dino(384, 6, 12, { model_type: "dinov2_with_registers", num_register_tokens: 4 }),
      22_058_112 - 384,
    ],
    ["openai/clip-vit-base-patch32", clip({ patch_size: 32 }), 151_277_313],
    ["openai/clip-vit-base-patch16", clip({ patch_size: 16 }), 149_620_737],
    ["openai/clip-vit-large-patch14", large, 427_616_513],
    ["laion/CLIP-ViT-B-32-laion2B-s34B-b79K", clip(gelu, gelu), 151_277_313],
    ["laion/CLIP-ViT-H-14-laion2B-s32B-b79K", huge, 986_109_441],
  ])("%s has its numbers", (_name, config, want) => {
    expect(count(config)).toBe(want);
  });

  test("TinyCLIP-ViT-8M-16-Text-3M has 8 and 3 million, and a table of words", () => {
    const words = 49_408 * 256;
    expect(Math.round(count(tinyClip, undefined, "image") / 1e6)).toBe(8);
    expect(Math.round((count(tinyClip, undefined, "text") - words) / 1e6)).toBe(3);
  });

  test("CLIP's towers are told apart, and a vision tower or classifier is the same less what meets the texts", () => {
    const { parameters } = buildModel(clip({}), (_name, shape) => tensor(shape));
    const names = (which: Tower) => parameters.filter((p) => p.tower === which).map(({ name }) => name);
    expect(names("text").every((name) => name.startsWith("text_"))).toBe(true);
    expect(names("image").filter((name) => !name.startsWith("vision_model."))).toEqual(["visual_projection.weight", "logit_scale"]);
    const alone = { model_type: "clip_vision_model", patch_size: 32 };
    expect(count(clip({}), undefined, "image") - count(alone)).toBe(768 * 512 + 2 * 768 + 1);
    expect(count(clip({}, {}, { architectures: ["CLIPForImageClassification"] }))).toBe(count(alone));
  });

  test("where an old config has a part twice, the one that transformers takes counts", () => {
    const doubled = clip({ hidden_size: 5, patch_size: 7 }, {}, { vision_config_dict: { patch_size: 16 } });
    expect(count(doubled)).toBe(149_620_737);
  });

  test("DINOv2 takes images of any whole number of patches; its table stays as it is", () => {
    const at = (size?: number) => buildModel(dino(384, 6, 12), (_name, shape) => tensor(shape), size).model.image;
    expect([at().size, at().tokens, at().width]).toEqual([518, 1 + 37 ** 2, 768]);
    expect([at(224).size, at(224).tokens, at(224).width]).toEqual([224, 257, 768]);
    expect(count(dino(384, 6, 12), 224)).toBe(count(dino(384, 6, 12)));
  });

  test("without qkv_bias there are none of these", () => {
    for (const make of [vit, dino]) expect(count(make(192, 3, 12)) - count(make(192, 3, 12, { qkv_bias: false }))).toBe(12 * 3 * 192);
  });

  // int(width · ratio), two thirds of it, then up to a multiple of 8, as the authors have it.
  test.each([
    [1536, 24, 4, 4096],
    [60, 5, 3.7, 152],
    [20, 1, 1, 16],
  ])("DINOv2's gated MLP: of %i numbers in %i heads and a ratio of %f, %i", (width, heads, ratio, inner) => {
    const config = dino(width, heads, 1, { use_swiglu_ffn: true, mlp_ratio: ratio });
    const { sites } = buildModel(config, (_name, shape) => tensor(shape));
    const mlp = sites.filter(({ target }) => target.startsWith("fc"));
    expect(mlp.map(({ path, in: i, out }) => [path.replace(/.*mlp/, "mlp"), i, out])).toEqual([
      ["mlp.weights_in", width, 2 * inner],
      ["mlp.weights_out", inner, width],
    ]);
  });

  test("names in transformers 5 are those of its modules", () => {
    const renamed = (config: Config, name: string) => modelOf(config).renamed?.(name) ?? name;
    const old = ["attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense"];
    const now = ["attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj"];
    const pairs = [...old, "intermediate.dense", "output.dense", "layernorm_before", "layernorm_after"].map(
      (part, i) => [part, [...now, "mlp.fc1", "mlp.fc2"][i] ?? part] as const,
    );
    for (const [model_type, prefix] of [
      ["vit", "vit."],
      ["deit", "deit."],
      ["vit", ""],
    ] as const) {
      for (const [before, after] of pairs) {
        expect(renamed({ model_type }, `${prefix}encoder.layer.11.${before}`)).toBe(`${prefix}layers.11.${after}`);
        expect(renamed({ model_type }, `${prefix}encoder.layer.0.${before}.weight`)).toBe(`${prefix}layers.0.${after}.weight`);
      }
      for (const same of ["layernorm.weight", "embeddings.cls_token", "embeddings.patch_embeddings.projection.bias"]) {
        expect(renamed({ model_type }, prefix + same)).toBe(prefix + same);
      }
    }
    for (const name of ["dinov2.encoder.layer.3.attention.attention.query", "vision_model.encoder.layers.0.self_attn.q_proj"]) {
      expect(renamed({ model_type: name.startsWith("dinov2") ? "dinov2" : "clip" }, name)).toBe(name);
    }
  });
});

describe("a config that is not handled is refused by the field's name", () => {
  const bases: Readonly<Record<string, Config>> = {
    vit: vit(192, 3, 12),
    deit: vit(192, 3, 12, { model_type: "deit" }),
    dinov2: dino(384, 6, 12),
    registers: dino(384, 6, 12, { model_type: "dinov2_with_registers" }),
    clip: clip({}),
    "clip vision": { model_type: "clip_vision_model" },
  };
  /** `base` names a config, or a part of CLIP's. */
  const changed = (base: string, change: Config): Config => {
    const part = /^clip (vision|text) config$/.exec(base)?.[1];
    if (part) return clip(part === "vision" ? change : {}, part === "text" ? change : {});
    const whole = bases[base];
    if (!whole) throw new Error(`no base ${base}`);
    return { ...whole, ...change };
  };
  const build = (config: Config, size?: number) => {
    let asked = 0;
    const refusal = (() => {
      try {
        buildModel(
          config,
          (_name, shape) => {
            asked++;
            return tensor(shape);
          },
          size,
        );
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(asked === 0 || refusal === undefined, "a tensor was asked for before the refusal").toBe(true);
    return refusal;
  };

  const hostile = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9, "12", true, {}, [], [null, null], [1e9, 1e9]];
  const sizes = ["hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "image_size", "patch_size"];
  test.each([...Object.keys(bases), "clip vision config"])("%s: hostile sizes", (base) => {
    expect(build(changed(base, {}))).toBeUndefined();
    for (const field of sizes) {
      if (base === "clip" || (field === "intermediate_size" && ["dinov2", "registers"].includes(base))) continue;
      for (const value of hostile) {
        const refusal = build(changed(base, { [field]: value })) as Error;
        expect(refusal instanceof UnsupportedError ? `"${refusal.feature}"` : refusal.message, show(value)).toContain(`"${field}"`);
        if (!Array.isArray(value)) expect(refusal).toBeInstanceOf(FormatError);
      }
    }
  });

  test.each<readonly [string, string, Config]>([
    ["num_attention_heads", "vit", { num_attention_heads: 5 }],
    ["hidden_size", "vit", { hidden_size: 193 }],
    ["layer_norm_eps", "vit", { layer_norm_eps: 0 }],
    ["layer_norm_eps", "vit", { layer_norm_eps: "1e-12" }],
    ["qkv_bias", "vit", { qkv_bias: 1 }],
    ["hidden_act", "vit", { hidden_act: 3 }],
    ["mlp_ratio", "dinov2", { mlp_ratio: -4 }],
    ["mlp_ratio", "dinov2", { mlp_ratio: 1e9 }],
    ["mlp_ratio", "dinov2", { mlp_ratio: 1e-9 }],
    ["use_swiglu_ffn", "dinov2", { use_swiglu_ffn: "no" }],
    ["num_register_tokens", "registers", { num_register_tokens: 1e9 }],
    ["projection_dim", "clip", { projection_dim: 0 }],
    ["vision_config", "clip", { vision_config: [] }],
    ["vocab_size", "clip text config", { vocab_size: 1e12 }],
    ["max_position_embeddings", "clip text config", { max_position_embeddings: 0 }],
  ])("%s that cannot be (%s, %j)", (field, base, change) => {
    const refusal = build(changed(base, change));
    expect(refusal).toBeInstanceOf(FormatError);
    expect((refusal as FormatError).fault).toBe("config");
    expect((refusal as FormatError).message).toContain(`"${field}"`);
  });

  test.each<readonly [string, string, Config, number | undefined]>([
    ["num_attention_heads", "vit", { num_attention_heads: 1 }, undefined],
    ["hidden_act", "vit", { hidden_act: "silu" }, undefined],
    ["hidden_act", "vit", { hidden_act: "toString" }, undefined],
    ["hidden_act", "clip text config", { hidden_act: "relu" }, undefined],
    ["num_channels", "vit", { num_channels: 1 }, undefined],
    ["num_channels", "clip vision config", { num_channels: 4 }, undefined],
    ["image_size", "vit", { image_size: [224, 192] }, undefined],
    ["image_size", "dinov2", { image_size: [224, 224, 224] }, undefined],
    ["patch_size", "vit", { patch_size: [16, 8] }, undefined],
    ["image_size", "vit", { image_size: 225 }, undefined],
    ["image_size", "vit", {}, 384],
    ["image_size", "clip", {}, 336],
    ["image_size", "dinov2", {}, 225],
    ["hidden_dropout_prob", "vit", { hidden_dropout_prob: 0.1 }, undefined],
    ["attention_probs_dropout_prob", "deit", { attention_probs_dropout_prob: 0.1 }, undefined],
    ["attention_dropout", "clip text config", { attention_dropout: 0.1 }, undefined],
    ["drop_path_rate", "dinov2", { drop_path_rate: 0.1 }, undefined],
    ["apply_layernorm", "dinov2", { apply_layernorm: false }, undefined],
    ["pruned_heads", "vit", { pruned_heads: { "0": [1] } }, undefined],
    ["use_rope", "vit", { use_rope: true }, undefined],
    ["rope_theta", "clip vision config", { rope_theta: 100 }, undefined],
    ["auto_map", "vit", { auto_map: { AutoModel: "mine.Model" } }, undefined],
    ["quantization_config", "dinov2", { quantization_config: { bits: 4 } }, undefined],
    ["model_type", "vit", { model_type: "swin" }, undefined],
    ["model_type", "vit", { model_type: null }, undefined],
    ["model_type", "vit", { model_type: "constructor" }, undefined],
  ])("%s that is not built here (%s, %j, %s)", (field, base, change, size) => {
    const refusal = build(changed(base, change), size);
    expect(refusal).toBeInstanceOf(UnsupportedError);
    expect((refusal as UnsupportedError).feature).toBe(field);
  });

  test("what is square, empty or known to change nothing is taken", () => {
    const harmless = {
      image_size: [224, 224],
      patch_size: [16, 16],
      use_rope: false,
      more: null,
      list: [],
      _commit_hash: "0123",
      pooler_act: "tanh",
    };
    expect(build(changed("vit", harmless))).toBeUndefined();
    expect(build(changed("vit", {}), 224)).toBeUndefined();
  });
});
