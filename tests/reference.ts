/**
 * Checks a model folder against its reference.safetensors, which transformers wrote: pixel_values → logits of the checkpoint's own
 * classifier, or with input_ids → logits_per_image of a dual encoder:
 *   npm run reference -- FOLDER
 * Prints the largest absolute difference and exits with 1 when it is beyond 1e-3.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, toFloat32 } from "../src/formats/safetensors.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { upload } from "../src/gpu/memory.ts";
import { runOnce } from "../src/tensor/once.ts";
import { Tape } from "../src/tensor/tape.ts";
import { tensor } from "../src/tensor/tensor.ts";
import { Backbone } from "../src/train/backbone.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { classify, HEAD, type Head } from "../src/train/head.ts";
import { gpu } from "./gpu.ts";

export default async function reference([folder]: string[]): Promise<void> {
  if (!folder || !existsSync(join(folder, "reference.safetensors")))
    throw new Error("usage: npm run reference -- FOLDER, a model's folder with a reference.safetensors in it");
  const file = (name: string) => readFileSync(join(folder, name));
  const backbone = new Backbone(gpu, new Kernels(gpu), { config: file("config.json"), weights: file("model.safetensors") });
  const { checkpoint, model } = backbone;
  const { tensors } = readSafetensors(file("reference.safetensors"));
  const entry = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new Error(`reference.safetensors has no ${name}`);
    return found;
  };
  const floats = (shape: readonly number[], data: Float32Array) => tensor(shape, { buffer: upload(gpu, data, "given") });
  const integers = (data: Uint32Array) => tensor([data.length], { type: "u32", buffer: upload(gpu, data, "texts") });
  const pixels = floats(entry("pixel_values").shape, toFloat32(entry("pixel_values")));

  const texts = (): Head => {
    const { data, shape } = entry("input_ids");
    const [count, width] = shape as [number, number];
    const view = new DataView(data.buffer, data.byteOffset);
    const ids = Uint32Array.from({ length: count * width }, (_, i) => Number(view.getBigInt64(8 * i, true)));
    // Texts are padded with the end token or with smaller ones: the first of the largest ids is the end.
    const end = ids.reduce((most, id) => Math.max(most, id), 0);
    const ends = Uint32Array.from({ length: count }, (_, t) => ids.subarray(t * width, (t + 1) * width).indexOf(end));
    return { kind: "prompts", ids: integers(ids), ends: integers(ends) };
  };
  const isDual = tensors.has("input_ids");
  const want = entry(isDual ? "logits_per_image" : "logits");
  const classes = want.shape[1] as number;
  const shapes: Readonly<Record<string, readonly number[]>> = { [HEAD.weight]: [classes, model.image.width], [HEAD.bias]: [classes] };
  const own = (name: string) => floats(shapes[name] ?? [], checkpoint.tensor(name, shapes[name] ?? []));
  const tape = new Tape(gpu.software);
  const logits = classify(frozenPass(tape), model, pixels, isDual ? texts() : { kind: "linear", classes }, own);
  const [got] = await runOnce(gpu, backbone.kernels, tape, [logits]);
  const expected = toFloat32(want);
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (got?.[i] ?? Number.NaN))), 0);
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const good = worst <= 1e-3;
  console.log(`${good ? "pass" : "FAIL"}  ${folder}: largest difference ${worst.toExponential(1)} of logits up to ${size.toFixed(1)}`);
  if (!good) process.exitCode = 1;
}
