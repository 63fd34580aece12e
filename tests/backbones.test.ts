/** Every model file at toy size: forward and the gradients of all weights, against definitions in float64. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readSafetensors, toFloat32 } from "../src/formats/safetensors.ts";
import { upload } from "../src/gpu/memory.ts";
import { resampling } from "../src/models/bicubic.ts";
import type { Model, Pass, Weights } from "../src/models/model.ts";
import { l2norm } from "../src/ops/l2norm.ts";
import { matmul } from "../src/ops/matmul.ts";
import { temperature } from "../src/ops/temperature.ts";
import { pack } from "../src/tensor/half.ts";
import { runOnce } from "../src/tensor/once.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { numel, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { Backbone } from "../src/train/backbone.ts";
import { buildModel } from "../src/train/catalog.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { embedImages, encode, type Family, type Images, joined, linear, type Numbers, norm, pooled, resampled } from "./definition.ts";
import { gpu } from "./gpu.ts";
import { close } from "./launch.ts";
import { relativeError } from "./model.ts";
import { kernels, program } from "./toy.ts";

type Config = Readonly<Record<string, unknown>>;

const BATCH = 2;
const SIDE = 16;
/** Three texts of 4 tokens where there may be 6, and where each ends. */
const IDS = [1, 4, 19, 0, 1, 5, 6, 19, 1, 19, 0, 19];
const ENDS = [2, 3, 1];

const ATTENTION = [...["query", "key", "value"].map((n) => `attention.attention.${n}`), "attention.output.dense"];
const VIT = {
  blocks: "encoder.layer",
  names: ["layernorm_before", ...ATTENTION, "layernorm_after", "intermediate.dense", "output.dense"],
};
const DINO = {
  blocks: "encoder.layer",
  names: ["norm1", ...ATTENTION, "norm2", "mlp.fc1", "mlp.fc2"],
  scales: ["layer_scale1.lambda1", "layer_scale2.lambda1"],
} as const;
const CLIP = {
  blocks: "encoder.layers",
  names: ["layer_norm1", ...["q", "k", "v", "out"].map((n) => `self_attn.${n}_proj`), "layer_norm2", "mlp.fc1", "mlp.fc2"],
};
const SIZES = { width: 12, heads: 3, depth: 2 };
const JSON_SIZES = { hidden_size: 12, num_attention_heads: 3, num_hidden_layers: 2 };
const TOKENS = { size: SIDE, cls: "embeddings.cls_token", positions: "embeddings.position_embeddings" };
const KERNEL = { kernel: "embeddings.patch_embeddings.projection" };

/** A model, and what it is to compute from images (with CLIP: the logits of its texts). */
interface Subject {
  readonly config: Config;
  readonly size?: number;
  define(all: Numbers, pixels: Float64Array): Float64Array;
  compute?(pass: Pass, model: Model, pixels: Tensor): Tensor;
}

function vit(config: Config, prefix: string, extra?: Images["extra"]): Subject {
  const family: Family = { ...SIZES, ...VIT, prefix, eps: 1e-3, act: "exact" };
  return {
    config: { ...JSON_SIZES, intermediate_size: 20, image_size: SIDE, patch_size: 8, layer_norm_eps: 1e-3, ...config },
    define(all, pixels) {
      const images = { ...TOKENS, ...KERNEL, patch: 8, ...(extra && { extra }) };
      const x = encode(all, family, embedImages(all, family, images, pixels), BATCH);
      return joined(pooled(norm(all, `${prefix}layernorm`, x, 12, 1e-3), BATCH, 12, 0, false));
    },
  };
}

function dinov2(config: Config, prefix: string, change: Partial<Family & Images> & { readonly registers?: number } = {}): Subject {
  const { registers = 0, act = "exact", from, antialias = false } = change;
  const gated = act === "swiglu" ? DINO.names.map((n) => n.replace("fc1", "weights_in").replace("fc2", "weights_out")) : DINO.names;
  const family: Family = { ...SIZES, ...DINO, names: gated, prefix, eps: 1e-6, act };
  const extra = registers ? { extra: { name: "embeddings.register_tokens", placed: false } } : {};
  return {
    config: { ...JSON_SIZES, mlp_ratio: 2, image_size: 4 * (from ?? 4), patch_size: 4, layer_norm_eps: 1e-6, ...config },
    size: SIDE,
    define(all, pixels) {
      const images = { ...TOKENS, ...KERNEL, patch: 4, antialias, ...extra, ...(from && { from }) };
      const x = norm(all, `${prefix}layernorm`, encode(all, family, embedImages(all, family, images, pixels), BATCH), 12, 1e-6);
      const mean = pooled(x, BATCH, 12, 1 + registers, true);
      return joined(pooled(x, BATCH, 12, 0, false).flatMap((row, b) => [row, mean[b]!]));
    },
  };
}

