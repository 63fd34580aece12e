/** The messages between the page and the training worker. The worker is the only bridge between engine and page. */
import type { Plane, Shares } from "../analysis/plane.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Fault } from "../gpu/device.ts";
import type { AttentionMaps } from "./attention.ts";
import type { Embeddings } from "./embedding.ts";
import type { Height, Vertices } from "./landscape.ts";
import type { Look } from "./look.ts";
import type { LayerOverlap } from "./overlap.ts";
import type { HalfLikeness } from "./representation.ts";
import type { Prediction, RunConfig, RunEvent } from "./run.ts";

/** Files of a folder by path, with "/". */
export type Folder = ReadonlyMap<string, Blob>;

/** Where models come from: the address of the folder that holds the bundled ones, and the files of a dropped one. */
export interface Sources {
  readonly models: string;
  readonly folder?: Folder;
}

/** What the small files of a model say, before its weights are fetched. */
export interface ModelFound {
  /** As RunConfig.model has it; a Hub model's revision is a commit here, whatever was asked for. */
  readonly model: string;
  /** For people: "CLIP-tiny", "owner/name", the dropped folder's name. */
  readonly name: string;
  /** Parsed config.json and preprocessor_config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly preprocess: unknown;
  /** Bytes of all its files, and how many of them are on this machine already. */
  readonly bytes: number;
  readonly present: number;
  /** As its card or config states it. */
  readonly licence: string | null;
  /** Whether what turns texts into numbers is among its files. */
  readonly tokenizer: boolean;
}

/** And what follows from its config.json. */
export interface ModelFacts extends Omit<ModelFound, "tokenizer"> {
  /** What kind it is: "CLIP", "ViT", "DINOv2". */
  readonly kind: string;
  /** Whether it has a text tower and its tokenizer, which make classifiers from class names. */
  readonly text: boolean;
}

/** What is known of a PEFT folder on the chosen model. */
export interface AdapterFacts {
  /** Stem of a file in src/adapters. */
  readonly method: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Trained numbers, with its head. */
  readonly parameters: number;
  readonly layers: number;
  /** It changes the text tower too. */
  readonly text: boolean;
  /** Classes of its linear head; 0 without one. */
  readonly classes: number;
}

export interface ExportOptions {
  /** "peft": an adapter folder. "merged": the whole model as transformers reads it. "onnx": the same as one ONNX file. */
  readonly form: "peft" | "merged" | "onnx";
  /** Whose module names a PEFT folder has. */
  readonly transformers: 4 | 5;
  /** Write RandLoRA's and VeRA's bases again under every module, as PEFT ≤ 0.20 does. */
  readonly perModule: boolean;
}

/** How the ONNX file compares with this program, on images of the run. */
export interface OnnxCheck {
  readonly images: number;
  /** Largest |difference| of a logit. */
  readonly difference: number;
  /** Milliseconds per image in onnxruntime-web, and here. */
  readonly onnxMs: number;
  readonly ownMs: number;
  /** What ran it: "wasm". */
  readonly provider: string;
}

/** The ONNX file is there, but onnxruntime-web did not run it. */
export interface OnnxUnchecked {
  /** Why, and what to do, in whole sentences. */
  readonly failed: string;
}

/** Analyses of the run that is there. Each is answered in parts, of which the last has `more` false, or "refused"; "cancel" ends it. */
export type PaperQuestion =
  /** Which directions the updates share, one layer a part. */
  | { readonly type: "overlap"; readonly id: number }
  /** CKA of the lanes and the model before training on so many validation images, one half of a block a part. */
  | { readonly type: "likeness"; readonly id: number; readonly images: number }
  /** Takes the weights of three lanes (-1: of the model before training) as they are now, in place of those it took before. */
  | { readonly type: "plane"; readonly id: number; readonly vertices: Vertices }
  /** Loss at some places of the plane whose "plane" had the id `plane`: shares of its three vertices, one place a part. */
  | { readonly type: "heights"; readonly id: number; readonly plane: number; readonly shares: readonly Shares[] };

/** Where three solutions lie, and what their surface is measured on. */
export interface PlaneFacts extends Plane {
  readonly vertices: Vertices;
  /** Training images. */
  readonly images: number;
}

