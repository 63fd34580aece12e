/** Where a model looks: attention's weights in a forward pass of one image, before training and in every lane. */
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { write } from "../gpu/memory.ts";
import type { ImageTower, Pass } from "../models/model.ts";
import { runOnce } from "../tensor/once.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength, type Tensor } from "../tensor/tensor.ts";
import { frozenPass } from "./frozen.ts";
import type { Lane } from "./lane.ts";
import type { Race } from "./race.ts";
import { Batch, inputs } from "./record.ts";

/** What one model's class token looks at. Patches are row by row, across² of them. */
export interface Gaze {
  /** (blocks, heads, patches) softmax(q kᵀ / √d) from the class token to each patch; what a row lacks of 1 went to tokens without a patch. */
  readonly direct: Float32Array;
  /** (blocks, patches) Attention rollout from each block down to the patches (Abnar & Zuidema 2020, §3). */
  readonly rollout: Float32Array;
}

export interface AttentionMaps {
  readonly blocks: number;
  readonly heads: number;
  /** Patches along a side. */
  readonly across: number;
  readonly lanes: readonly Gaze[];
  /** The model before training. */
  readonly before: Gaze;
}

/** Bytes of weights that are on the GPU at one time. */
const KEPT = 2 ** 28;

/** For (size, size, 3) RGB bytes, prepared like the dataset's. The lanes are as they are after the steps queued so far. */
export async function attentionMaps(race: Race, pixels: Uint8Array): Promise<AttentionMaps> {
  const { backbone, preprocess } = race.setup;
  const { gpu, kernels, model } = backbone;
  const batch = new Batch(backbone, 1);
  write(gpu, batch.pixels.buffer as GPUBuffer, 0, pixels);
  const gazes: Gaze[] = [];
  const look = async (lane: Lane | undefined) => {
    const record = () => {
      const tape = new Tape(gpu.software);
      const pass = { ...(lane ? lane.pass(tape, false) : frozenPass(tape)), taps: new Map<string, Tensor>() };
      const seen = inputs({ backbone, batch, mean: preprocess.mean, std: preprocess.std }, pass, lane);
      seen.model.image.features(pass, seen.pixels);
      return pass;
    };
    return gazeOf(gpu, kernels, model.image, record);
  };
  try {
    for (const lane of race.lanes) gazes.push(await look(lane));
    return mapsOf(gazes, await look(undefined), model.image);
  } finally {
    batch.destroy();
  }
}

function mapsOf(lanes: readonly Gaze[], before: Gaze, image: Pick<ImageTower, "tokens" | "special">): AttentionMaps {
  const across = Math.sqrt(image.tokens - image.special);
  const blocks = before.rollout.length / across ** 2;
  return { blocks, heads: before.direct.length / before.rollout.length, across, lanes, before };
}

/** `record` records the features of one image, with taps. Where its weights are more than `kept` bytes, it is run several times. */
export async function gazeOf(
  gpu: Gpu,
  kernels: Kernels,
  { tokens, special }: Pick<ImageTower, "tokens" | "special">,
  record: () => Required<Pick<Pass, "tape" | "taps">>,
  kept = KEPT,
): Promise<Gaze> {
  const direct: Float32Array[] = [];
  const rows: Float32Array[] = [];
  for (let first = 0, blocks = 1; first < blocks; ) {
    const { tape, taps } = record();
    // Put there block by block.
    const all = [...taps].flatMap(([name, tap]) => (name.endsWith(".weights") ? [tap] : []));
    const some = all.slice(first, first + Math.max(1, Math.floor(kept / byteLength(all[first] as Tensor))));
    for (const [i, weights] of (await runOnce(gpu, kernels, tape, some)).entries()) {
      const [heads, , stride] = (some[i] as Tensor).shape as [number, number, number];
      direct.push(classRows(weights, heads, tokens, stride, special));
      rows.push(meanOverHeads(weights, heads, tokens, stride));
    }
    first += some.length;
    blocks = all.length;
  }
  return { direct: joined(direct), rollout: joined(rows.map((_, block) => rollout(rows.slice(0, block + 1), tokens).subarray(special))) };
}

/** (heads, patches) of weights (heads, tokens, stride). */
function classRows(weights: Float32Array, heads: number, tokens: number, stride: number, special: number): Float32Array {
  const patches = tokens - special;
  return Float32Array.from(
    { length: heads * patches },
    (_, i) => weights[Math.floor(i / patches) * tokens * stride + special + (i % patches)] as number,
  );
}

/** (tokens, tokens) */
function meanOverHeads(weights: Float32Array, heads: number, tokens: number, stride: number): Float32Array {
  return Float32Array.from({ length: tokens * tokens }, (_, i) => {
    const at = Math.floor(i / tokens) * stride + (i % tokens);
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += weights[head * tokens * stride + at] as number;
    return sum / heads;
  });
}

/**
 * The class token's row (tokens) of A_b ⋯ A_1, where A = ½ W + ½ I stands for a block's attention with the residual stream around it.
 * `blocks` (tokens, tokens) each, the first block first. A row times a matrix at a time: the product itself is never formed.
 */
export function rollout(blocks: readonly Float32Array[], tokens: number): Float32Array {
  let row = new Float64Array(tokens);
  row[0] = 1;
  for (const weights of blocks.toReversed()) {
    const next = row.map((share) => share / 2);
    for (let from = 0; from < tokens; from++) {
      const share = (row[from] as number) / 2;
      if (share === 0) continue;
      for (let to = 0; to < tokens; to++) (next[to] as number) += share * (weights[from * tokens + to] as number);
    }
    row = next;
  }
  return Float32Array.from(row);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
