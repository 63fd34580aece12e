/** What a head sees of images, before training and in every lane. */
import { readback, storage } from "../gpu/memory.ts";
import { Arena } from "../tensor/plan.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength } from "../tensor/tensor.ts";
import { frozenPass } from "./frozen.ts";
import { pooled } from "./head.ts";
import type { Race } from "./race.ts";
import { Batch, inputs } from "./record.ts";

/** (images, width) each, row by row. */
export interface Embeddings {
  readonly width: number;
  readonly lanes: readonly Float32Array<ArrayBuffer>[];
  /** By the model before training. */
  readonly before: Float32Array<ArrayBuffer>;
}

/** Of images of the race's dataset, by index. The lanes are as they are after the steps queued so far. */
export async function embeddings(race: Race, images: Uint32Array): Promise<Embeddings> {
  const { backbone, preprocess, config } = race.setup;
  const { gpu, kernels } = backbone;
  const batch = new Batch(backbone, Math.max(1, Math.min(config.batch, images.length)));
  const recorded = [...race.lanes, undefined].map((lane) => {
    const tape = new Tape(gpu.software);
    const pass = lane ? lane.pass(tape, false) : frozenPass(tape);
    const seen = inputs({ backbone, batch, mean: preprocess.mean, std: preprocess.std }, pass, lane);
    const features = pooled(pass, seen.model, seen.pixels, race.head);
    features.buffer = storage(gpu, byteLength(features), "features");
    return { tape, features };
  });
  const width = recorded[0]?.features.shape[1] as number;
  const arena = new Arena(gpu, kernels);
  const all = recorded.map(() => new Float32Array(images.length * width));
  try {
    const plans = await arena.plan(recorded.map(({ tape }) => tape));
    for (let first = 0; first < images.length; first += batch.size) {
      const some = images.subarray(first, first + batch.size);
      race.load(batch, some);
      for (const [i, { features }] of recorded.entries()) {
        plans[i]?.submit(gpu);
        const rows = new Float32Array(await readback(gpu, features.buffer as GPUBuffer, 0, 4 * some.length * width));
        all[i]?.set(rows, first * width);
      }
    }
  } finally {
    arena.destroy();
    batch.destroy();
    for (const { features } of recorded) features.buffer?.destroy();
  }
  const before = all.pop() as Float32Array<ArrayBuffer>;
  return { width, lanes: all, before };
}
