/** A run: one plain JSON config and the events it produces. The config is the URL hash, the report's header and the worker's start command. */
import type { Split } from "../data/dataset.ts";
import type { Amount } from "../data/split.ts";
import type { Fault } from "../gpu/device.ts";
import type { Augment } from "./augment.ts";
import type { Targets } from "./catalog.ts";

export interface LaneConfig {
  /** Stem of a file in src/adapters: "lora", "randlora". */
  readonly method: string;
  /** Values of that adapter's `fields`, by field name; absent ones take the field's default. */
  readonly settings: Readonly<Record<string, number>>;
  /** Peak learning rate of this lane. */
  readonly lr: number;
  /** Name of an imported adapter that the lane begins with. */
  readonly adapter?: string;
}

export interface RunConfig {
  readonly version: 1;
  /** A folder under public/models: "clip-tiny". On the Hub: "owner/name@revision". A dropped folder: "folder:name". */
  readonly model: string;
  /** How frozen matrices are kept on the GPU: as the checkpoint has them, or all in 16 bits. */
  readonly precision: "checkpoint" | "half";
  readonly seed: number;
  /** Share of each class held out for validation, 0 … 0.9. */
  readonly validation: number;
  /** Share of each class locked away for the last measurement, 0 … 0.5; the seed does not change who is in it. */
  readonly test: number;
  /** How much of what is left is trained on, drawn by the seed. */
  readonly amount: Amount;
  readonly head: { readonly kind: "text" /** holds "{class}" */; readonly template: string } | { readonly kind: "linear" };
  /** Which layers are adapted. With layers of the text tower the class prompts are embedded anew in every step. */
  readonly targets: Targets;
  readonly lanes: readonly LaneConfig[];
  readonly steps: number;
  readonly batch: number;
  /** Share of the steps in which the learning rate rises linearly; a cosine to zero follows. */
  readonly warmup: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradient; 0 switches clipping off. */
  readonly clip: number;
  readonly labelSmoothing: number;
  /** How training images are seen anew in every step. */
  readonly augment: Augment;
  /** Whether every class counts the same in the loss, however many images it has. */
  readonly balance: boolean;
}

/** What a lane answered for every image of a part of the split, in the split's order. */
export interface Answers {
  /** (n) The most likely class. */
  readonly predicted: Uint32Array;
  /** (n) Its probability. */
  readonly confidence: Float32Array;
  /** (n) The probability of the class that the image has. */
  readonly truth: Float32Array;
}

export interface LaneScore {
  readonly loss: number;
  readonly accuracy: number;
  readonly correct: number;
  readonly answers: Answers;
}

export interface Memory {
  /** Bytes on the GPU. */
  readonly weights: number;
  readonly activations: number;
  /** Per lane: trainables, their gradients and AdamW's two moments. */
  readonly lanes: readonly { readonly trainable: number; readonly optimizer: number; readonly frozen: number }[];
}

/** The update of one adapted layer: singular values of ΔW and what follows from them. */
export interface LayerRank {
  /** "vision_model.encoder.layers.0.self_attn.q_proj" */
  readonly path: string;
  readonly block: number;
  /** "q" … "fc2" */
  readonly target: string;
  /** Descending. */
  readonly singularValues: Float32Array;
  /** exp(entropy of σ / Σσ). NaN while ΔW is zero. */
  readonly effectiveRank: number;
  /** ‖ΔW‖_F² / σ₁² */
  readonly stableRank: number;
  /** How many σ exceed 1 % of σ₁. */
  readonly above1Percent: number;
}

export type RunEvent =
  | { readonly type: "status"; readonly text: string /** 0 … 1 where known */; readonly progress?: number }
  | {
      readonly type: "ready";
      readonly gpu: string;
      readonly software: boolean;
      readonly memory: Memory;
      /** `exported`: the file of weights that the lane would leave as, and its bytes. */
      readonly lanes: readonly {
        readonly parameters: number;
        readonly way: string;
        readonly exported: { readonly form: "peft" | "merged"; readonly bytes: number };
      }[];
      readonly split: Split;
    }
  /** Steps that have finished: `steps[i]` (1-based) has `losses[lane][i]`. */
  | {
      readonly type: "steps";
      readonly steps: readonly number[];
      readonly losses: readonly (readonly number[])[];
      readonly accuracies: readonly (readonly number[])[];
      readonly gradNorms: readonly (readonly number[])[];
      /** How many gradients were NaN or infinite; such a step changes nothing. */
      readonly notFinite: readonly (readonly number[])[];
      /** Milliseconds of one step of each lane, over the steps since the last event. */
      readonly msPerStep: readonly number[];
      readonly imagesPerSecond: number;
    }
  /** Step 0 is before the first step: for a text head the zero-shot accuracy. */
  | { readonly type: "validation"; readonly step: number; readonly lanes: readonly LaneScore[] }
  /**
   * Once, after the last step, where images are kept for it. `before`: accuracy on the same images before training, where all lanes
   * began with the model as it is and its head was there already; else null.
   */
  | { readonly type: "test"; readonly step: number; readonly lanes: readonly LaneScore[]; readonly before: number | null }
  | { readonly type: "rank"; readonly step: number; readonly lane: number; readonly layers: readonly LayerRank[] }
  | { readonly type: "paused"; readonly step: number }
  | { readonly type: "resumed"; readonly step: number }
  /** `fingerprints`: SHA-256 of each lane's trainables. The same settings, images and GPU give the same ones. */
  | { readonly type: "done"; readonly step: number; readonly stopped: boolean; readonly fingerprints: readonly string[] }
  /** The run cannot go on. `kept` says what is not lost. */
  | { readonly type: "failed"; readonly fault: Fault; readonly lane?: number; readonly step?: number };

export interface Prediction {
  /** Per lane, probabilities by class. */
  readonly lanes: readonly Float32Array[];
  /** Probabilities of the model before training; a linear head has none. */
  readonly before?: Float32Array;
}
