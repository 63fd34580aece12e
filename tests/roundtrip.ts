/**
 * Takes adapters that PEFT saved into the program and out again, and exports every method on every model of a folder, with the
 * logits that they give here. tests/roundtrip.py makes that folder and checks the result:
 *   npm run roundtrip -- DIR
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, toFloat32, writeSafetensors } from "../src/formats/safetensors.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { upload, write } from "../src/gpu/memory.ts";
import { normal } from "../src/tensor/random.ts";
import { tensor } from "../src/tensor/tensor.ts";
import { adopt } from "../src/train/adopt.ts";
import { Backbone } from "../src/train/backbone.ts";
import { adapters, completeSettings, type Targets, targetSites, trainsHeadAlone } from "../src/train/catalog.ts";
import { type Exported, exportMerged, exportPeft, type Files, peftForm } from "../src/train/export.ts";
import { runLane } from "../src/train/handover.ts";
import { type Head, headValues } from "../src/train/head.ts";
import { Lane, type LaneSetup } from "../src/train/lane.ts";
import { read } from "../src/train/merge.ts";
import { ownTensors } from "../src/train/outline.ts";
import { gpu } from "./gpu.ts";

const kernels = new Kernels(gpu);
const SIX = ["q", "k", "v", "out", "fc1", "fc2"];
const END = 98;

interface Subject {
  readonly folder: string;
  readonly backbone: Backbone;
  readonly head: (trainsTexts: boolean) => Promise<Head>;
  readonly pixels: Float32Array;
  readonly images: number;
}

function open(folder: string): Subject {
  const read = (name: string) => readFileSync(join(folder, name));
  const backbone = new Backbone(gpu, kernels, { config: read("base/config.json"), weights: read("base/model.safetensors") });
  const { tensors } = readSafetensors(read("inputs.safetensors"));
  const pixels = tensors.get("pixel_values");
  if (!pixels) throw new Error(`${folder}: no pixel_values`);
  const ids = tensors.get("input_ids");
  const head = async (trainsTexts: boolean): Promise<Head> => {
    if (!ids) return { kind: "linear", classes: 5 };
    const [texts, width] = ids.shape as [number, number];
    const view = new DataView(ids.data.buffer, ids.data.byteOffset);
    const at = (i: number) => Number(view.getBigInt64(8 * i, true));
    const ends = Uint32Array.from({ length: texts }, (_, t) => Array.from({ length: width }, (__, i) => at(t * width + i)).indexOf(END));
    const tokens = Math.max(...ends) + 1;
    const all = Uint32Array.from({ length: texts * tokens }, (_, i) => at(Math.floor(i / tokens) * width + (i % tokens)));
    if (!trainsTexts) return { kind: "text", classes: await backbone.embed({ ids: all, ends }) };
    const given = (data: Uint32Array) => tensor([data.length], { type: "u32", buffer: upload(gpu, data, "texts") });
    return { kind: "prompts", ids: given(all), ends: given(ends) };
  };
  return { folder, backbone, head, pixels: toFloat32(pixels), images: pixels.shape[0] as number };
}

async function trainedLane(subject: Subject, setup: Omit<LaneSetup, "head" | "own">, targets: Targets): Promise<Exported> {
  const { backbone } = subject;
  const texts = targets.text.length > 0 || setup.sites.some(({ tower }) => tower === "text");
  const head = await subject.head(texts);
  const own = ownTensors(backbone, targets, head.kind === "linear" ? "linear" : "text");
  const values = headValues(head, backbone.model.image.width, 1);
  const lane = await Lane.open(gpu, kernels, { ...setup, own, head: values });
  return { backbone, lane, head, classes: ["a", "b", "c", "d", "e"], baseModel: null };
}

async function save(subject: Subject, name: string, exported: Exported, files: Files): Promise<void> {
  const folder = join(subject.folder, name);
  mkdirSync(folder, { recursive: true });
  for (const [file, bytes] of files) writeFileSync(join(folder, file), bytes);
  const { logits } = await runLane(exported, subject.pixels, subject.images, subject.backbone.model.image.size);
  writeFileSync(
    join(folder, "logits.safetensors"),
    writeSafetensors(new Map([["logits", { shape: [subject.images, logits.length / subject.images], data: logits }]])),
  );
}

/** Adds noise to everything that is trained, small beside weights and large beside rounding. */
async function disturb({ backbone, lane }: Exported): Promise<void> {
  for (const [s, [name, t]] of [...lane.trainables.tensors].entries()) {
    // Many random tensors add up in NoLA, and γ is small by nature.
    const size = lane.config.method.startsWith("nola") ? 0.005 : name.endsWith("gamma") ? 0.01 : lane.own.has(name) ? 0.02 : 0.1;
    const { data } = await read(backbone, t);
    write(
      gpu,
      t.buffer as GPUBuffer,
      t.offset,
      data.map((v, i) => v + size * normal(1, s, i)),
    );
  }
}

export default async function roundtrip([dir]: string[]): Promise<void> {
  if (!dir || !existsSync(dir))
    throw new Error("usage: npm run roundtrip -- DIR, a folder that `python3 tests/roundtrip.py make DIR` made");
  let off = 0;
  for (const model of readdirSync(dir).filter((name) => existsSync(join(dir, name, "base")))) {
    const subject = open(join(dir, model));
    const { backbone } = subject;
    const targets: Targets = { image: SIX, text: model === "clip-both" ? SIX : [] };
    for (const name of readdirSync(subject.folder).filter((entry) => entry.endsWith(".in"))) {
      const from = join(subject.folder, name);
      const files = new Map(readdirSync(from).map((file) => [file, new Uint8Array(readFileSync(join(from, file)))]));
      const { config, ...start } = adopt(files, backbone);
      const exported = await trainedLane(subject, { ...start, config: { ...config, lr: 1 } }, targets);
      const { logits } = await runLane(exported, subject.pixels, subject.images, backbone.model.image.size);
      const want = readSafetensors(files.get("logits.safetensors") as Uint8Array).tensors.get("logits");
      if (!want) throw new Error(`${from}: no logits`);
      const difference = Math.max(...Array.from(toFloat32(want), (w, i) => Math.abs(w - (logits[i] as number))));
      const good = difference <= 1e-4;
      off += Number(!good);
      console.log(`${good ? "ok  " : "FAIL"} ${`${model} ${name}`.padEnd(48)} largest logit difference ${difference.toExponential(1)}`);
      await save(subject, name.replace(/in$/, "back"), exported, await exportPeft(exported, { transformers: 5, perModule: false }));
      exported.lane.destroy();
    }
    const sites = targetSites(backbone.sites, targets);
    for (const [method, def] of adapters) {
      const first = await subject.head(false);
      if (first.kind !== "linear" && trainsHeadAlone(method)) continue;
      const settings = { ...completeSettings(def, {}), ...def.match?.(sites, completeSettings(def, {}), 4 * sites.length * 96) };
      const exported = await trainedLane(subject, { sites, config: { method, settings, lr: 1 }, seed: 7 }, targets);
      await disturb(exported);
      const v5 = { transformers: 5, perModule: false } as const;
      if (peftForm(def, settings) !== "none") await save(subject, `${method}.out`, exported, await exportPeft(exported, v5));
      if (def.peft?.shared) await save(subject, `${method}.modules`, exported, await exportPeft(exported, { ...v5, perModule: true }));
      await save(subject, `${method}.merged`, exported, await exportMerged(exported));
      exported.lane.destroy();
    }
    console.log(`     ${model}: ${adapters.size} methods exported`);
    backbone.destroy();
  }
  if (off > 0) process.exitCode = 1;
}
