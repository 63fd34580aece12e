/** What the lanes answered, image by image, for the views that look inside. */
import { useMemo } from "react";
import { create } from "zustand";
import type { Dataset } from "../data/dataset.ts";
import type { Answers, LaneConfig, RunConfig } from "../train/run.ts";
import { useRace } from "./race.ts";
import type { RunState } from "./run.ts";

/** The newest answers and the images that they are about: all of one run, whatever is on the page since. */
export interface Answered {
  /** Another object for every run. */
  readonly run: RunConfig;
  readonly part: "validation" | "test";
  readonly step: number;
  readonly dataset: Dataset;
  /** (n) Index in the dataset of each image that was asked about. */
  readonly images: Uint32Array;
  /** (n) Its label. */
  readonly truth: Uint32Array;
  readonly lanes: readonly { readonly config: LaneConfig; readonly answers: Answers }[];
}

/** Null before the first answers, and where no image was held out to ask about. */
export function answeredOf({
  answers,
  split,
  dataset,
  config,
}: Pick<RunState, "answers" | "split" | "dataset" | "config">): Answered | null {
  if (!answers || !split || !dataset || !config) return null;
  const { part, step } = answers;
  const images = split[part];
  if (images.length === 0) return null;
  const lanes = answers.lanes.flatMap((score, index) => {
    const lane = config.lanes[index];
    return lane ? [{ config: lane, answers: score.answers }] : [];
  });
  return { run: config, part, step, dataset, images, truth: images.map((image) => dataset.labels[image] as number), lanes };
}

export function useAnswered(): Answered | null {
  const [answers, split] = [useRace((race) => race.answers), useRace((race) => race.split)];
  const [dataset, config] = [useRace((race) => race.dataset), useRace((race) => race.config)];
  return useMemo(() => answeredOf({ answers, split, dataset, config }), [answers, split, dataset, config]);
}

/** Whether the classes were renamed, merged or removed since: the views keep those that the lanes learned. */
export function isRenamed(run: Pick<Dataset, "classes">, now: Pick<Dataset, "classes"> | null): boolean {
  return now !== null && (now.classes.length !== run.classes.length || now.classes.some((name, label) => name !== run.classes[label]));
}

/** The lane that the views look at; it stays when another view is opened. */
export const useLane = create<{ readonly lane: number }>()(() => ({ lane: 0 }));
export const chooseLane = (lane: number): void => useLane.setState({ lane });