const visionConfig = { ...JSON_SIZES, intermediate_size: 24, image_size: SIDE, patch_size: 8 };
const textConfig = { hidden_size: 8, intermediate_size: 16, num_hidden_layers: 2, num_attention_heads: 2, vocab_size: 20 };
function clipStates(all: Numbers, pixels: Float64Array): Float64Array {
  const family: Family = { ...SIZES, ...CLIP, prefix: "vision_model.", eps: 1e-5, act: "quick" };
  const images = { size: SIDE, patch: 8, kernel: "embeddings.patch_embedding", cls: "embeddings.class_embedding" };
  const x = embedImages(all, family, { ...images, positions: "embeddings.position_embedding.weight" }, pixels);
  return encode(all, family, norm(all, "vision_model.pre_layrnorm", x, 12, 1e-5), BATCH);
}

const unit = (x: Float64Array, width: number) =>
  x.map((v, i) => {
    const start = Math.floor(i / width) * width;
    return v / Math.hypot(...x.subarray(start, start + width));
  });

function clipLogits(all: Numbers, pixels: Float64Array): Float64Array {
  const cls = joined(pooled(clipStates(all, pixels), BATCH, 12, 0, false));
  const images = unit(linear(all, "visual_projection", norm(all, "vision_model.post_layernorm", cls, 12, 1e-5), 12), 6);
  const [table, places] = ["token", "position"].map((n) => all.get(`text_model.embeddings.${n}_embedding.weight`)!);
  const embedded = Float64Array.from(
    IDS.flatMap((id, t) => [...Array(8).keys()].map((d) => table![id * 8 + d]! + places![(t % 4) * 8 + d]!)),
  );
  const family: Family = { ...CLIP, width: 8, heads: 2, depth: 2, prefix: "text_model.", eps: 1e-5, act: "exact" };
  const states = encode(all, family, embedded, 3, true);
  const ends = joined(ENDS.map((end, t) => states.slice((t * 4 + end) * 8, (t * 4 + end + 1) * 8)));
  const texts = unit(linear(all, "text_projection", norm(all, "text_model.final_layer_norm", ends, 8, 1e-5), 8), 6);
  return Float64Array.from({ length: BATCH * 3 }, (_, i) => {
    let dot = 0;
    for (let d = 0; d < 6; d++) dot += images[Math.floor(i / 3) * 6 + d]! * texts[(i % 3) * 6 + d]!;
    return Math.exp(all.get("logit_scale")![0]!) * dot;
  });
}

const integers = (values: readonly number[]) =>
  tensor([values.length], { type: "u32", buffer: upload(gpu, Uint32Array.from(values), "integers") });

const subjects: Readonly<Record<string, Subject>> = {
  ViT: vit({ model_type: "vit" }, "vit."),
  "ViT without biases of q, k and v": vit({ model_type: "vit", qkv_bias: false }, "vit."),
  "DeiT with its distillation token": vit({ model_type: "deit" }, "deit.", { name: "embeddings.distillation_token", placed: true }),
  DINOv2: dinov2({ model_type: "dinov2" }, "dinov2."),
  "DINOv2 on smaller images": dinov2({ model_type: "dinov2" }, "dinov2.", { from: 7 }),
  "DINOv2 with SwiGLU": dinov2({ model_type: "dinov2", use_swiglu_ffn: true }, "dinov2.", { act: "swiglu" }),
  "DINOv2 with registers on smaller images": dinov2(
    { model_type: "dinov2_with_registers", num_register_tokens: 3 },
    "dinov2_with_registers.",
    { registers: 3, from: 7, antialias: true },
  ),
  "CLIP's vision tower": {
    config: { model_type: "clip_vision_model", ...visionConfig },
    define: (all, pixels) => joined(pooled(clipStates(all, pixels), BATCH, 12, 1, true)),
  },
  "CLIP, images and texts": {
    config: {
      model_type: "clip",
      projection_dim: 6,
      vision_config: visionConfig,
      text_config: { ...textConfig, max_position_embeddings: 6, hidden_act: "gelu" },
    },
    define: clipLogits,
    compute(pass, { text }, pixels) {
      const { tape } = pass;
      const images = tape.apply(l2norm, { x: text!.embedImages(pass, pixels) }, {});
      const texts = tape.apply(l2norm, { x: text!.embedTexts(pass, integers(IDS), integers(ENDS)) }, {});
      return tape.apply(temperature, { x: tape.apply(matmul, { a: images, b: texts }, { transB: true }), scale: text!.scale }, {});
    },
  },
};

