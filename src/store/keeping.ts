/** The images of this tab outlive it: every change to them is kept, and a reload finds them as they were. */
import type { Dataset } from "../data/dataset.ts";
import { canKeep, claim, claimed, enter, findSame, forget, keep, recall, type Shelved, shelved, tidy } from "../data/shelf.ts";
import { forgetHistory } from "./edits.ts";
import { clearImages, loadSample, showKept, useImages } from "./images.ts";
import { useSetup } from "./setup.ts";

/** In the session's storage: which of the kept datasets this tab has. */
const OPEN = "fullrank-images";
const SAMPLE = "sample-";

/** The dataset that this tab has. */
interface Own {
  readonly id: string;
  /** Images.set of it. */
  readonly set: number;
  /** Undefined when another tab writes it. */
  readonly release: Promise<(() => void) | undefined>;
}
let own: Own | undefined;
/** What was kept or found last. */
let last: unknown = null;
let saving: Promise<void> | undefined;

/** Brings back what this tab had, else the newest images of this person's own; a sample set in the address comes first. */
export async function keepImages(): Promise<void> {
  useImages.subscribe(({ dataset }, before) => dataset !== before.dataset && follow());
  const { sample } = useSetup.getState();
  await enter();
  const before = sessionStorage.getItem(OPEN);
  const id = sample === null ? (before ?? (await newest())) : SAMPLE + sample;
  const { dataset, importing } = useImages.getState();
  if (dataset || importing) return;
  const found = id !== undefined && (await openKept(id, id === before));
  if (!found && sample !== null) await loadSample(sample);
}

/** While the newest change to the images is on its way to where it outlives the page. */
export function isKeeping(): boolean {
  return saving !== undefined;
}

/** What is kept, the newest first, and which tab has it. */
export async function listKept(): Promise<readonly (Shelved & { readonly open: "here" | "elsewhere" | null })[]> {
  const [kept, open] = await Promise.all([shelved(), claimed()]);
  const mine = (await own?.release) ? own?.id : undefined;
  return kept.map((one) => ({ ...one, open: one.id === mine ? "here" : open.has(one.id) ? "elsewhere" : null }));
}

/** Shows a kept dataset in place of what is there. False when there is none, or it cannot be read any more. `again`: this tab had it. */
async function openKept(id: string, again: boolean): Promise<boolean> {
  const kept = await recall(id).catch(() => undefined);
  if (!kept) return false;
  const { dataset, prepared, sample } = kept;
  await letGo();
  last = dataset;
  own = { id, set: useImages.getState().set + 1, release: claim(id, again) };
  useSetup.getState().setSample(sample);
  if (sample === null) sessionStorage.setItem(OPEN, id);
  await showKept(dataset, prepared);
  return true;
}

/** Throws Error when it is open in another tab. What is on this page goes from it too. */
export async function removeKept(id: string): Promise<void> {
  if (own?.id === id) {
    clearImages();
    await saving;
  } else {
    const release = await claim(id);
    if (!release) throw new Error("These images are open in another tab: close it, then remove them.");
    await forget(id).finally(release);
  }
  if (useImages.getState().importing) return;
  forgetHistory();
  await tidy();
}

async function newest(): Promise<string | undefined> {
  return (await shelved().catch(() => [])).find(({ sample }) => sample === null)?.id;
}

/** Keeps the newest state, one after the other. A moment later, when the setup tells whether it is a sample set. */
function follow(): void {
  saving ??= new Promise<void>((resolve) => setTimeout(resolve)).then(save).finally(() => {
    saving = undefined;
    if (useImages.getState().dataset !== last) follow();
  });
}

async function save(): Promise<void> {
  const { dataset, prepared, set } = useImages.getState();
  const { sample } = useSetup.getState();
  if (dataset === last) return;
  last = dataset;
  try {
    if (!dataset) {
      if (!sample) sessionStorage.removeItem(OPEN);
      try {
        const mine = own;
        if (mine && (await mine.release)) await forget(mine.id);
      } finally {
        await letGo();
      }
      return;
    }
    if (!prepared || !canKeep(dataset.pixels)) return;
    const id = await ownId(dataset, set, sample);
    if (id === undefined) return;
    await keep({ id, dataset, prepared, sample, at: Date.now() });
    if (sample === null) sessionStorage.setItem(OPEN, id);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const fault = dataset
      ? {
          what: `The images could not be kept for a later visit (${why}).`,
          kept: "The images on this page, while it is open.",
          todo: "Remove what you do not need from this page's storage.",
        }
      : {
          what: `The images could not be removed from this page's storage (${why}).`,
          kept: "What the storage holds of them.",
          todo: "Open the storage and remove them there.",
        };
    useImages.setState({ fault: { kind: "input", ...fault } });
  }
}

/**
 * The id to keep this tab's images under; undefined for a sample set that another tab keeps already. What is imported again takes the
 * place of what is kept of it, unless another tab has that open and may be editing it.
 */
async function ownId(dataset: Dataset, set: number, sample: string | null): Promise<string | undefined> {
  const id = sample === null ? undefined : SAMPLE + sample;
  // A sample set that was changed is one of the person's own.
  const same = own?.set === set && (id === undefined ? !own.id.startsWith(SAMPLE) : own.id === id);
  if (own && same && (await own.release)) return own.id;
  await letGo();
  const again = id ?? (await findSame(dataset));
  if (again !== undefined && (await take(again, set))) return again;
  return id === undefined && (await take(crypto.randomUUID(), set)) ? own?.id : undefined;
}

/** Makes a kept dataset, or one that is to be kept, this tab's own. False while another tab has it. */
async function take(id: string, set: number): Promise<boolean> {
  const mine: Own = { id, set, release: claim(id) };
  own = mine;
  return (await mine.release) !== undefined;
}

async function letGo(): Promise<void> {
  const before = own;
  own = undefined;
  (await before?.release)?.();
}
