/** What a person should know before a race begins: settings that have failed where they were tried, and results that will say little. */

import { accuracyInterval } from "../analysis/compare.ts";
import { type ClassSize, countSplit } from "../data/split.ts";
import type { LaneConfig, RunConfig } from "../train/run.ts";

export interface Warning {
  /** A whole sentence or two: what would happen, and what to do. */
  readonly text: string;
  /** The lane and the setting it is about ("lr", or a field of the method), or the setting of the run ("batch"). */
  readonly lane?: number;
  readonly field?: string;
}

export interface Situation {
  readonly config: Pick<RunConfig, "lanes" | "batch" | "validation" | "test" | "amount">;
  /** Titles of the lanes' methods, "LoRA". */
  readonly titles: readonly string[];
  /** Null before there are images. */
  readonly classes: readonly ClassSize[] | null;
  /** The smaller side of the smallest and of the largest adapted layer; null where the model is not known. */
  readonly sides: { readonly least: number; readonly greatest: number } | null;
  /** Of the race on the GPU, estimated; null where it is not known. */
  readonly memory: Memory | null;
}

export interface Memory {
  readonly bytes: number;
  /** Of its largest tensor. */
  readonly largest: number;
  /** What the device allows for one tensor, and bytes of memory that the machine says it has, at least; null where it does not say. */
  readonly limit: number;
  readonly machine: number | null;
}

/**
 * The learning rate times the factor of the update, from which training collapsed, and which went well: CLIP-tiny on EuroSAT, 150 steps
 * of 64 images, each rate three times the one before. Where nothing collapsed there is what was tried.
 */
const MEASURED: Readonly<Record<string, { readonly well: number; readonly collapsed?: number }>> = {
  lora: { well: 0.006, collapsed: 0.02 },
  rslora: { well: 0.006, collapsed: 0.02 },
  dora: { well: 0.006, collapsed: 0.02 },
  randlora: { well: 0.02, collapsed: 0.06 },
  randlorab: { well: 0.02, collapsed: 0.06 },
  vera: { well: 0.1 },
  full: { well: 1e-3 },
};

/** What the update is multiplied by. */
function gainOf({ method, settings }: LaneConfig): number {
  const { alpha, rank } = settings;
  if (alpha === undefined || !rank) return 1;
  return method === "rslora" ? alpha / Math.sqrt(rank) : alpha / rank;
}

const plain = (value: number): string => String(Number(value.toPrecision(2)));

function rate(lane: LaneConfig, index: number, title: string): Warning[] {
  const known = MEASURED[lane.method];
  const gain = gainOf(lane);
  const strength = lane.lr * gain;
  // Between what went well and what failed, the middle of the way counts as too far.
  const most = known ? (known.collapsed ? Math.sqrt(known.well * known.collapsed) : 3 * known.well) : Infinity;
  if (!known || strength < most) return [];
  const factor = gain === 1 ? "" : ` with a factor of ${plain(gain)} (from α and r)`;
  const failed = known.collapsed !== undefined && strength >= 0.9 * known.collapsed;
  const seen = failed ? "training has collapsed where this was tried" : "this is more than has gone well where it was tried";
  const text = `${title}: learning rate ${plain(lane.lr)}${factor}: ${seen}. Up to ${plain(known.well / gain)} it went well.`;
  return [{ text, lane: index, field: "lr" }];
}

function rank(lane: LaneConfig, index: number, title: string, sides: Situation["sides"]): Warning[] {
  if (!sides || lane.adapter !== undefined) return [];
  const found = (field: string, text: string): Warning[] => [{ text: `${title}: ${text}`, lane: index, field }];
  const isRandom = lane.method.startsWith("randlora") && lane.method !== "randloraa";
  const name = lane.method === "hybrid" ? "basisRank" : "rank";
  const r = lane.settings[name] ?? 0;
  if ((isRandom || lane.method === "hybrid") && r >= sides.least)
    return found(
      name,
      `r = ${r} leaves a layer of ${sides.least} with a single random piece, and few numbers to learn. A lower r means more pieces and more parameters; 1 to 32 is usual.`,
    );
  if (["lora", "rslora", "dora"].includes(lane.method) && r > sides.greatest)
    return found(
      "rank",
      `r = ${r} is more than the ${sides.greatest} directions that the largest layer has. What is above them adds parameters and no rank.`,
    );
  return [];
}

