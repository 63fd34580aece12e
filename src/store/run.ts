/** The state of a run: one pure reducer over its events. */
import type { Dataset, Split } from "../data/dataset.ts";
import type { Fault } from "../gpu/device.ts";
import type { LaneScore, LayerRank, Memory, RunConfig, RunEvent } from "../train/run.ts";
import { type RankMoment, remember } from "./ranks.ts";

export type Phase = "idle" | "starting" | "training" | "paused" | "done" | "failed";

export interface Validation {
  readonly step: number;
  readonly images: number;
  readonly lanes: readonly { readonly loss: number; readonly accuracy: number; readonly correct: number }[];
}

export interface LaneRun {
  readonly parameters: number;
  /** As it would leave: an adapter, or the whole model where no adapter can say what it changes. Bytes of the weights' file. */
  readonly exported: { readonly form: "peft" | "merged"; readonly bytes: number };
  /** How the engine runs it: on the activations or on the weight. */
  readonly way: string;
  readonly msPerStep: number | null;
  readonly loss: number | null;
  /** The update after `step`, newest. */
  readonly rank: { readonly step: number; readonly layers: readonly LayerRank[] } | null;
  /** How its ranks came about, oldest first; of a long run a thinned selection. */
  readonly history: readonly RankMoment[];
}

export interface RunState {
  readonly phase: Phase;
  /** What this run was started with; the settings on the page may have moved on. */
  readonly config: RunConfig | null;
  /** The images that it runs on, likewise. */
  readonly dataset: Dataset | null;
  readonly status: { readonly text: string; readonly progress: number | null } | null;
  readonly gpu: string;
  readonly software: boolean;
  readonly memory: Memory | null;
  readonly split: Split | null;
  readonly step: number;
  readonly imagesPerSecond: number | null;
  readonly lanes: readonly LaneRun[];
  readonly validations: readonly Validation[];
  /** What every lane answered at the newest measurement: the last validation, or the test after the last step. */
  readonly answers: { readonly part: "validation" | "test"; readonly step: number; readonly lanes: readonly LaneScore[] } | null;
  /** Accuracy on the test images before training, once they are measured; null where it is not known. */
  readonly before: number | null;
  /** SHA-256 of each lane's trainables, once the run has ended. */
  readonly fingerprints: readonly string[];
  /** Ended by the person, before its last step. */
  readonly stopped: boolean;
  readonly fault: (Fault & { readonly lane: number | null; readonly step: number | null }) | null;
}

export type RunAction =
  | {
      readonly type: "start";
      readonly config: RunConfig;
      readonly dataset: Dataset;
    }
  | { readonly type: "reset" }
  | RunEvent;

export const IDLE: RunState = {
  phase: "idle",
  fingerprints: [],
  config: null,
  dataset: null,
  status: null,
  gpu: "",
  software: false,
  memory: null,
  split: null,
  step: 0,
  imagesPerSecond: null,
  lanes: [],
  validations: [],
  answers: null,
  before: null,
  stopped: false,
  fault: null,
};

export function reduce(state: RunState, action: RunAction): RunState {
  if (action.type === "start") return start(action);
  if (action.type === "reset") return IDLE;
  // What a run that was reset or replaced still had under way must not touch the next one.
  if (!accepts(state, action)) return state;
  switch (action.type) {
    case "status":
      return { ...state, status: { text: action.text, progress: action.progress ?? null } };
    case "ready":
      return {
        ...state,
        phase: "training",
        gpu: action.gpu,
        software: action.software,
        memory: action.memory,
        split: action.split,
        lanes: action.lanes.map((lane) => ({ ...lane, msPerStep: null, loss: null, rank: null, history: [] })),
      };
    case "steps":
      return {
        ...state,
        status: null,
        step: action.steps.at(-1) ?? state.step,
        imagesPerSecond: action.imagesPerSecond,
        lanes: state.lanes.map((lane, index) => ({
          ...lane,
          loss: action.losses[index]?.at(-1) ?? lane.loss,
          msPerStep: action.msPerStep[index] ?? lane.msPerStep,
        })),
      };
    case "validation": {
      const { step, lanes } = action;
      const earlier = state.validations.filter((validation) => validation.step < step);
      const measured = { step, images: state.split?.validation.length ?? 0, lanes: lanes.map(({ answers: _, ...score }) => score) };
      return { ...state, status: null, validations: [...earlier, measured], answers: { part: "validation", step, lanes } };
    }
    case "test":
      return { ...state, status: null, before: action.before, answers: { part: "test", step: action.step, lanes: action.lanes } };
    case "rank":
      return {
        ...state,
        lanes: state.lanes.map((lane, index) =>
          index === action.lane
            ? { ...lane, rank: { step: action.step, layers: action.layers }, history: remember(lane.history, action) }
            : lane,
        ),
      };
    case "paused":
      return { ...state, phase: "paused", status: null, step: action.step };
    case "resumed":
      return { ...state, phase: "training", status: null, step: action.step };
    case "done":
      return { ...state, phase: "done", status: null, step: action.step, stopped: action.stopped, fingerprints: action.fingerprints };
    case "failed":
      return {
        ...state,
        phase: "failed",
        status: null,
        fault: { ...action.fault, lane: action.lane ?? null, step: action.step ?? null },
      };
  }
}

function start({ type: _, ...given }: Extract<RunAction, { type: "start" }>): RunState {
  return { ...IDLE, ...given, phase: "starting", status: { text: "Opening the graphics device", progress: null } };
}

function accepts({ phase }: RunState, { type }: RunEvent): boolean {
  if (phase === "idle" || phase === "failed") return false;
  if (phase === "starting") return type === "status" || type === "ready" || type === "failed";
  // The last validation and the last spectra may come after the run's end.
  if (phase === "done") return type === "validation" || type === "test" || type === "rank" || type === "failed";
  return type !== "ready";
}

/** Whether every lane begins with the model as it is, and names are its only classes. */
export function isZeroShot({ head, lanes }: RunConfig): boolean {
  return head.kind === "text" && lanes.every(({ adapter }) => adapter === undefined);
}

/** The validation before the first step: for a text head, what the model knows without training. */
export function zeroShot({ validations }: RunState): Validation | undefined {
  return validations.find(({ step }) => step === 0);
}

/** Seconds that all lanes take for a step; null while none has been timed. */
export function secondsPerStep({ lanes }: Pick<RunState, "lanes">): number | null {
  const all = lanes.reduce<number | null>((sum, { msPerStep }) => (sum === null || msPerStep === null ? null : sum + msPerStep), 0);
  return all === null || lanes.length === 0 ? null : all / 1000;
}

/** Whether its rank was measured and there is no matrix that it changes. */
export function changesNoMatrix(rank: LaneRun["rank"] | undefined): boolean {
  return rank?.layers.length === 0;
}

/** Mean over the adapted layers of the newest update; null while it is zero everywhere. */
export function meanRank(lane: Pick<LaneRun, "rank"> | undefined): { effective: number; stable: number; above: number } | null {
  const layers = lane?.rank?.layers.filter(({ effectiveRank }) => Number.isFinite(effectiveRank)) ?? [];
  if (layers.length === 0) return null;
  const mean = (pick: (layer: LayerRank) => number) => layers.reduce((sum, layer) => sum + pick(layer), 0) / layers.length;
  return {
    effective: mean((layer) => layer.effectiveRank),
    stable: mean((layer) => layer.stableRank),
    above: mean((layer) => layer.above1Percent),
  };
}
