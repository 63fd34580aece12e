/** A lane of a run handed over: its files with their model card, and the ONNX file run by someone else. */
import { accuracyInterval } from "../analysis/compare.ts";
import type { Dataset } from "../data/dataset.ts";
import { readPixels } from "../data/pixels.ts";
import { parsePreprocess } from "../data/preprocess.ts";
import { type CardFacts, writeCard } from "../formats/card.ts";
import { storage, upload } from "../gpu/memory.ts";
import { Arena } from "../tensor/plan.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength, numel, owner, tensor } from "../tensor/tensor.ts";
import { type Exported, exportMerged, exportOnnx, exportPeft, type Files, json, peftForm } from "./export.ts";
import { classify } from "./head.ts";
import type { Lane } from "./lane.ts";
import { read } from "./merge.ts";
import type { ExportOptions, OnnxCheck, OnnxUnchecked } from "./protocol.ts";
import type { Race } from "./race.ts";
import type { LaneScore, RunConfig } from "./run.ts";
import { OnnxError, verifyOnnx } from "./verifier.ts";

/** What a race was opened from. */
export interface Origin {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  /** Parsed preprocessor_config.json. */
  readonly preprocess: unknown;
  readonly licence: string | undefined;
  /** Parsed tokenizer.json and tokenizer_config.json. */
  readonly tokenizer?: { readonly tokenizer: object; readonly config: object } | undefined;
}

/** Images on which the ONNX file is compared. */
const COMPARED = 8;

interface Order {
  readonly lane: number;
  readonly options: ExportOptions;
}

/** Runs `work` while no step begins, so that all it reads belongs to one moment. */
export type Hold = <T>(work: () => Promise<T>) => Promise<T>;

/** The files of a lane's export, its card among them. Throws when there is no run, and what the writers throw. */
export async function exportRun(
  race: Race | undefined,
  origin: Origin | undefined,
  order: Order,
  hold: Hold,
): Promise<{ readonly files: Files; readonly check?: OnnxCheck | OnnxUnchecked }> {
  const lane = race?.lanes[order.lane];
  if (!race || !origin || !lane) throw new Error("There is no trained method to export. Train first.");
  const { files, answers } = await hold(() => written(race, lane, origin, order));
  const onnx = files.get("model.onnx");
  return { files, ...(onnx && answers && { check: await compare(answers, onnx) }) };
}

/** All that needs the lane as it is now: its files, and for ONNX its answers. */
async function written(
  race: Race,
  lane: Lane,
  origin: Origin,
  { lane: index, options }: Order,
): Promise<{ readonly files: Files; readonly answers?: Answers }> {
  const {
    head,
    setup: { backbone },
  } = race;
  const [id = ""] = origin.config.model.split("@");
  const trained: Exported = { backbone, lane, head, classes: origin.dataset.classes, baseModel: id.includes("/") ? id : null };
  const files = await write(trained, options);
  if (options.form === "merged") {
    files.set("preprocessor_config.json", json(origin.preprocess));
    if (head.kind !== "linear" && origin.tokenizer) {
      files.set("tokenizer.json", json(origin.tokenizer.tokenizer));
      files.set("tokenizer_config.json", json(origin.tokenizer.config));
    }
  }
  const { validation, test } = race.setup.split;
  const held = test.length > 0 ? test : validation;
  const score = held.length > 0 ? await race.evaluate(index, held) : undefined;
  files.set("README.md", new TextEncoder().encode(writeCard(factsOf(race, trained, origin, score, options))));
  return { files, ...(options.form === "onnx" && { answers: await answersOf(trained, origin) }) };
}

function write(trained: Exported, options: ExportOptions): Promise<Files> {
  if (options.form === "peft") return exportPeft(trained, options);
  return options.form === "merged" ? exportMerged(trained) : exportOnnx(trained);
}

