/** What the head sees of images before and after training, and that laid out in a plane. */
import { create } from "zustand";
import type { Projection, ProjectionRequest } from "../analysis/projection.ts";
import { projectApart } from "../analysis/projector.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Fault } from "../gpu/device.ts";
import type { Embeddings } from "../train/embedding.ts";
import type { RunConfig } from "../train/run.ts";
import { faultFrom } from "./engine.ts";
import type { Answered } from "./inside.ts";
import { askRace, useRace } from "./race.ts";

/** Features of one moment of a run. */
export interface Embedded {
  readonly run: RunConfig;
  readonly part: Answered["part"];
  readonly step: number;
  readonly dataset: Dataset;
  /** (n) Index in the dataset, and label, of each image. */
  readonly images: Uint32Array;
  readonly labels: Uint32Array;
  readonly features: Embeddings;
}

export type Kind = ProjectionRequest["kind"];

interface State {
  readonly embedded: Embedded | null;
  /** The newest layout, of which lane and kind. */
  readonly laid: { readonly of: Embedded; readonly lane: number; readonly kind: Kind; readonly projection: Projection } | null;
  readonly busy: { readonly text: string; readonly share: number | null } | null;
  readonly fault: Fault | null;
}

const EMPTY: State = { embedded: null, laid: null, busy: null, fault: null };
export const useEmbeddings = create<State>()(() => EMPTY);

/** Images that are embedded at most: as many points as can still be told apart. */
const MOST = 2000;
const KEPT = "The run, your images and your settings.";
const layouts = new WeakMap<Embedded, Map<string, Projection>>();
let abort = new AbortController();

// Features of a run that is gone are of other images, or of other weights.
useRace.subscribe((race, before) => {
  if (race.config === before.config) return;
  abort.abort();
  useEmbeddings.setState(EMPTY);
});

/** Every k-th of the images that were asked about, so that all classes are among them. */
export function chosenImages(images: Uint32Array, most = MOST): Uint32Array {
  const count = Math.min(images.length, most);
  return Uint32Array.from({ length: count }, (_, i) => images[Math.floor((i * images.length) / count)] as number);
}

export async function embed({ run, part, dataset, images: asked }: Answered): Promise<void> {
  const images = chosenImages(asked);
  const signal = begin("Embedding the images by every lane");
  try {
    const { embeddings, step } = await askRace({ type: "embed", images }, { signal });
    const labels = images.map((image) => dataset.labels[image] as number);
    useEmbeddings.setState({ embedded: { run, part, step, dataset, images, labels, features: embeddings }, busy: null });
  } catch (error) {
    fail(signal, error);
  }
}

/** Lays out the features of a lane beside those of the model before training. */
export async function layOut(lane: number, kind: Kind): Promise<void> {
  const { embedded, laid } = useEmbeddings.getState();
  const after = embedded?.features.lanes[lane];
  if (!embedded || !after || (laid?.of === embedded && laid.lane === lane && laid.kind === kind)) return;
  const { width, before } = embedded.features;
  const { labels, run } = embedded;
  const known = layouts.get(embedded) ?? new Map<string, Projection>();
  layouts.set(embedded, known);
  const text = kind === "pca" ? "Finding the principal components" : "Laying out by UMAP";
  const signal = begin(text);
  try {
    const onProgress = (share: number) => !signal.aborted && useEmbeddings.setState({ busy: { text, share } });
    const projection =
      known.get(`${kind} ${lane}`) ?? (await projectApart({ kind, before, after, width, labels, seed: run.seed }, onProgress, signal));
    known.set(`${kind} ${lane}`, projection);
    if (!signal.aborted) useEmbeddings.setState({ laid: { of: embedded, lane, kind, projection }, busy: null });
  } catch (error) {
    fail(signal, error);
  }
}

/** What was under way before is not waited for any more. */
function begin(text: string): AbortSignal {
  abort.abort();
  abort = new AbortController();
  useEmbeddings.setState({ busy: { text, share: null }, fault: null });
  return abort.signal;
}

function fail(signal: AbortSignal, error: unknown): void {
  if (!signal.aborted) useEmbeddings.setState({ busy: null, fault: faultFrom(error, KEPT, "Try again.") });
}
