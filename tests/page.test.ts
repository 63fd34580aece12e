/** Small rules of the page: what a dropped folder is, what is said of one that cannot be used, names and numbers in charts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { otherModel } from "../src/store/adopted.ts";
import { kindOf } from "../src/store/dropped.ts";
import { blocksOf, layerName, layersOf } from "../src/store/layers.ts";
import { inspectModel } from "../src/train/open.ts";
import type { LayerRank } from "../src/train/run.ts";
import { decimalsOf } from "../src/ui/numbers.ts";
import { roundSteps } from "../src/ui/race/curves.tsx";
import { wallWords } from "../src/ui/race/sketch.tsx";
import { startLayer } from "../src/ui/race/spectrum.tsx";

const layer = (path: string): LayerRank => {
  const block = Number(/layers\.(\d+)\./.exec(path)?.[1] ?? 0);
  const target = path.replace(/^.*\./, "").replace(/_proj$/, "");
  return { path, block, target, singularValues: new Float32Array(), effectiveRank: 1, stableRank: 1, above1Percent: 1 };
};
const tower = (name: string, blocks: number, targets: readonly string[]): LayerRank[] =>
  Array.from({ length: blocks }, (_, block) => targets.map((target) => layer(`${name}_model.layers.${block}.${target}`))).flat();

describe("a dropped folder", () => {
  const top = join(import.meta.dirname, "../public/models/clip-tiny");
  const files = (weights: Blob): ReadonlyMap<string, Blob> =>
    new Map([
      ...["config.json", "preprocessor_config.json"].map((name) => [`m/${name}`, new Blob([readFileSync(join(top, name))])] as const),
      ["m/model.safetensors", weights],
    ]);
  const inspect = (weights: Blob) => inspectModel("folder:m", { models: "", folder: files(weights) });

  test("with a model's weights in another form is a model, so that it can be said how to convert it", async () => {
    expect(kindOf(["m/config.json", "m/pytorch_model.bin"])).toBe("model");
    expect(kindOf(["m/config.json", "m/pytorch_model-00001-of-00002.bin"])).toBe("model");
    expect(kindOf(["cats/1.jpg", "cats/data.bin", "cats/config.json"])).toBe("images");
    const folder = new Map([...files(new Blob())].map(([path, file]) => [path.replace("model.safetensors", "pytorch_model.bin"), file]));
    await expect(inspectModel("folder:m", { models: "", folder })).rejects.toThrow(/only safetensors/);
  });

  test("whose weights are cut off or are no safetensors is refused at once, and not when training begins", async () => {
    const whole = readFileSync(join(top, "model.safetensors"));
    expect((await inspect(new Blob([whole]))).config.model_type).toBe("clip");
    await expect(inspect(new Blob([whole.subarray(0, -1)]))).rejects.toThrow(/model\.safetensors is damaged.*cut off/);
    await expect(inspect(new Blob([whole.subarray(0, 400)]))).rejects.toThrow(/damaged.*the file has 400/);
    await expect(inspect(new Blob(["<!doctype html><html></html>"]))).rejects.toThrow(/damaged/);
    await expect(inspect(new Blob([]))).rejects.toThrow(/damaged.*at least 8 bytes/);
  });
});

test("an adapter that names another model says so before all else that does not fit", () => {
  const of = (base: unknown) =>
    new Map([["adapter_config.json", new TextEncoder().encode(JSON.stringify({ base_model_name_or_path: base }))]]);
  const vit = { model: "google/vit-base@0123", name: "google/vit-base" };
  expect(otherModel(of("openai/clip-vit-base-patch32"), vit)).toBe(
    "It was trained on openai/clip-vit-base-patch32, and google/vit-base is chosen.",
  );
  for (const same of ["google/vit-base", "/home/me/vit-base", "ViT-Base", null, undefined]) expect(otherModel(of(same), vit)).toBe("");
  expect(otherModel(new Map(), vit)).toBe("");
});

describe("layers in the charts", () => {
  const image = tower("vision", 3, ["q_proj", "fc1"]);
  const text = tower("text", 2, ["q_proj"]);

  test("name their tower where there are two, and stand tower by tower", () => {
    const all = layersOf([text, image]);
    expect(all.map((one) => layerName(one, all))).toEqual([
      ...[1, 2, 3].flatMap((block) => ["q", "fc1"].map((target) => `Image tower, block ${block}, ${target}`)),
      ...[1, 2].map((block) => `Text tower, block ${block}, q`),
    ]);
    expect(image.map((one) => layerName(one, image))[0]).toBe("Block 1, q");
    expect(blocksOf(all).map((block) => block.length)).toEqual([2, 2, 2, 1, 1]);
  });

  test("are those of all lanes, each once, and those of one block stay together where towers meet", () => {
    const [first, last] = [layer("vision_model.layers.0.q_proj"), layer("text_model.layers.0.q_proj")];
    const all = layersOf([[], [first, last], [last, layer("vision_model.layers.2.fc1"), layer("vision_model.layers.0.v_proj")]]);
    expect(all.map(({ path }) => path.replace("_model.layers", ""))).toEqual([
      "vision.0.v_proj",
      "vision.0.q_proj",
      "vision.2.fc1",
      "text.0.q_proj",
    ]);
    expect(blocksOf(all).map((block) => block.length)).toEqual([2, 1, 1]);
    expect(blocksOf([first, last]).map((block) => block.length)).toEqual([1, 1]);
  });

  test("the one that is shown first lies in the middle of the first tower", () => {
    expect(startLayer([...image, ...text])?.path).toBe("vision_model.layers.1.fc1");
    expect(startLayer(tower("vision", 8, ["q_proj", "v_proj"]))?.path).toBe("vision_model.layers.3.v_proj");
    expect(startLayer(tower("vision", 1, ["k_proj"]))?.path).toBe("vision_model.layers.0.k_proj");
    expect(startLayer([])).toBeUndefined();
  });
});

test("ticks have the decimals that their step needs", () => {
  expect([1, 0.5, 0.25, 0.75, 12.5, 0.0125, 0.003].map(decimalsOf)).toEqual([0, 1, 2, 2, 1, 4, 3]);
});

test("an axis of steps has three to seven equal and round parts, and ends where the run does or before", () => {
  expect(roundSteps(20)).toEqual([0, 5, 10, 15, 20]);
  expect(roundSteps(12)).toEqual([0, 2, 4, 6, 8, 10, 12]);
  expect(roundSteps(600)).toEqual([0, 200, 400, 600]);
  expect(roundSteps(1)).toEqual([0, 1]);
  for (let last = 3; last < 3000; last += Math.ceil(last / 9)) {
    const ticks = roundSteps(last);
    const [, stride = 0] = ticks;
    expect([1, 2, 5]).toContain(stride / 10 ** Math.floor(Math.log10(stride)));
    expect(ticks.every((tick, i) => tick === i * stride && tick <= last)).toBe(true);
    expect(ticks.length).toBeGreaterThanOrEqual(4);
    expect(ticks.length).toBeLessThanOrEqual(8);
    expect(last - (ticks.at(-1) ?? 0)).toBeLessThan(stride);
  }
});

test("the sketch promises LoRA's wall only where r leaves directions out", () => {
  const lora = (rank: number) => [{ method: "lora", settings: { rank }, lr: 1e-3 }];
  expect(wallWords(lora(16), 192)).toBe("LoRA stops at r = 16: the wall");
  for (const rank of [24, 32]) expect(wallWords(lora(rank), 24)).toBe("With r below 24 LoRA stops: the wall");
  expect(wallWords([], 24)).toBe("LoRA stops at r: the wall");
});
