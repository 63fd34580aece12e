/** The images of this tab outlive it: every change to them is kept, and a reload finds them as they were. */
import { claim, enter, forget, keep, keptBytes, recall, type Shelved, shelved, canKeep as staysOnDisk, tidy } from "../data/shelf.ts";
import { clearImages, loadSample, showKept, useImages } from "./images.ts";
import { useSetup } from "./setup.ts";

/** In the session's storage: which of the kept datasets this tab has. */
const OPEN = "fullrank-images";
const SAMPLE = "sample-";

/** The dataset that this tab writes. */
interface Own {
  readonly id: string;
  readonly set: number;
  /** Null when another tab writes it. */
  readonly release: Promise<(() => void) | undefined>;
}
let own: Own | undefined;
/** What was kept or found last. */
let last: unknown = null;
let saving: Promise<void> | undefined;

/** Brings back what this tab had, else the newest images of this person's own; a sample set in the address comes first. */
export async function keepImages(): Promise<void> {
  useImages.subscribe(follow);
  useSetup.subscribe(({ sample }, before) => sample !== before.sample && follow());
  const { sample } = useSetup.getState();
  await enter();
  const id = sample === null ? (sessionStorage.getItem(OPEN) ?? (await newest())) : SAMPLE + sample;
  if (useImages.getState().dataset || useImages.getState().importing) return;
  if ((id !== undefined && (await openKept(id))) || sample === null) return;
  await loadSample(sample);
}

async function newest(): Promise<string | undefined> {
  return (await shelved().catch(() => [])).find(({ sample }) => sample === null)?.id;
}

/** Shows a kept dataset in place of what is there. Whether it could be read. */
export async function openKept(id: string): Promise<boolean> {
  try {
    const kept = await recall(id);
    if (!kept) return false;
    let: {
      const set = useImages.getState().set + 1;
      own = { id, set, release: claim(id) };
      last = kept.dataset;
      break let;
    }
    if (kept.sample !== useSetup.getState().sample) useSetup.getState().setSample(kept.sample);
    if (kept.sample === null) sessionStorage.setItem(OPEN, id);
    await showKept(kept.dataset, kept.prepared);
    return true;
  } catch {
    return false;
  }
}
