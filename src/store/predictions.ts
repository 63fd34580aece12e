/** Images whose class every lane is asked for, and asked again as the lanes learn. */
import { create } from "zustand";
import { fromFiles } from "../data/folder.ts";
import { importImages } from "../data/importer.ts";
import { readPixels } from "../data/pixels.ts";
import type { Prediction } from "../train/run.ts";
import { preprocessOf } from "./models.ts";
import { predict, useRace } from "./race.ts";
import type { Phase } from "./run.ts";
import { useSetup } from "./setup.ts";

export interface Asked {
  readonly id: number;
  readonly name: string;
  /** (size, size, 3) as the model sees it. */
  readonly pixels: Uint8Array;
  readonly size: number;
  /** Its right class, where it is known. */
  readonly truth: string | null;
  readonly answer: { readonly step: number; readonly prediction: Prediction } | null;
}

interface Predictions {
  readonly asked: readonly Asked[];
  /** Why the last files could not be asked about. */
  readonly problem: string | null;
}

const MAX_ASKED = 4;
let lastId = 0;

export const usePredictions = create<Predictions>()(() => ({ asked: [], problem: null }));

export async function askFiles(files: Iterable<File>): Promise<void> {
  usePredictions.setState({ problem: null });
  try {
    // A race that is there answers with its own model, whatever was chosen since.
    const { model } = useRace.getState().config ?? useSetup.getState().config;
    const preprocess = await preprocessOf(model);
    const source = await fromFiles([...files].slice(0, MAX_ASKED), "asked");
    const { dataset, report } = await importImages(source, preprocess);
    const pixels = await readPixels(dataset, [...dataset.labels.keys()]);
    pixels.forEach((image, index) => {
      const name = (dataset.sources[index] ?? "").replace(/^asked\//, "");
      ask({ name, truth: null, size: dataset.size, pixels: image });
    });
    const refused = report.notes.find(({ outcome }) => outcome === "left out");
    if (refused) usePredictions.setState({ problem: `${refused.source}: ${refused.reason}.` });
  } catch (error) {
    usePredictions.setState({ problem: error instanceof Error ? error.message : String(error) });
  }
}

export function ask(image: Omit<Asked, "id" | "answer">): void {
  const item = { ...image, id: ++lastId, answer: null };
  usePredictions.setState(({ asked }) => ({ asked: [item, ...asked].slice(0, MAX_ASKED) }));
  void answer(item);
}

export function forget(id: number): void {
  usePredictions.setState(({ asked }) => ({
    asked: asked.filter((item) => item.id !== id),
  }));
}

/** Asks again whenever the lanes have been validated anew, and once they are ready. */
export function followRace(): () => void {
  return useRace.subscribe((race, before) => {
    if (race.config !== before.config) {
      usePredictions.setState(({ asked }) => ({
        asked: asked.filter(({ size }) => !race.config || size === race.dataset?.size).map((item) => ({ ...item, answer: null })),
      }));
    }
    const anew = race.validations.length !== before.validations.length || (race.phase !== before.phase && race.phase === "done");
    if (anew) for (const item of usePredictions.getState().asked) void answer(item);
  });
}

async function answer({ id, pixels, size }: Asked): Promise<void> {
  const { phase, config, step, dataset } = useRace.getState();
  if (!canAnswer(phase) || size !== dataset?.size) return;
  const prediction = await predict(pixels);
  if (!prediction || useRace.getState().config !== config) return;
  usePredictions.setState(({ asked }) => ({
    asked: asked.map((item) => (item.id === id ? { ...item, answer: { step, prediction } } : item)),
  }));
}

export function canAnswer(phase: Phase): boolean {
  return phase === "training" || phase === "paused" || phase === "done";
}
