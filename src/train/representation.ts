/** What the halves of every block make of some images, in each lane and in the model before training. */
import type { Analyst, Likeness } from "../analysis/analyst.ts";
import { readback, storage, write } from "../gpu/memory.ts";
import { normalize } from "../ops/normalize.ts";
import { pool } from "../ops/pool.ts";
import { Arena, type Plan } from "../tensor/plan.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength, type Tensor } from "../tensor/tensor.ts";
import { frozenPass } from "./frozen.ts";
import type { Race } from "./race.ts";
import { Batch } from "./record.ts";

/** One half of one block, with the CKA of all pairs of members: the lanes in their order, then the model before training. */
export interface HalfLikeness {
  readonly block: number;
  readonly half: "attention" | "mlp";
  readonly table: Likeness;
}

/** Images in one pass. */
const BATCH = 16;

/** `count` of some images, evenly from the first to the last: they are sorted by class. */
export function spreadOver(images: Uint32Array, count: number): Uint32Array {
  const n = Math.min(count, images.length);
  return Uint32Array.from({ length: n }, (_, i) => images[Math.floor((i * images.length) / n)] as number);
}

/** CKA of the members' features of the images, half by half. All are of the moment at which the passes are queued. */
export async function* likenesses(
  race: Race,
  images: Uint32Array,
  analyst: Analyst,
): AsyncGenerator<{ readonly step: number; readonly half: HalfLikeness; readonly all: number }> {
  const { step, members } = await featuresOf(race, images);
  const names = [...(members[0]?.keys() ?? [])];
  for (const name of names) {
    const [, block, half] = name.split(".");
    const features = members.map((member) => member.get(name) as Float32Array<ArrayBuffer>);
    const table = await analyst.likeness({ count: images.length, features });
    yield { step, half: { block: Number(block), half: half as HalfLikeness["half"], table }, all: names.length };
  }
}

type Features = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/**
 * By the taps' names, of each lane and then of the model before training: (images, width), the mean over an image's tokens. So an image
 * counts once: with every token as an input of its own, the positions that all images have in common would pass for likeness.
 */
export async function featuresOf(
  race: Race,
  images: Uint32Array,
): Promise<{ readonly step: number; readonly members: readonly Features[] }> {
  const { gpu } = race;
  const { backbone, preprocess } = race.setup;
  const batch = new Batch(backbone, Math.min(BATCH, images.length));
  const recordings = [...race.lanes, undefined].map((lane) => {
    const tape = new Tape(gpu.software);
    const taps = new Map<string, Tensor>();
    const pass = { ...(lane ? lane.pass(tape, false) : frozenPass(tape)), taps };
    const { model } = backbone.through(lane?.own ?? new Map());
    const { mean, std } = preprocess;
    model.image.features(pass, tape.apply(normalize, { pixels: batch.pixels }, { size: model.image.size, mean, std }));
    const halves = [...taps].filter(([name]) => !name.endsWith(".weights"));
    const pooled = halves.map(([name, x]) => {
      const y = tape.apply(pool, { x }, { tokens: model.image.tokens, kind: "mean" });
      y.buffer = storage(gpu, byteLength(y), name);
      return [name, y] as const;
    });
    const bytes = pooled.map(([, y]) => (byteLength(y) / batch.size) * images.length);
    return { tape, pooled, bytes, results: storage(gpu, sum(bytes), "features") };
  });
  const arena = new Arena(gpu, backbone.kernels);
  try {
    const plans = await arena.plan(recordings.map(({ tape }) => tape));
    write(gpu, batch.count.buffer as GPUBuffer, 0, new Uint32Array([batch.size]));
    const run = (first: number) => {
      const count = Math.min(batch.size, images.length - first);
      race.load(batch, images.subarray(first, first + count));
      for (const [m, { pooled, bytes, results }] of recordings.entries()) {
        (plans[m] as Plan).submit(gpu, (encoder) => {
          for (const [t, [, y]] of pooled.entries()) {
            const row = byteLength(y) / batch.size;
            encoder.copyBufferToBuffer(y.buffer as GPUBuffer, 0, results, sum(bytes.slice(0, t)) + first * row, count * row);
          }
        });
      }
    };
    // The first run is timed, and then all are queued without a pause: no step of the training comes between them.
    run(0);
    await Promise.all(plans.map(({ pace }) => pace.learned));
    const step = race.steps;
    for (let first = 0; first < images.length; first += batch.size) run(first);
    const members: Features[] = [];
    for (const { pooled, bytes, results } of recordings) {
      const all = await readback(gpu, results, 0, sum(bytes));
      members.push(
        new Map(pooled.map(([name], t) => [name, new Float32Array(all.slice(sum(bytes.slice(0, t)), sum(bytes.slice(0, t + 1))))])),
      );
    }
    return { step, members };
  } finally {
    arena.destroy();
    batch.destroy();
    for (const { pooled, results } of recordings) for (const buffer of [results, ...pooled.map(([, y]) => y.buffer)]) buffer?.destroy();
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
