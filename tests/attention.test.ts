/** Where models look and what heads see: maps of attention and embeddings of the toys, against definitions in float64. */
import { describe, expect, test } from "vitest";
import { readPixels } from "../src/data/pixels.ts";
import { splitDataset } from "../src/data/split.ts";
import { upload } from "../src/gpu/memory.ts";
import { readTensor } from "../src/tensor/once.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { tensor } from "../src/tensor/tensor.ts";
import { attentionMaps, gazeOf, rollout } from "../src/train/attention.ts";
import { buildModel } from "../src/train/catalog.ts";
import { embeddings } from "../src/train/embedding.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { embedImages, encode, type Family, type Images, type Numbers, norm } from "./definition.ts";
import { gpu } from "./gpu.ts";
import { relativeError } from "./model.ts";
import { dataset, disturb, kernels, openRace, toyConfig } from "./toy.ts";
import { toyValues } from "./toys.ts";

const SIDE = 16;
const SIZES = { hidden_size: 12, num_attention_heads: 3, num_hidden_layers: 2, image_size: SIDE, intermediate_size: 24, mlp_ratio: 2 };
const ATTENTION = [...["query", "key", "value"].map((n) => `attention.attention.${n}`), "attention.output.dense"];
const VIT = ["layernorm_before", ...ATTENTION, "layernorm_after", "intermediate.dense", "output.dense"];
const DINO = ["norm1", ...ATTENTION, "norm2", "mlp.fc1", "mlp.fc2"];
const CLIP = ["layer_norm1", ...["q", "k", "v", "out"].map((n) => `self_attn.${n}_proj`), "layer_norm2", "mlp.fc1", "mlp.fc2"];
const TOKENS = { cls: "embeddings.cls_token", positions: "embeddings.position_embeddings" };
const KERNEL = "embeddings.patch_embeddings.projection";
const FAMILY = { width: 12, heads: 3, depth: 2, act: "exact", blocks: "encoder.layer" } as const;

interface Subject {
  readonly config: Readonly<Record<string, unknown>>;
  readonly special: number;
  readonly family: Family;
  readonly images: Omit<Images, "size">;
}

const fields = ({ intermediate_size, mlp_ratio, ...rest }: typeof SIZES, dino: boolean) =>
  dino ? { ...rest, mlp_ratio } : { ...rest, intermediate_size };
const subjects: Readonly<Record<string, Subject>> = {
  ViT: {
    config: { ...fields(SIZES, false), model_type: "vit", patch_size: 8, layer_norm_eps: 1e-3 },
    special: 1,
    family: { ...FAMILY, prefix: "vit.", names: VIT, eps: 1e-3 },
    images: { ...TOKENS, patch: 8, kernel: KERNEL },
  },
  "DeiT with its distillation token": {
    config: { ...fields(SIZES, false), model_type: "deit", patch_size: 8, layer_norm_eps: 1e-3 },
    special: 2,
    family: { ...FAMILY, prefix: "deit.", names: VIT, eps: 1e-3 },
    images: { ...TOKENS, patch: 8, kernel: KERNEL, extra: { name: "embeddings.distillation_token", placed: true } },
  },
  // 20 tokens for heads of 4 numbers: more weights than training would keep.
  "DINOv2 with registers": {
    config: { ...fields(SIZES, true), model_type: "dinov2_with_registers", num_register_tokens: 3, patch_size: 4, layer_norm_eps: 1e-6 },
    special: 4,
    family: {
      ...{ ...FAMILY, prefix: "dinov2_with_registers.", names: DINO, eps: 1e-6 },
      scales: ["layer_scale1.lambda1", "layer_scale2.lambda1"],
    },
    images: { ...TOKENS, patch: 4, kernel: KERNEL, extra: { name: "embeddings.register_tokens", placed: false } },
  },
  "CLIP's vision tower": {
    config: { ...fields(SIZES, false), model_type: "clip_vision_model", patch_size: 8, layer_norm_eps: 1e-5, hidden_act: "gelu" },
    special: 1,
    family: { ...FAMILY, prefix: "vision_model.", names: CLIP, eps: 1e-5, blocks: "encoder.layers" },
    images: {
      patch: 8,
      kernel: "embeddings.patch_embedding",
      cls: "embeddings.class_embedding",
      positions: "embeddings.position_embedding.weight",
    },
  },
};

const pixelValues = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => normal(3, 1, i));

/** A_b ⋯ A_1 by whole matrices, its first row. */
function rolledOut(blocks: readonly Float64Array[], tokens: number): Float64Array {
  let product = Float64Array.from({ length: tokens * tokens }, (_, i) => Number(Math.floor(i / tokens) === i % tokens));
  for (const weights of blocks) {
    const heads = weights.length / tokens ** 2;
    const mean = (row: number, column: number) =>
      Array.from({ length: heads }, (_, h) => weights[(h * tokens + row) * tokens + column]!).reduce((a, b) => a + b, 0) / heads;
    const before = product;
    product = product.map((_, i) => {
      const [row, column] = [Math.floor(i / tokens), i % tokens];
      let sum = 0;
      for (let t = 0; t < tokens; t++) sum += 0.5 * (mean(row, t) + Number(row === t)) * before[t * tokens + column]!;
      return sum;
    });
  }
  return product.slice(0, tokens);
}