/** Numbers of a size at which every part counts; multiples of 1/256, which half precision holds exactly. */
function drawn(name: string, shape: readonly number[], stream: number): Float32Array<ArrayBuffer> {
  const isGain = /norm\w*\.weight$|lambda1$/.test(name);
  const size =
    isGain || name.endsWith("bias") ? 0.2 : name === "logit_scale" ? 1 : shape.length > 1 ? 1.2 / Math.sqrt(numel(shape.slice(1))) : 0.5;
  return Float32Array.from({ length: numel(shape) }, (_, i) => Math.round(256 * (Number(isGain) + size * normal(7, stream, i))) / 256);
}

function built({ config, size }: Subject, packed: boolean) {
  const leaves = new Map<string, Tensor>();
  const numbers = new Map<string, Float64Array>();
  const weights: Weights = (name, shape, { values, matrix = false } = {}) => {
    const data = values?.() ?? drawn(name, shape, leaves.size);
    const type = packed && matrix ? "f16" : "f32";
    const buffer = upload(gpu, type === "f16" ? pack(data, type) : data, name);
    const leaf = tensor(shape, { label: name, type, needsGrad: !packed && !values, buffer });
    if (values) return leaf;
    expect(leaves.has(name), name).toBe(false);
    leaves.set(name, leaf);
    numbers.set(name, Float64Array.from(data));
    return leaf;
  };
  return { ...buildModel(config, weights, size), leaves, numbers };
}

const pixelValues = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, (_, i) => normal(3, 1, i));
function record({ compute }: Subject, model: Model): { tape: Tape; y: Tensor } {
  const tape = new Tape(gpu.software);
  const pixels = tensor([BATCH, 3, SIDE, SIDE], { buffer: upload(gpu, pixelValues, "pixels") });
  return { tape, y: (compute ?? ((pass, { image }, x) => image.features(pass, x)))(frozenPass(tape), model, pixels) };
}

describe.each(Object.entries(subjects))("%s", (_name, subject) => {
  const pixels = Float64Array.from(pixelValues);

  test("computes its definition, and every weight has the gradient of its differences", async () => {
    const { model, parameters, leaves, numbers } = built(subject, false);
    expect(parameters.map(({ name }) => name).toSorted()).toEqual([...leaves.keys()].toSorted());
    const { tape, y } = record(subject, model);
    const want = subject.define(numbers, pixels);
    const slope = Float32Array.from({ length: want.length }, (_, i) => normal(5, 2, i));
    const grads = tape.backward(y, tensor(y.shape, { buffer: upload(gpu, slope, "dy") }));
    const asked = [...leaves].map(([name, leaf]) => {
      const grad = grads.get(leaf);
      if (!grad) throw new Error(`${name} has no gradient`);
      return [name, grad] as const;
    });
    const { run, read } = await program(tape, [y, ...asked.map(([, grad]) => grad)]);
    run();
    close(await read(y), want, 2e-5, "y");
    if (!subject.compute) expect(y.shape).toEqual([BATCH, model.image.width]);
    const loss = () => subject.define(numbers, pixels).reduce((sum, v, i) => sum + v * slope[i]!, 0);
    for (const [name, grad] of asked) {
      const got = await read(grad);
      const values = numbers.get(name)!;
      expect(got.length, name).toBe(values.length);
      for (const i of new Set([0, 1, 2, 3].map((probe) => (probe * 7919 + 3) % values.length))) {
        const v = values[i]!;
        const [up, down] = [v + 1e-5, v - 1e-5].map((moved) => {
          values[i] = moved;
          return loss();
        }) as [number, number];
        values[i] = v;
        close([got[i]!], [(up - down) / 2e-5], 2e-4, `d${name} at ${i}`);
      }
    }
  });

  test("computes the same with its matrices in half precision", async () => {
    const { model, numbers } = built(subject, true);
    const { tape, y } = record(subject, model);
    const { run, read } = await program(tape, [y]);
    run();
    close(await read(y), subject.define(numbers, pixels), 2e-5, "y");
  });
});

