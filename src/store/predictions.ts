/** Images whose class every lane is asked for, and asked again as the lanes learn. */
import { create } from "zustand";
import type { Dataset } from "../data/dataset.ts";
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
  /** The image that is looked at by itself. */
  readonly opened: Asked | null;
  /** Why the last files could not be asked about. */
  readonly problem: string | null;
}

const MAX_ASKED = 4;
let lastId = 0;

export const usePredictions = create<Predictions>()(() => ({ asked: [], opened: null, problem: null }));

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

/** Looks at one image of the race's dataset by itself. */
export async function openImage(dataset: Dataset, image: number): Promise<void> {
  const [pixels] = await readPixels(dataset, [image]);
  if (!pixels) return;
  const truth = dataset.classes[dataset.labels[image] ?? -1] ?? null;
  const opened = { id: ++lastId, name: dataset.sources[image] ?? "", pixels, size: dataset.size, truth, answer: null };
  usePredictions.setState({ opened });
  void answer(opened);
}

export const closeImage = (): void => usePredictions.setState({ opened: null });

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
        // It was an image of the run that is gone.
        opened: null,
      }));
    }
    const anew = race.validations.length !== before.validations.length || (race.phase !== before.phase && race.phase === "done");
    const { asked, opened } = usePredictions.getState();
    if (anew) for (const item of opened ? [opened, ...asked] : asked) void answer(item);
  });
}

async function answer({ id, pixels, size }: Asked): Promise<void> {
  const { phase, config, step, dataset } = useRace.getState();
  if (!canAnswer(phase) || size !== dataset?.size) return;
  const prediction = await predict(pixels);
  if (!prediction || useRace.getState().config !== config) return;
  const answered = (item: Asked) => (item.id === id ? { ...item, answer: { step, prediction } } : item);
  usePredictions.setState(({ asked, opened }) => ({ asked: asked.map(answered), opened: opened && answered(opened) }));
}

export function canAnswer(phase: Phase): boolean {
  return phase === "training" || phase === "paused" || phase === "done";
}
