/** The race on the page: the worker that runs it, and what it reports, published a few times a second. */
import { create } from "zustand";
import type { Dataset } from "../data/dataset.ts";
import type { FromWorker, ToWorker } from "../train/protocol.ts";
import type { Prediction, RunConfig, RunEvent } from "../train/run.ts";
import { IDLE, type RunAction, type RunState, reduce } from "./run.ts";
import { type CurvePoint, Series } from "./series.ts";

const PUBLISH_MS = 200;

interface Race extends RunState {
  readonly points: readonly CurvePoint[];
}

export const useRace = create<Race>()(() => ({ ...IDLE, points: [] }));

let worker: Worker | undefined;
let state = IDLE;
let series = new Series(0);
let published = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let lastPrediction = 0;
const predictions = new Map<number, (prediction: Prediction | undefined) => void>();

export function startRace(config: RunConfig, dataset: Dataset, paused: boolean): void {
  // A worker that failed may hold a lost device; a healthy one is kept.
  if (state.phase === "failed") dismissWorker();
  forgetPredictions();
  series = new Series(config.lanes.length);
  dispatch({ type: "start", config, classes: dataset.classes });
  send({ type: "start", config, dataset, paused, models: new URL("models/", document.baseURI).href });
}

/** The steps that are already on the GPU come to their end first. */
export function pauseRace(): void {
  dispatch({ type: "status", text: "Pausing after the steps under way" });
  send({ type: "pause" });
}
export const resumeRace = () => send({ type: "resume" });
export const stepRace = () => send({ type: "step" });
export const stopRace = () => send({ type: "stop" });

export function resetRace(): void {
  send({ type: "reset" });
  if (state.phase === "failed" || state.phase === "starting") dismissWorker();
  forgetPredictions();
  series = new Series(0);
  dispatch({ type: "reset" });
}

/** Every lane's answer for one prepared image; undefined when the run ends before it comes. */
export function predict(pixels: Uint8Array): Promise<Prediction | undefined> {
  const id = ++lastPrediction;
  return new Promise((resolve) => {
    predictions.set(id, resolve);
    send({ type: "predict", id, pixels });
  });
}

function send(message: ToWorker): void {
  worker ??= openWorker();
  worker.postMessage(message);
}

function openWorker(): Worker {
  const opened = new Worker(new URL("../train/worker.ts", import.meta.url), { type: "module" });
  opened.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
    if (opened !== worker) return;
    if (data.type === "event") dispatch(data.event);
    else settle(data.id, data.prediction);
  });
  opened.addEventListener("error", (error) => {
    if (opened !== worker) return;
    const what = `The training worker stopped${error.message ? `: ${error.message}` : "."}`;
    dispatch({
      type: "failed",
      fault: {
        kind: "internal",
        what,
        kept: "Your images, your settings and the curves so far.",
        todo: "Train again. If it happens again, reload the page.",
      },
    });
  });
  return opened;
}

function dismissWorker(): void {
  worker?.terminate();
  worker = undefined;
}

/** What was asked of a run that is gone gets no answer. */
function forgetPredictions(): void {
  for (const id of predictions.keys()) settle(id, undefined);
}

function settle(id: number, prediction: Prediction | undefined): void {
  predictions.get(id)?.(prediction);
  predictions.delete(id);
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
  useRace.setState({ ...state, points: series.points() });
}
