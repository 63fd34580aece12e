/**
 * Milliseconds per training step of every lane, racing on random images, and what it needs of the GPU's memory:
 *   npm run bench -- steps [batch] [steps]
 */
import { readFileSync } from "node:fs";
import type { Dataset } from "../../src/data/dataset.ts";
import { parsePreprocess } from "../../src/data/preprocess.ts";
import { splitDataset } from "../../src/data/split.ts";
import { Kernels } from "../../src/gpu/kernel.ts";
import { uniform } from "../../src/tensor/random.ts";
import { Backbone } from "../../src/train/backbone.ts";
import { Race } from "../../src/train/race.ts";
import type { RunConfig } from "../../src/train/run.ts";
import { Stopwatch } from "../../src/train/stopwatch.ts";
import { gpu } from "../gpu.ts";
import { modelFiles } from "../model.ts";

const CONFIG: Omit<RunConfig, "steps" | "batch"> = {
  version: 1,
  model: "clip-tiny",
  seed: 0,
  validation: 0.2,
  head: { kind: "text", template: "a photo of {class}." },
  precision: "checkpoint",
  targets: { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] },
  lanes: [
    { method: "lora", settings: { rank: 32, alpha: 64 }, lr: 3e-3 },
    { method: "randlora", settings: { rank: 2, alpha: 20 }, lr: 1e-3 },
  ],
  warmup: 0.1,
  weightDecay: 0,
  clip: 0,
  labelSmoothing: 0,
};

function randomImages(size: number): Dataset {
  const n = 200;
  const pixels = Uint8Array.from({ length: n * size * size * 3 }, (_, i) => 256 * uniform(1, 2, i));
  return {
    name: "random",
    classes: ["one", "two", "three", "four"],
    size,
    pixels,
    labels: Uint32Array.from({ length: n }, (_, i) => i % 4),
    sources: Array.from({ length: n }, (_, i) => `${i}`),
  };
}

export default async function steps([batchText, stepsText]: string[]): Promise<void> {
  const config = { ...CONFIG, batch: Number(batchText ?? (gpu.software ? 8 : 64)), steps: Number(stepsText ?? (gpu.software ? 3 : 300)) };
  const backbone = new Backbone(gpu, new Kernels(gpu), modelFiles());
  const dataset = randomImages(backbone.model.image.size);
  const preprocess = parsePreprocess(JSON.parse(readFileSync("public/models/clip-tiny/preprocessor_config.json", "utf8")));
  const opened = performance.now();
  const race = await Race.open({ backbone, config, dataset, split: splitDataset(dataset, 0.2, 0), preprocess, onStatus: () => undefined });
  console.log(`${gpu.name}; CLIP-tiny, batch ${config.batch}; set up in ${(performance.now() - opened).toFixed(0)} ms`);
  const watch = new Stopwatch(race);
  await watch.run(1, 1);
  await gpu.device.queue.onSubmittedWorkDone();
  watch.restart();
  const chunk = Math.max(1, Math.floor(config.steps / 15));
  for (let step = 2; step + chunk <= config.steps; step += chunk) await watch.run(step, chunk);
  await gpu.device.queue.onSubmittedWorkDone();
  const { msPerStep, wallMs } = watch.read();
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { memory, ways } = race;
  race.lanes.forEach(({ config: lane, parameters }, l) => {
    const { trainable, optimizer, frozen } = memory.lanes[l] as (typeof memory.lanes)[number];
    console.log(
      `${lane.method.padEnd(10)} ${msPerStep[l]?.toFixed(3)} ms/step, ${parameters} trainable, ${mib(trainable)} + optimizer ${mib(optimizer)} + bases ${mib(frozen)}; ${ways[l]}`,
    );
  });
  console.log(
    `both       ${wallMs.toFixed(3)} ms/step on the clock, ${((1000 * config.batch) / wallMs).toFixed(0)} images/s; weights ${mib(memory.weights)}, activations ${mib(memory.activations)}`,
  );
  const figures = await race.figures(0, 1, 2);
  console.log(`first losses of LoRA ${figures.map(({ loss }) => loss.toFixed(5)).join(", ")}`);
}
