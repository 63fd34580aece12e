/** The messages between the page and the training worker. The worker is the only bridge between engine and page. */
import type { Dataset } from "../data/dataset.ts";
import type { Prediction, RunConfig, RunEvent } from "./run.ts";

export type ToWorker =
  /** The dataset's arrays are copied, so that the page keeps them whatever happens to the worker. */
  | {
      readonly type: "start";
      readonly config: RunConfig;
      readonly dataset: Dataset;
      /** Begin paused, before step 1. */
      readonly paused: boolean;
      /** Address of the folder that holds the models' folders. */
      readonly models: string;
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
  | { readonly type: "predict"; readonly id: number; readonly pixels: Uint8Array };

export type FromWorker =
  | { readonly type: "event"; readonly event: RunEvent }
  | { readonly type: "prediction"; readonly id: number; readonly prediction: Prediction };
