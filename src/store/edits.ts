/** The history of the images: every change has a name, can be taken back, and made again. */
import { create } from "zustand";
import type { Dataset, ImportReport, Preprocess } from "../data/dataset.ts";
import type { Bench } from "../data/edit.ts";
import { useImages } from "./images.ts";
import { useSetup } from "./setup.ts";

/** Everything that an edit changes. Datasets share their pixels, so a state costs some 20 bytes for each image. */
interface State {
  readonly dataset: Dataset | null;
  /** See `useImages`. */
  readonly set: number;
  readonly prepared: Preprocess | null;
  readonly report: ImportReport | null;
  readonly bin: Dataset | null;
  readonly sample: string | null;
}

interface Step {
  /** What undoing it takes back: "delete 12 images". */
  readonly name: string;
  /** Before it, or for a step that was undone, after it. */
  readonly state: State;
}

interface Edits {
  /** The newest last. */
  readonly past: readonly Step[];
  readonly future: readonly Step[];
  /** Images that were deleted from the set that is there. */
  readonly bin: Dataset | null;
  /** What was done last, for people. */
  readonly said: string;
}

const STEPS = 50;

export const useEdits = create<Edits>()(() => ({ past: [], future: [], bin: null, said: "" }));

let moving = false;

/**
 * Changes the images in one step that can be undone. Nothing is remembered where nothing changed.
 * @param name as in "Undo: delete 12 images"
 */
export function edit(name: string, change: (bench: Bench) => Bench): void {
  const before = now();
  if (!before.dataset) return;
  const after = change({ dataset: before.dataset, bin: before.bin });
  if (after.dataset === before.dataset) return;
  remember({ name, state: before }, `Done: ${name}.`);
  // A sample set that was edited is one's own: other files join it.
  become({ ...before, bin: after.bin, dataset: after.dataset.classes.length > 0 ? after.dataset : null, sample: null });
}

export function undo(): void {
  step("past", "future", "Undone");
}

export function redo(): void {
  step("future", "past", "Done again");
}

function step(from: "past" | "future", to: "past" | "future", word: string): void {
  const edits = useEdits.getState();
  const last = edits[from].at(-1);
  // What is being read is added to the images that are there.
  if (!last || useImages.getState().importing) return;
  const here = { name: last.name, state: now() };
  useEdits.setState({ [from]: edits[from].slice(0, -1), [to]: [...edits[to], here], said: `${word}: ${last.name}.` });
  become(last.state);
}

/** When what it could bring back has been removed from the browser's storage. */
export function forgetHistory(): void {
  useEdits.setState({ past: [], future: [], bin: null, said: "" });
}

/** Makes a step of every change that comes from elsewhere: an import, a sample set, images cleared. */
export function followImages(): () => void {
  return useImages.subscribe(({ dataset }, { dataset: before, set, prepared, report }) => {
    if (moving || dataset === before) return;
    const { past, bin } = useEdits.getState();
    const joined = before !== null && dataset !== null && continues(dataset, before);
    // Nothing is lost where nothing was.
    if (before || past.length > 0) {
      const state = { dataset: before, set, prepared, report, bin, sample: useSetup.getState().sample };
      remember({ name: nameOf(dataset, before, joined), state }, "");
    }
    if (!joined) useEdits.setState({ bin: null });
  });
}

function nameOf(dataset: Dataset | null, before: Dataset | null, joined: boolean): string {
  if (!dataset) return "clear the images";
  if (before && before.size !== dataset.size && before.sources.at(-1) === dataset.sources.at(-1)) return "prepare the images anew";
  const added = dataset.labels.length - (joined ? (before?.labels.length ?? 0) : 0);
  return `import ${added === 1 ? "one image" : `${added} images`}`;
}

/** Whether images were added behind those of before. */
function continues(dataset: Dataset, before: Dataset): boolean {
  const last = before.labels.length - 1;
  return dataset.size === before.size && last < dataset.labels.length && dataset.sources[last] === before.sources[last];
}

function now(): State {
  const { dataset, set, prepared, report } = useImages.getState();
  return { dataset, set, prepared, report, bin: useEdits.getState().bin, sample: useSetup.getState().sample };
}

function remember(step: Step, said: string): void {
  useEdits.setState(({ past }) => ({ past: [...past, step].slice(-STEPS), future: [], said }));
}

function become({ bin, sample, ...images }: State): void {
  // A sample set that was edited still shows the same; other images bring their prompt.
  const other = sample !== null || images.set !== useImages.getState().set;
  moving = true;
  try {
    useEdits.setState({ bin });
    useImages.setState(images);
    if (other) useSetup.getState().suggestPrompt(sample);
    useSetup.getState().setSample(sample);
  } finally {
    moving = false;
  }
}
