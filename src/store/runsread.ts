/** A run's JSON file read back, from this machine or another. Nothing in it is trusted: what does not fit is refused with its place. */
import * as v from "valibot";
import { FORMAT, type RunRecord, VERSION } from "./record.ts";

const MOST_LANES = 16;
const MOST_SEEDS = 64;

const text = v.pipe(v.string(), v.maxLength(10_000));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const known = v.nullable(v.number());
/** JSON has no NaN: where one stood, the file has null. */
const float = v.pipe(
  known,
  v.transform((value) => value ?? Number.NaN),
);
const floats = v.pipe(
  v.array(known),
  v.transform((values) => Float32Array.from(values, (value) => value ?? Number.NaN)),
);
const counts = v.pipe(
  v.array(count),
  v.transform((values) => Uint32Array.from(values)),
);
const score = { loss: float, accuracy: v.number(), correct: count };
const targets = v.union([text, v.array(text)]);

const config = v.object({
  version: v.literal(1),
  model: text,
  precision: v.picklist(["checkpoint", "half"]),
  seed: count,
  validation: v.number(),
  test: v.number(),
  amount: v.picklist(["all", "50%", "1", "2", "4", "8", "16"]),
  head: v.variant("kind", [v.object({ kind: v.literal("text"), template: text }), v.object({ kind: v.literal("linear") })]),
  targets: v.object({ image: targets, text: targets }),
  lanes: v.pipe(
    v.array(v.object({ method: text, settings: v.record(text, v.number()), lr: v.number(), adapter: v.exactOptional(text) })),
    v.minLength(1),
    v.maxLength(MOST_LANES),
  ),
  steps: count,
  batch: count,
  warmup: v.number(),
  weightDecay: v.number(),
  clip: v.number(),
  labelSmoothing: v.number(),
  augment: v.object({ shift: v.number(), flip: v.number(), crop: v.number(), colour: v.number(), rand: v.number() }),
  balance: v.boolean(),
});

const lane = v.union([
  v.object({ diverged: count }),
  v.object({
    msPerStep: known,
    score: v.nullable(v.object({ ...score, answers: v.object({ predicted: counts, confidence: floats, truth: floats }) })),
    layers: v.array(
      v.object({
        path: text,
        block: count,
        target: text,
        singularValues: floats,
        effectiveRank: float,
        stableRank: float,
        above1Percent: count,
      }),
    ),
    fingerprint: text,
  }),
]);

const result = v.object({
  seed: count,
  step: count,
  stopped: v.boolean(),
  lanes: v.array(lane),
  points: v.array(v.object({ step: count, raw: v.array(known), smooth: v.array(known) })),
  validations: v.array(v.object({ step: count, images: count, lanes: v.array(v.nullable(v.object(score))) })),
  before: v.exactOptional(v.number()),
});

const memory = v.object({ trainable: count, optimizer: count, frozen: count });

const record = v.object({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  id: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)),
  name: v.pipe(v.string(), v.maxLength(200)),
  date: v.pipe(v.string(), v.isoTimestamp()),
  pinned: v.boolean(),
  config,
  seeds: v.pipe(v.array(count), v.minLength(1), v.maxLength(MOST_SEEDS)),
  sweep: v.nullable(v.object({ setting: text, value: text })),
  address: text,
  data: v.object({
    name: text,
    classes: v.array(text),
    counts: v.array(v.object({ train: count, validation: count, test: count })),
    digest: text,
  }),
  device: v.object({ gpu: text, software: v.boolean(), browser: text }),
  memory: v.nullable(v.object({ weights: count, activations: count })),
  lanes: v.array(
    v.object({
      parameters: count,
      way: text,
      exported: v.object({ form: v.picklist(["peft", "merged"]), bytes: count }),
      memory: v.nullable(memory),
    }),
  ),
  tested: v.nullable(
    v.object({ part: v.picklist(["test", "validation"]), labels: counts, sources: v.array(text), digests: v.array(text) }),
  ),
  results: v.pipe(v.array(result), v.maxLength(MOST_SEEDS)),
});

/** Throws an Error that says, for people, what is wrong and where. */
export function readRecord(json: string): RunRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new Error("it is not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || (parsed as { format?: unknown }).format !== FORMAT)
    throw new Error("it is not a run of this page");
  const { version } = parsed as { version?: unknown };
  if (version !== VERSION) throw new Error(`its version is ${String(version).slice(0, 20)}, and this page reads ${VERSION}`);
  const read = v.safeParse(record, parsed, { abortEarly: true });
  if (!read.success) {
    const [issue] = read.issues;
    throw new Error(`${v.getDotPath(issue) ?? "the whole"} is not as it should be: ${issue.message}`);
  }
  const { output } = read;
  const lanes = output.config.lanes.length;
  const fits =
    output.lanes.length === lanes &&
    output.results.every((one) => one.lanes.length === lanes) &&
    output.data.counts.length === output.data.classes.length &&
    (output.tested?.labels.every((label) => label < output.data.classes.length) ?? true);
  if (!fits) throw new Error("its lanes, classes and results do not belong together");
  return output;
}
