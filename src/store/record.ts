/** A run as one JSON file: what was asked for and what came out. */

import { useRace } from "./race.ts";
import { save } from "./save.ts";

export function exportRun(): void {
  const {
    config,
    dataset,
    gpu,
    software,
    memory,
    lanes,
    validations,
    points,
    step,
    phase,
    stopped,
    fingerprints,
    imagesPerSecond,
    split,
    answers,
  } = useRace.getState();
  if (!config) return;
  const record = {
    format: "fullrank-run",
    config,
    classes: dataset?.classes,
    device: { gpu, software },
    images: { train: split?.train.length, validation: split?.validation.length, test: split?.test.length },
    outcome: { step, phase, stopped, fingerprints },
    memory,
    imagesPerSecond,
    lanes: lanes.map(({ rank, ...lane }) => ({
      ...lane,
      rank: rank && {
        step: rank.step,
        layers: rank.layers.map((layer) => ({ ...layer, singularValues: Array.from(layer.singularValues) })),
      },
    })),
    validations,
    test: answers?.part === "test" ? answers.lanes.map(({ answers: _, ...score }) => score) : null,
    /** Thinned to what the chart draws; spikes are kept. */
    losses: points,
  };
  const json = new Blob([JSON.stringify(record, null, 1)], { type: "application/json" });
  save(json, `fullrank-${config.lanes.map(({ method }) => method).join("-")}-step${step}.json`);
}
