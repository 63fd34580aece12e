/** The race on the page: the engine that runs it, and what it reports, published a few times a second. */
import { create } from "zustand";
import type { Dataset } from "../data/dataset.ts";
import type { Fault } from "../gpu/device.ts";
import type { Prediction, RunConfig, RunEvent } from "../train/run.ts";
import { adapterFiles } from "./adopted.ts";
import { Engine } from "./engine.ts";
import { sourcesOf } from "./models.ts";
import { IDLE, type RunAction, type RunState, reduce } from "./run.ts";
import { type CurvePoint, Series } from "./series.ts";

const PUBLISH_MS = 200;

interface Race extends RunState {
  readonly points: readonly CurvePoint[];
  /** The step that was shown when Pause was pressed; null once it has taken effect, or was not asked for. */
  readonly pausing: number | null;
}

export const useRace = create<Race>()(() => ({ ...IDLE, points: [], pausing: null }));

const engine = new Engine({ onEvent: dispatch, onCrash: (fault) => dispatch({ type: "failed", fault }) });
let state = IDLE;
let series = new Series(0);
let published = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

const GONE: Fault = {
  kind: "input",
  what: "The run that this was asked of is gone.",
  kept: "Your images and your settings.",
  todo: "Train, then ask again.",
};

export function startRace(config: RunConfig, dataset: Dataset, paused: boolean): void {
  // A worker that failed may hold a lost device; a healthy one is kept.
  if (state.phase === "failed") engine.dismiss(GONE);
  engine.forget(GONE);
  series = new Series(config.lanes.length);
  dispatch({ type: "start", config, dataset });
  engine.send({ type: "start", config, dataset, paused, sources: sourcesOf(config.model), adapters: adapterFiles(config.lanes) });
}

/** The steps that are already on the GPU come to their end first. */
export function pauseRace(): void {
  useRace.setState({ pausing: state.step });
  engine.send({ type: "pause" });
}
export const resumeRace = () => engine.send({ type: "resume" });
export const stepRace = () => engine.send({ type: "step" });
export const stopRace = () => engine.send({ type: "stop" });

export function resetRace(): void {
  engine.send({ type: "reset" });
  if (state.phase === "failed" || state.phase === "starting") engine.dismiss(GONE);
  engine.forget(GONE);
  series = new Series(0);
  dispatch({ type: "reset" });
}

/** Asks the engine about the run that it has. Rejects with FaultError, also when the run ends before. */
export const askRace: Engine["ask"] = (question, options) => engine.ask(question, options);

/** Every lane's answer for one prepared image; undefined when the run ends before it comes. */
export async function predict(pixels: Uint8Array): Promise<Prediction | undefined> {
  const answer = await askRace({ type: "predict", pixels }).catch(() => undefined);
  return answer?.prediction;
}

function dispatch(action: RunAction): void {
  const before = state;
  state = reduce(state, action);
  if (state === before) return;
  if (action.type === "steps") record(action);
  if (state.phase !== before.phase) publish();
  else timer ??= setTimeout(publish, Math.max(0, published + PUBLISH_MS - performance.now()));
}

function record({ steps, losses }: RunEvent & { type: "steps" }): void {
  steps.forEach((step, index) => {
    series.push(
      step,
      losses.map((lane) => lane[index] ?? Number.NaN),
    );
  });
}

function publish(): void {
  clearTimeout(timer);
  timer = undefined;
  published = performance.now();
  const pausing = state.phase === "training" ? useRace.getState().pausing : null;
  useRace.setState({ ...state, points: series.points(), pausing });
}
