/** Models against what transformers computed from the same files. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readSafetensors, toFloat32 } from "../src/formats/safetensors.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { readback, upload } from "../src/gpu/memory.ts";
import { l2norm } from "../src/ops/l2norm.ts";
import { matmul } from "../src/ops/matmul.ts";
import { Tape } from "../src/tensor/tape.ts";
import { numel, tensor } from "../src/tensor/tensor.ts";
import { Backbone } from "../src/train/backbone.ts";
import { frozenPass } from "../src/train/lane.ts";
import { gpu } from "./gpu.ts";
import { modelFiles, relativeError } from "./model.ts";

test("CLIP-tiny's embeddings and logits are transformers' to 1e-4", async () => {
  const { tensors } = readSafetensors(readFileSync("tests/fixtures/clip-tiny.reference.safetensors"));
  const entry = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new Error(`no ${name}`);
    return found;
  };
  const ids = entry("input_ids");
  const tokens = Uint32Array.from({ length: numel(ids.shape) }, (_, i) =>
    Number(new DataView(ids.data.buffer, ids.data.byteOffset).getBigInt64(8 * i, true)),
  );
  const [texts, positions] = ids.shape as [number, number];
  const ends = Uint32Array.from({ length: texts }, (_, t) => tokens.subarray(t * positions, (t + 1) * positions).indexOf(4095));

  const backbone = new Backbone(gpu, new Kernels(gpu), modelFiles());
  const text = backbone.model.text;
  if (!text) throw new Error("CLIP has a text tower");
  const classes = await backbone.embedIds(tokens, ends);
  const unitText = new Float32Array(await readback(gpu, classes.buffer as GPUBuffer, 0, 4 * numel(classes.shape)));
  const pixels = entry("pixel_values");
  const input = () => tensor(pixels.shape, { buffer: upload(gpu, toFloat32(pixels), "pixels") });
  const record = (scaled: boolean) => {
    const tape = new Tape(gpu.software);
    const pass = frozenPass(tape);
    const unit = tape.apply(l2norm, { x: text.project(pass, backbone.model.image.features(pass, input())) }, {});
    return { tape, y: scaled ? tape.apply(matmul, { a: unit, b: classes }, { transB: true, alpha: text.scale }) : unit };
  };
  const image = record(false);
  const logits = record(true);
  const unit = (values: Float32Array, width: number) => {
    const rows = values.slice();
    for (let r = 0; r < rows.length; r += width) {
      const norm = Math.hypot(...rows.subarray(r, r + width));
      for (let i = 0; i < width; i++) rows[r + i] = (rows[r + i] as number) / norm;
    }
    return rows;
  };
  const width = classes.shape[1] as number;
  expect(relativeError(unitText, unit(toFloat32(entry("text_embeds")), width))).toBeLessThan(1e-4);
  expect(relativeError(await backbone.compute(image.tape, image.y), unit(toFloat32(entry("image_embeds")), width))).toBeLessThan(1e-4);
  expect(relativeError(await backbone.compute(logits.tape, logits.y), toFloat32(entry("logits_per_image")))).toBeLessThan(1e-4);
});
