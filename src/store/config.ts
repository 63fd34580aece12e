/** The settings of a run: their ranges, their defaults and what keeps them sane. */
import type { Field } from "../adapters/adapter.ts";
import { SAMPLES } from "../data/samples.ts";
import type { Amount } from "../data/split.ts";
import { type Augment, NO_AUGMENT } from "../train/augment.ts";
import type { Targets } from "../train/catalog.ts";
import type { LaneConfig, RunConfig } from "../train/run.ts";
import { completeSettings, countParameters, findMethod } from "./methods.ts";

export type NumberName = "steps" | "batch" | "seed" | "validation" | "test" | "warmup" | "weightDecay" | "clip" | "labelSmoothing";

export const NUMBERS: Readonly<Record<NumberName, Field>> = {
  steps: {
    label: "Steps",
    help: "How many batches each method learns from. 150 to 600 is usual; 10 to 40 epochs of a small set.",
    default: 300,
    min: 1,
    max: 50_000,
    step: 1,
  },
  batch: {
    label: "Batch",
    help: "Images per step. Smaller needs less memory and is noisier. 16 to 128.",
    default: 64,
    min: 1,
    max: 512,
    step: 1,
  },
  seed: {
    label: "First seed",
    help: "Same seed, same split, same batches, same start. Any whole number; several seeds count up from it.",
    default: 0,
    min: 0,
    max: 4_294_967_295,
    step: 1,
  },
  validation: {
    label: "Validation",
    help: "Share of every class that is never trained on and measures accuracy while training goes on. 0.1 to 0.3.",
    default: 0.1,
    min: 0.05,
    max: 0.4,
    step: 0.05,
  },
  test: {
    label: "Test",
    help: "Share of every class that is locked away: measured once, after the last step, and the same for every seed. 0.2 is usual; 0 for none.",
    default: 0.2,
    min: 0,
    max: 0.5,
    step: 0.05,
  },
  warmup: {
    label: "Warm-up",
    help: "Share of the steps in which the learning rate rises; a cosine to zero follows. 0.05 to 0.2.",
    default: 0.1,
    min: 0,
    max: 1,
    step: 0.01,
  },
  weightDecay: {
    label: "Weight decay",
    help: "AdamW's pull of every trained number towards zero. 0 to 0.1; few adapters need any.",
    default: 0,
    min: 0,
    max: 1,
    step: 0.001,
  },
  clip: {
    label: "Clip gradients",
    help: "Largest global norm of the gradient; 0 switches clipping off. 1 where losses jump.",
    default: 0,
    min: 0,
    max: 100,
    step: 0.1,
  },
  labelSmoothing: {
    label: "Label smoothing",
    help: "Share of the target spread over all classes. 0 to 0.1.",
    default: 0,
    min: 0,
    max: 0.5,
    step: 0.01,
  },
};

/** How training images are seen anew in every step; see train/augment.ts. */
export const AUGMENTS: Readonly<Record<keyof Augment, Field>> = {
  shift: {
    label: "Shift",
    help: "Pixels by which an image moves at most, its edge repeated. 4 is usual at 64 pixels; 0 is off.",
    default: NO_AUGMENT.shift,
    min: 0,
    max: 32,
    step: 1,
  },
  flip: {
    label: "Flip",
    help: "Mirrors every other image. Not for digits, letters or signs.",
    default: NO_AUGMENT.flip,
    min: 0,
    max: 1,
    step: 1,
  },
  crop: {
    label: "Crop",
    help: "Smallest share of the image that is cut out and enlarged. 0.5 is gentle, 0.08 is for large sets; 1 is off.",
    default: NO_AUGMENT.crop,
    min: 0.08,
    max: 1,
    step: 0.01,
  },
  colour: {
    label: "Colour",
    help: "Changes brightness, contrast and saturation by up to this share, and the hue a little. 0.4 is usual; 0 is off.",
    default: NO_AUGMENT.colour,
    min: 0,
    max: 1,
    step: 0.05,
  },
  rand: {
    label: "RandAugment",
    help: "Strength of two operations drawn for every image, such as a rotation, a shear or fewer grey levels. 0.3 is usual; 0 is off.",
    default: NO_AUGMENT.rand,
    min: 0,
    max: 1,
    step: 0.05,
  },
};