test.each(["vit", "dinov2-swiglu"])("%s: logits are those of transformers 5.17 to 1e-4", async (name) => {
  const folder = `tests/fixtures/${name}`;
  const files = { config: readFileSync(`${folder}/config.json`), weights: readFileSync(`${folder}/model.safetensors`) };
  const backbone = new Backbone(gpu, kernels, files);
  const { tensors } = readSafetensors(readFileSync(`${folder}/reference.safetensors`));
  const [pixels, logits] = ["pixel_values", "logits"].map((key) => tensors.get(key)!);
  const given = (label: string, shape: readonly number[], data: Float32Array<ArrayBuffer>) =>
    tensor(shape, { buffer: upload(gpu, data, label) });
  const head = (part: string, shape: readonly number[]) => given(part, shape, backbone.checkpoint.tensor(`classifier.${part}`, shape));
  const tape = new Tape(gpu.software);
  const a = backbone.model.image.features(frozenPass(tape), given("pixels", pixels!.shape, toFloat32(pixels!)));
  const classes = logits!.shape[1] as number;
  const y = tape.apply(
    matmul,
    { a, b: head("weight", [classes, backbone.model.image.width]), bias: head("bias", [classes]) },
    { transB: true },
  );
  expect(relativeError((await runOnce(gpu, kernels, tape, [y]))[0]!, toFloat32(logits!))).toBeLessThan(1e-4);
  backbone.destroy();
});

describe("a position table at another size", () => {
  // Weights of one target along one axis, from torch.nn.functional.interpolate(mode="bicubic") on rows of zeros and a one.
  test.each([
    [5, 3, false, 0, [0.6851852, 0.3703704, -0.0555556, 0, 0]],
    [5, 3, true, 0, [0.5846154, 0.4461538, 0, -0.0307692, 0]],
    [5, 3, true, 1, [-0.0372093, 0.2465116, 0.5813953, 0.2465116, -0.0372093]],
    [3, 5, false, 0, [1.096, -0.096, 0]],
    [3, 5, false, 1, [0.612, 0.46, -0.072]],
    [3, 5, true, 0, [1.0754717, -0.0754717, 0]],
    [3, 5, true, 1, [0.6492537, 0.3955224, -0.0447761]],
  ])("from %i to %i, antialias %s, target %i: PyTorch's weights", (from, to, antialias, target, want) => {
    const matrix = resampling(from, to, antialias);
    const start = (1 + target * to) * (1 + from * from) + 1;
    const rows = want.map((_, row) => matrix.subarray(start + row * from, start + (row + 1) * from).reduce((sum, v) => sum + v, 0));
    close(rows, want, 1e-6, "weight");
    const columns = want.map((_, i) => resampled((at) => Number(at === i), from, to, target, antialias));
    close(columns, want, 1e-6, "definition");
  });

  test.each([
    [37, 16, false],
    [37, 16, true],
    [4, 9, false],
    [4, 9, true],
    [3, 1, true],
    [1, 3, false],
  ])("from %i to %i, antialias %s: as defined", (from, to, antialias) => {
    const matrix = resampling(from, to, antialias);
    const columns = 1 + from * from;
    const table = Float64Array.from({ length: columns }, (_, i) => normal(4, 4, i));
    expect(matrix.length).toBe((1 + to * to) * columns);
    const got = Array.from({ length: 1 + to * to }, (_, row) => table.reduce((sum, v, i) => sum + v * matrix[row * columns + i]!, 0));
    const want = [table[0]!];
    for (let y = 0; y < to; y++) {
      for (let x = 0; x < to; x++) {
        const across = (row: number) => resampled((i) => table[1 + row * from + i]!, from, to, x, antialias);
        want.push(resampled(across, from, to, y, antialias));
      }
    }
    close(got, want, 1e-6, "table");
  });
});