/** Held-out images under which an accuracy is told so roughly that most differences between methods drown. */
const FEW = 100;

function images({ classes, config }: Situation): Warning[] {
  if (!classes || classes.length < 2) return [];
  const found: Warning[] = [];
  const { train, validation, test } = countSplit(classes, config);
  // The test, where there is one, is what counts in the end.
  const [held, part] = config.test > 0 ? [test, "test" as const] : [validation, "validation" as const];
  const single = classes.filter(({ count }) => count === 1).map(({ name }) => name);
  if (single.length > 0) {
    const names = single.length > 3 ? `${single.slice(0, 3).join(", ")} and ${single.length - 3} more` : single.join(", ");
    found.push({
      text: `${names}: one image, which is trained on, so that nothing is left to check it by. Add another, or drop the class.`,
    });
  }
  if (config.batch > train)
    found.push({
      text: `A batch of ${config.batch} is more than the ${train} training images: each step would see some of them twice. Take ${Math.max(1, train)} or fewer.`,
      field: "batch",
    });
  if (held < FEW) {
    const [low, high] = accuracyInterval(Math.round(0.8 * held), held);
    const margin = Math.ceil(50 * (high - low));
    found.push({
      text: `Accuracy will be measured on ${held} ${part} ${held === 1 ? "image" : "images"}, so it is known to about ± ${margin} points. Smaller differences between methods will mean nothing.`,
      field: part,
    });
  }
  return found;
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function memory({ memory: found, config }: Situation): Warning[] {
  if (!found) return [];
  const todo = `Halve the batch (${config.batch}), or take a smaller model.`;
  if (found.largest > found.limit)
    return [
      { text: `One tensor of this race takes ${gib(found.largest)}, and your GPU allows ${gib(found.limit)}. ${todo}`, field: "batch" },
    ];
  if (found.machine !== null && found.bytes > found.machine)
    return [
      {
        text: `This race takes about ${gib(found.bytes)} on the GPU; this machine speaks of ${gib(found.machine)} in all. ${todo}`,
        field: "batch",
      },
    ];
  return [];
}

/** The gravest first: what fails, then what says little. */
export function warningsOf(situation: Situation): readonly Warning[] {
  const { config, titles, sides } = situation;
  return [
    ...memory(situation),
    ...config.lanes.flatMap((lane, index) => rate(lane, index, titles[index] ?? lane.method)),
    ...config.lanes.flatMap((lane, index) => rank(lane, index, titles[index] ?? lane.method, sides)),
    ...images(situation),
  ];
}

/** The sizes of a vision tower, from config.json as transformers writes it. */
interface Tower {
  readonly width: number;
  readonly blocks: number;
  readonly heads: number;
  readonly tokens: number;
}

function towerOf(config: Readonly<Record<string, unknown>>): Tower | null {
  const own = (config.vision_config ?? config) as Readonly<Record<string, unknown>>;
  const number = (name: string) => (typeof own[name] === "number" ? (own[name] as number) : Number.NaN);
  const [width, blocks, heads] = [number("hidden_size"), number("num_hidden_layers"), number("num_attention_heads")];
  const tokens = (number("image_size") / number("patch_size")) ** 2 + 1;
  return [width, blocks, heads, tokens].every(Number.isFinite) ? { width, blocks, heads, tokens } : null;
}

/**
 * Bytes of a race: the weights, what a step keeps for its backward pass (12 numbers of the width and one for each head and token, per
 * token and block: within 6 % of what is measured for CLIP-tiny, ViT-Ti/16 and CLIP ViT-B/32), and of each trained number itself, its
 * gradient and AdamW's two moments. Null for a config whose sizes have other names.
 */
export function estimateMemory(
  config: Readonly<Record<string, unknown>>,
  race: { readonly modelBytes: number; readonly batch: number; readonly trained: number },
): Pick<Memory, "bytes" | "largest"> | null {
  const tower = towerOf(config);
  if (!tower) return null;
  const { width, blocks, heads, tokens } = tower;
  const perToken = 12 * width + heads * tokens;
  const kept = 4 * perToken * tokens * race.batch * blocks;
  return { bytes: race.modelBytes + kept + 16 * race.trained, largest: 4 * 4 * width * tokens * race.batch };
}