export const SEEDS: Field = {
  label: "Number of seeds",
  help: "How many times the whole race is run, each time under the next seed. Three or more show how much is luck.",
  default: 1,
  min: 1,
  max: 10,
  step: 1,
};

export const RATE: Field = {
  label: "Learning rate",
  help: "At its peak. 0.0003 to 0.003 for most methods at their usual α; three times too much makes most of them collapse.",
  default: 1e-3,
  min: 1e-6,
  max: 1,
  step: 1e-6,
};

/** How much of what is left for training is used, and what to call it. */
export const AMOUNTS: Readonly<Record<Amount, string>> = {
  all: "All images",
  "50%": "Half of every class",
  "1": "1 image per class",
  "2": "2 images per class",
  "4": "4 images per class",
  "8": "8 images per class",
  "16": "16 images per class",
};

export const isAmount = (text: string): text is Amount => Object.hasOwn(AMOUNTS, text);

/** Names of the layers that every block may have. */
export const TARGETS: readonly string[] = ["q", "k", "v", "out", "fc1", "fc2"];
const IMAGE_ONLY: Targets = { image: TARGETS, text: [] };
export const MAX_LANES = 4;
export const MAX_TEMPLATE = 200;
const PHOTO = "a photo of a {class}.";

/** The prompt that belongs to a sample set, or to a person's own images. */
export const promptOf = (sample: string | null): string => SAMPLES.find(({ id }) => id === sample)?.prompt ?? PHOTO;

/** Nobody typed it: it came with images, and other images bring their own. */
export const isSuggested = (prompt: string): boolean => prompt === PHOTO || SAMPLES.some((sample) => sample.prompt === prompt);

/** LoRA r = 32 and RandLoRA r = 2 train nearly the same number of parameters: 884,736 and 893,952. */
export const DEFAULTS: RunConfig = {
  version: 1,
  model: "clip-tiny",
  precision: "checkpoint",
  seed: 0,
  validation: 0.1,
  test: 0.2,
  amount: "all",
  head: { kind: "text", template: PHOTO },
  targets: IMAGE_ONLY,
  lanes: [
    { method: "lora", settings: { rank: 32, alpha: 64 }, lr: 3e-3 },
    { method: "randlora", settings: { rank: 2, alpha: 20 }, lr: 1e-3 },
  ],
  steps: 300,
  batch: 64,
  warmup: 0.1,
  weightDecay: 0,
  clip: 0,
  labelSmoothing: 0,
  augment: NO_AUGMENT,
  balance: false,
};

/** `value` within the field's range, whole where the field counts; undefined when it is no number. */
export function clampTo(field: Field, value: number): number | undefined {
  if (!Number.isFinite(value)) return undefined;
  const whole = Number.isInteger(field.step) && Number.isInteger(field.min);
  return Math.min(field.max, Math.max(field.min, whole ? Math.round(value) : value));
}

export function clampLane({ method, settings: given, lr, adapter }: LaneConfig): LaneConfig {
  const fields = Object.entries(findMethod(method)?.fields ?? {});
  const settings = completeSettings(method, given);
  return {
    method,
    settings: Object.fromEntries(fields.map(([name, field]) => [name, clampTo(field, settings[name] ?? field.default) ?? field.default])),
    lr: clampTo(RATE, lr) ?? RATE.default,
    ...(adapter !== undefined && { adapter }),
  };
}

export function laneParameters(config: RunConfig, { method, settings }: LaneConfig): number {
  return countParameters(config, method, settings);
}

/** Epochs are a way to say steps once the number of training images is known. */
export function stepsOf(epochs: number, images: number, batch: number): number {
  return Math.max(1, Math.round((epochs * images) / batch));
}

export function epochsOf(steps: number, images: number, batch: number): number {
  return (steps * batch) / Math.max(1, images);
}

/** A new rank keeps α / r, the factor of the update, unless α is set as well: else a smaller r would make training diverge. */
export function keepStrength({ method, settings: before }: LaneConfig, settings: LaneConfig["settings"] = {}): LaneConfig["settings"] {
  const followers = Object.entries(findMethod(method)?.fields ?? {}).flatMap(([name, { follows }]) => {
    const [from, to] = follows === undefined ? [] : [before[follows], settings[follows]];
    const value = before[name];
    return from && to !== undefined && value && settings[name] === undefined ? [[name, (value * to) / from]] : [];
  });
  return { ...settings, ...Object.fromEntries(followers) };
}
