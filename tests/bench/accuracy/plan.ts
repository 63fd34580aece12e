/** What is trained for the table of accuracies, here and in PyTorch: sets, methods and their rates. The recipe is CLIP-tiny's. */
import type { Dataset } from "../../../src/data/dataset.ts";
import { inMemory } from "../../../src/data/pixels.ts";
import { SAMPLES } from "../../../src/data/samples.ts";
import { NO_AUGMENT } from "../../../src/train/augment.ts";
import type { LaneConfig, RunConfig } from "../../../src/train/run.ts";

export const AMOUNTS = ["16", "all"] as const;
export type Amount = (typeof AMOUNTS)[number];

export interface SetSpec {
  readonly title: string;
  /** A zip by its name, or a folder of IDX files. */
  readonly file: string;
  /** Folder names, or IDX labels in order, and the words for them. */
  readonly classes: Readonly<Record<string, string>>;
  readonly prompt: string;
}

const sample = (id: string, title: string): SetSpec => {
  const found = SAMPLES.find((one) => one.id === id);
  if (!found) throw new Error(`there is no sample ${id}`);
  return { title, file: `${id}.zip`, classes: found.classes, prompt: found.prompt };
};
const listed = (words: readonly string[]) => Object.fromEntries(words.map((word, label) => [String(label), word]));
const DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const FASHION = ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];
const fashion = { classes: listed(FASHION), prompt: "a photo of a {class}, a type of clothing." };

export const SETS: Readonly<Record<string, SetSpec>> = {
  eurosat: sample("eurosat-mini", "EuroSAT sample"),
  clothing: sample("clothing-mini", "Clothing sample"),
  signs: {
    title: "Sign digits sample",
    file: "sign-digits-mini.zip",
    classes: listed(DIGITS),
    prompt: "a hand sign for the number {class}.",
  },
  fashion: { title: "Fashion-MNIST", file: "fashion-mnist", ...fashion },
  "fashion-mini": { title: "Fashion-MNIST sample", file: "fashion-mnist-mini", ...fashion },
};

export interface Method {
  readonly title: string;
  readonly head: "text" | "linear";
  readonly lane: Pick<LaneConfig, "method" | "settings">;
  /** Chosen once for PEFT on held-out training images of EuroSAT; the probe's is its default. */
  readonly rates: Readonly<Record<Amount, number>>;
}

const method = (title: string, id: string, settings: LaneConfig["settings"], all: number, few: number): Method => ({
  title,
  head: "text",
  lane: { method: id, settings },
  rates: { all, "16": few },
});

export const METHODS: Readonly<Record<string, Method>> = {
  lora32: method("LoRA r 32, α 64", "lora", { rank: 32, alpha: 64 }, 3e-3, 1e-3),
  lora16: method("LoRA r 16, α 32", "lora", { rank: 16, alpha: 32 }, 3e-3, 3e-3),
  randlora2: method("RandLoRA r 2, α 20", "randlora", { rank: 2, alpha: 20 }, 1e-3, 1e-3),
  dora32: method("DoRA r 32, α 64", "dora", { rank: 32, alpha: 64 }, 3e-3, 3e-3),
  vera256: method("VeRA r 256", "vera", { rank: 256 }, 0.1, 0.03),
  full: method("Full fine-tuning", "full", {}, 1e-3, 3e-4),
  probe: { ...method("Linear probe", "probe", {}, 1e-2, 1e-2), head: "linear" },
};
/** The model before training, measured once for a set. */
export const ZERO_SHOT = "zero-shot";

export const STEPS: Readonly<Record<Amount, number>> = { all: 300, "16": 150 };

/** A set as it lies in the folder: `SET.json`, beside `SET.bin.gz` with its (n, size, size, 3) bytes. */
export interface Prepared extends Pick<SetSpec, "title" | "prompt"> {
  readonly size: number;
  /** In words, by label. */
  readonly classes: readonly string[];
  readonly labels: readonly number[];
  readonly sources: readonly string[];
  /** "test" for the images that were delivered as such; null where none were. */
  readonly parts: readonly ("train" | "test")[] | null;
  /** The share of every class that was drawn for the test, and the test images. */
  readonly share: number;
  readonly test: readonly number[];
}

/** plan.json: all that PyTorch needs to train the same. `views/SET-AMOUNT-SEED.bin` has (steps, batch, 4) i32: image, shift, shift, flip. */
export interface Plan {
  readonly batch: number;
  readonly seeds: number;
  readonly steps: Readonly<Record<Amount, number>>;
  /** Of the peak, by step. */
  readonly rates: Readonly<Record<Amount, readonly number[]>>;
  readonly sets: readonly string[];
  readonly methods: Readonly<Record<string, Method>>;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** One run, by either side: `SIDE/SET-AMOUNT-METHOD-SEED.json`. */
export interface Result {
  readonly set: string;
  readonly amount: Amount;
  readonly method: string;
  readonly seed: number;
  /** Trained numbers of the tower and the head. */
  readonly parameters: number;
  /** Of the last 20 steps, on average. */
  readonly loss: number;
  /** "1" for each test image that was right, else "0". */
  readonly hits: string;
}

export const nameOf = ({ set, amount, method, seed }: Pick<Result, "set" | "amount" | "method" | "seed">): string =>
  `${set}-${amount}-${method}-${seed}.json`;

/** As the page sets it up from "#validation=0.05&test=…&shift=4&flip=1&steps=…&amount=…&seed=…". */
export const configOf = (
  set: Pick<SetSpec, "prompt">,
  methods: readonly Method[],
  amount: Amount,
  seed: number,
  steps: number,
  test: number,
): RunConfig => ({
  version: 1,
  model: "clip-tiny",
  precision: "checkpoint",
  seed,
  validation: 0.05,
  test,
  amount,
  head: methods.some(({ head }) => head === "linear") ? { kind: "linear" } : { kind: "text", template: set.prompt },
  targets: { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] },
  lanes: methods.map(({ lane, rates }) => ({ ...lane, lr: rates[amount] })),
  steps,
  batch: 64,
  warmup: 0.1,
  weightDecay: 0,
  clip: 0,
  labelSmoothing: 0,
  augment: { ...NO_AUGMENT, shift: 4, flip: 1 },
  balance: false,
});

export const datasetOf = (
  { title, classes, size, labels, sources, parts }: Omit<Prepared, "test" | "share">,
  pixels: Uint8Array,
): Dataset => ({
  name: title,
  classes,
  size,
  pixels: inMemory(pixels, labels.length),
  labels: Uint32Array.from(labels),
  sources,
  ...(parts && { parts }),
});

/** "key=value" of a command line; throws on a key that is not among those known, with what there is. */
export function options<K extends string>(args: readonly string[], known: Readonly<Record<K, string>>): Record<K, string> {
  const given: Record<K, string> = { ...known };
  for (const arg of args) {
    const [key = "", ...rest] = arg.split("=");
    if (!Object.hasOwn(known, key) || rest.length === 0)
      throw new Error(
        `"${arg}" is none of ${Object.keys(known)
          .map((k) => `${k}=…`)
          .join(" ")}`,
      );
    given[key as K] = rest.join("=");
  }
  return given;
}

/** The named ones of `all`, or all of them. */
export function chosen(names: string, all: readonly string[]): readonly string[] {
  if (names === "") return all;
  const wanted = names.split(",");
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`"${unknown}" is none of ${all.join(", ")}`);
  return wanted;
}