function factsOf(
  race: Race,
  { backbone, lane, head }: Exported,
  origin: Origin,
  score: LaneScore | undefined,
  { form, transformers }: ExportOptions,
): CardFacts {
  const { config, dataset, licence } = origin;
  const [id = "", revision] = config.model.split("@");
  const isHub = id.includes("/");
  const preprocess = parsePreprocess(origin.preprocess);
  const { classes } = backbone.def;
  const count = (images: Uint32Array, label: number) => images.reduce((sum, image) => sum + Number(dataset.labels[image] === label), 0);
  const inHead = head.kind === "linear" ? head.classes * (backbone.model.image.width + 1) : 0;
  const asLora = form === "peft" && peftForm(lane.def, lane.settings) === "lora";
  return {
    kind: form,
    title: `${lane.def.title} on ${isHub ? id : config.model.replace("folder:", "")}`,
    base: {
      ...(isHub && { id }),
      ...(isHub && revision && { revision }),
      architecture: (head.kind === "linear" ? classes.linear : classes.text) ?? classes.linear,
    },
    labels: dataset.classes,
    ...(config.head.kind === "text" && { template: config.head.template }),
    preprocess: { ...preprocess },
    generation: transformers,
    ...(licence !== undefined && { licence }),
    method: { title: lane.def.title, paper: lane.def.paper },
    ...(asLora && { form: `PEFT has no ${lane.def.title}: its update is written as the LoRA that it equals.` }),
    dataset: {
      name: dataset.name,
      classes: dataset.classes.map((_, label) => ({
        train: count(race.setup.split.train, label),
        validation: count(race.setup.split.validation, label),
        test: count(race.setup.split.test, label),
      })),
      seed: config.seed,
    },
    config: { ...config },
    ...(score && {
      result: {
        step: race.steps,
        correct: score.correct,
        part: race.setup.split.test.length > 0 ? "test" : "validation",
        images: score.answers.predicted.length,
        loss: score.loss,
        interval: accuracyInterval(score.correct, score.answers.predicted.length),
      },
    }),
    parameters: {
      method: lane.parameters - inHead,
      head: inHead,
      base: backbone.parameters.reduce((sum, { shape }) => sum + numel(shape), 0),
    },
  };
}

/** What the lane says of the first images of the dataset. */
interface Answers {
  readonly images: number;
  readonly size: number;
  /** Normalised, (images, 3, size, size). */
  readonly pixels: Float32Array;
  readonly logits: Float32Array;
  readonly msPerImage: number;
}

async function answersOf(trained: Exported, { dataset, preprocess }: Origin): Promise<Answers> {
  const { size } = dataset;
  const { mean, std } = parsePreprocess(preprocess);
  const images = Math.min(COMPARED, dataset.labels.length);
  const area = size * size;
  const bytes = await readPixels(
    dataset,
    Array.from({ length: images }, (_, image) => image),
  );
  const pixels = Float32Array.from({ length: images * 3 * area }, (_, at) => {
    const [image, channel, place] = [Math.floor(at / (3 * area)), Math.floor(at / area) % 3, at % area];
    const byte = bytes[image]?.[place * 3 + channel] as number;
    return (byte / 255 - (mean[channel] as number)) / (std[channel] as number);
  });
  return { images, size, pixels, ...(await runLane(trained, pixels, images, size)) };
}

/** Runs the file in onnxruntime-web; training goes on meanwhile. */
async function compare({ images, size, pixels, logits, msPerImage }: Answers, onnx: Uint8Array): Promise<OnnxCheck | OnnxUnchecked> {
  const theirs = await verifyOnnx(onnx, pixels, size).catch((error: unknown) => {
    if (error instanceof OnnxError) return { failed: error.message };
    throw error;
  });
  if ("failed" in theirs) return theirs;
  const difference = logits.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (theirs.logits[i] as number))), 0);
  return { images, difference, onnxMs: theirs.msPerImage, ownMs: msPerImage, provider: theirs.provider };
}

/** Logits of normalised pixels (n, 3, size, size), and the time of a second run. */
export async function runLane(
  { backbone, lane, head }: Pick<Exported, "backbone" | "lane" | "head">,
  pixels: Float32Array,
  images: number,
  size: number,
): Promise<{ readonly logits: Float32Array; readonly msPerImage: number }> {
  const { gpu, kernels } = backbone;
  const tape = new Tape(gpu.software);
  const input = tensor([images, 3, size, size], { buffer: upload(gpu, pixels, "pixels") });
  const { model } = backbone.through(lane.own);
  const logits = classify(lane.pass(tape, false), model, input, head, (name) => lane.tensor(name));
  const home = owner(logits);
  home.buffer = storage(gpu, byteLength(logits), "logits");
  const arena = new Arena(gpu, kernels);
  const [plan] = await arena.plan([tape]);
  const run = async () => {
    plan?.submit(gpu);
    await plan?.pace.learned; // so that the second run is as all later ones are
    return read(backbone, logits);
  };
  await run();
  const start = performance.now();
  const { data } = await run();
  const msPerImage = (performance.now() - start) / images;
  home.buffer.destroy();
  input.buffer?.destroy();
  arena.destroy();
  return { logits: data, msPerImage };
}