describe.each(Object.entries(subjects))("%s", (name, { config, special, family, images }) => {
  test("each head's weights to the patches are softmax(q kᵀ / √d), and the rollout is the product of the blocks", async () => {
    const numbers = new Map<string, Float64Array>();
    const { model } = buildModel(config, (weight, shape) => {
      const data = toyValues(weight, shape);
      numbers.set(weight, Float64Array.from(data));
      return tensor(shape, { label: weight, buffer: upload(gpu, data, weight) });
    });
    expect(model.image.special).toBe(special);
    const { tokens } = model.image;
    const record = () => {
      const tape = new Tape(gpu.software);
      const pass = { ...frozenPass(tape), taps: new Map<string, Tensor>() };
      model.image.features(pass, tensor([1, 3, SIDE, SIDE], { buffer: upload(gpu, pixelValues, "pixels") }));
      return pass;
    };
    const got = await gazeOf(gpu, kernels, model.image, record);
    expect(await gazeOf(gpu, kernels, model.image, record, 1)).toEqual(got);
    const weights: Float64Array[] = [];
    const all: Numbers = numbers;
    const x = embedImages(all, family, { ...images, size: SIDE }, Float64Array.from(pixelValues));
    encode(all, family, name.startsWith("CLIP") ? norm(all, "vision_model.pre_layrnorm", x, 12, 1e-5) : x, 1, false, weights);
    const patches = tokens - special;
    const want = weights.flatMap((block) =>
      [0, 1, 2].flatMap((head) => [...block.slice(head * tokens * tokens + special, head * tokens * tokens + tokens)]),
    );
    expect(relativeError(got.direct, want)).toBeLessThan(1e-5);
    const products = weights.flatMap((_, block) => [...rolledOut(weights.slice(0, block + 1), tokens).slice(special)]);
    expect(got.rollout).toHaveLength(2 * patches);
    expect(relativeError(got.rollout, products)).toBeLessThan(1e-5);
  });
});

test("a rollout's row sums to 1, and without attention between tokens it stays where it is", () => {
  const identity = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  expect(Array.from(rollout([identity, identity], 3))).toEqual([1, 0, 0]);
  const even = new Float32Array(9).fill(1 / 3);
  const row = rollout([even, even, even], 3);
  expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
  expect(row[1]).toBeCloseTo((1 - 1 / 8) / 3, 6);
});

describe("a race", () => {
  const config = toyConfig();
  const images = splitDataset(dataset, config).validation;

  test("shows where each lane looks: first as the model does, then by itself", async () => {
    const race = await openRace(config);
    const [pixels] = await readPixels(dataset, [images[0] as number]);
    const start = await attentionMaps(race, pixels as Uint8Array);
    expect(start).toMatchObject({ blocks: 2, heads: 3, across: 2 });
    for (const lane of start.lanes) expect(relativeError(lane.direct, start.before.direct)).toBeLessThan(1e-5);
    for (const { direct } of [start.before, ...start.lanes]) {
      expect(direct).toHaveLength(2 * 3 * 4);
      for (let row = 0; row < 6; row++) {
        const sum = direct.slice(4 * row, 4 * row + 4).reduce((a, b) => a + b, 0);
        expect(sum).toBeGreaterThan(0);
        expect(sum).toBeLessThan(1);
      }
    }
    for (const lane of race.lanes) await disturb(lane, 0.3);
    const later = await attentionMaps(race, pixels as Uint8Array);
    expect(later.before).toEqual(start.before);
    for (const lane of later.lanes) expect(relativeError(lane.direct, later.before.direct)).toBeGreaterThan(1e-3);
    expect(relativeError(later.lanes[0]!.direct, later.lanes[1]!.direct)).toBeGreaterThan(1e-3);
    race.destroy();
  });

  test("embeds images as its head sees them, whatever their number, and changes nothing", async () => {
    const race = await openRace(config);
    const marks = await Promise.all(race.lanes.map((_, lane) => race.fingerprint(lane)));
    const all = await embeddings(race, images);
    expect(all.width).toBe(12);
    expect(all.before).toHaveLength(images.length * 12);
    for (const lane of all.lanes) expect(relativeError(lane, all.before)).toBeLessThan(1e-5);
    // One image at a time: the same rows, whoever is in the batch.
    for (const [i, image] of images.slice(0, 3).entries()) {
      const one = await embeddings(race, Uint32Array.of(image));
      expect(relativeError(one.before, all.before.subarray(12 * i, 12 * i + 12))).toBeLessThan(1e-5);
    }
    // The lane's head on its features gives the lane's answers.
    await disturb(race.lanes[0]!, 0.3);
    const moved = (await embeddings(race, images)).lanes[0]!;
    expect(relativeError(moved, all.before)).toBeGreaterThan(1e-3);
    const { answers } = await race.evaluate(0, images);
    const read = (name: string) => readTensor(gpu, race.lanes[0]!.tensor(name));
    const [weight, bias] = [await read("classifier.weight"), await read("classifier.bias")];
    for (let i = 0; i < images.length; i++) {
      const logits = Array.from(
        bias,
        (b, c) => b + moved.subarray(12 * i, 12 * i + 12).reduce((sum, v, d) => sum + v * weight[c * 12 + d]!, 0),
      );
      expect(logits.indexOf(Math.max(...logits))).toBe(answers.predicted[i]);
    }
    expect(await race.fingerprint(1)).toBe(marks[1]);
    race.destroy();
  });
});