interface Part {
  readonly id: number;
  /** The step whose weights were looked at. */
  readonly step: number;
  readonly done: number;
  readonly all: number;
  readonly more: boolean;
}

export type PaperAnswer =
  | (Part & { readonly type: "overlap"; readonly layer: LayerOverlap })
  /** `images`: how many there were. */
  | (Part & { readonly type: "likeness"; readonly images: number; readonly half: HalfLikeness })
  | (Part & { readonly type: "plane"; readonly plane: PlaneFacts })
  /** Of the place `done` - 1. */
  | (Part & { readonly type: "heights"; readonly height: Height });

export type ToWorker =
  | PaperQuestion
  /** The dataset's arrays are copied, so that the page keeps them whatever happens to the worker. */
  | {
      readonly type: "start";
      readonly config: RunConfig;
      readonly dataset: Dataset;
      /** Begin paused, before step 1. */
      readonly paused: boolean;
      readonly sources: Sources;
      /** Files of the adapters that lanes begin with, by the name in LaneConfig.adapter. */
      readonly adapters: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;
    }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  /** One step, then paused again. */
  | { readonly type: "step" }
  /** Ends the run now; its results stay. */
  | { readonly type: "stop" }
  /** Frees the run. */
  | { readonly type: "reset" }
  /** (size, size, 3) RGB of one image, prepared like the dataset's. */
  | { readonly type: "predict"; readonly id: number; readonly pixels: Uint8Array }
  /** Where every lane looks in such an image. Answered by "attention" or "refused". */
  | { readonly type: "attention"; readonly id: number; readonly pixels: Uint8Array }
  /** What the head sees of some images of the run's dataset. Answered by "embeddings" or "refused". */
  | { readonly type: "embed"; readonly id: number; readonly images: Uint32Array }
  /** What training would see of some images; needs no run. Answered by "seen" or "refused". */
  | { readonly type: "look"; readonly id: number; readonly look: Look }
  /** Looks a model up: reads its small files and the sizes of the others. Answered by "model" or "refused". */
  | { readonly type: "inspect"; readonly id: number; readonly model: string; readonly sources: Sources }
  /** Fetches a model's files into the browser's storage. Answered by "fetched" messages, the last one with done = all, or "refused". */
  | { readonly type: "fetch"; readonly id: number; readonly model: string; readonly sources: Sources }
  /** Stops a fetch, of which what has arrived is kept for the next one, or an analysis. */
  | { readonly type: "cancel"; readonly id: number }
  /** Looks at a PEFT folder. Answered by "adapter" or "refused". */
  | {
      readonly type: "adapter";
      readonly id: number;
      readonly files: ReadonlyMap<string, Uint8Array>;
      readonly config: Readonly<Record<string, unknown>>;
    }
  /** Writes a lane of the run that is there, running, paused or done. Answered by "exported" or "refused". */
  | { readonly type: "export"; readonly id: number; readonly lane: number; readonly options: ExportOptions };

export type FromWorker =
  | PaperAnswer
  | { readonly type: "event"; readonly event: RunEvent }
  | { readonly type: "prediction"; readonly id: number; readonly prediction: Prediction }
  /** Both of one moment: after `step`. */
  | { readonly type: "attention"; readonly id: number; readonly step: number; readonly maps: AttentionMaps }
  | { readonly type: "embeddings"; readonly id: number; readonly step: number; readonly embeddings: Embeddings }
  /** (size, size, 3) RGB of each. */
  | { readonly type: "seen"; readonly id: number; readonly images: readonly Uint8Array[] }
  | { readonly type: "model"; readonly id: number; readonly found: ModelFound }
  | { readonly type: "fetched"; readonly id: number; readonly done: number; readonly all: number; readonly file: string }
  | { readonly type: "adapter"; readonly id: number; readonly facts: AdapterFacts }
  | {
      readonly type: "exported";
      readonly id: number;
      /** File name → bytes, to be put into a zip. */
      readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
      readonly check?: OnnxCheck | OnnxUnchecked;
    }
  | { readonly type: "refused"; readonly id: number; readonly fault: Fault };
