/** The images on the page: what is imported, and what an import says. */
import { create } from "zustand";
import type { Imported, ImportOptions, Progress } from "../data/collect.ts";
import type { Dataset, ImportReport, Note, Preprocess } from "../data/dataset.ts";
import { pickImages, takeOver } from "../data/edit.ts";
import { fromFiles } from "../data/folder.ts";
import { importImages } from "../data/importer.ts";
import { prepareAgain } from "../data/original.ts";
import { lostPixels } from "../data/pixels.ts";
import { openSample, SAMPLES } from "../data/samples.ts";
import { enter } from "../data/shelf.ts";
import type { Source } from "../data/source.ts";
import type { Fault } from "../gpu/device.ts";
import { faultFrom } from "./engine.ts";
import { preprocessOf, samePixels } from "./models.ts";
import { useSetup } from "./setup.ts";

interface Images {
  readonly dataset: Dataset | null;
  /** Raised when other images take the place of those that are here; a change to them leaves it as it is. */
  readonly set: number;
  /** How its images were prepared. */
  readonly prepared: Preprocess | null;
  /** Of the newest import. */
  readonly report: ImportReport | null;
  /** While files are read. */
  readonly importing: (Omit<Progress, "fresh"> & { readonly name: string }) | null;
  /** The newest images of a running import, (size, size, 3) each. */
  readonly fresh: readonly Uint8Array[];
  readonly fault: Fault | null;
}

export const useImages = create<Images>()(() => ({
  dataset: null,
  set: 0,
  prepared: null,
  report: null,
  importing: null,
  fresh: [],
  fault: null,
}));

const FRESH = 12;
let abort: AbortController | undefined;

/** Folders, zips and files, into `className` where it is given and else into the class of their folder. */
export function importFiles(files: Iterable<File>, className?: string): Promise<void> {
  return takeOwn(fromFiles([...files], className), className !== undefined);
}

/** What was dropped, listed already. */
export function importListed(source: Promise<Source>, className?: string): Promise<void> {
  return takeOwn(source, className !== undefined);
}

export async function loadSample(id: string): Promise<void> {
  const sample = SAMPLES.find((known) => known.id === id);
  if (!sample) {
    useSetup.setState({ notices: ["The link names a sample set that this page does not have."], sample: null });
    return;
  }
  if (!(await take(sample.title, openSample(sample)))) return;
  useSetup.getState().suggestPrompt(id);
  useSetup.getState().setSample(id);
}

export function cancelImport(): void {
  abort?.abort();
}

/** What is being read is not wanted any more either. */
export function clearImages(): void {
  abort?.abort();
  abort = undefined;
  useSetup.getState().suggestPrompt(null);
  useSetup.getState().setSample(null);
  useImages.setState({ dataset: null, report: null, importing: null, fresh: [], fault: null });
}

export function dismissImportFault(): void {
  useImages.setState({ fault: null });
}

async function takeOwn(source: Promise<Source>, intoClass = false): Promise<void> {
  const { sample, config } = useSetup.getState();
  const { dataset } = useImages.getState();
  // Someone's own folder replaces a sample set and joins their other images.
  const into = dataset && (sample === null || intoClass) ? await fitting(dataset, config.model) : undefined;
  if (!(await take("your images", source, into))) return;
  if (!into) useSetup.getState().suggestPrompt(null);
  useSetup.getState().setSample(null);
}

/** The images that are there as the model wants them; undefined where they were prepared otherwise, and cannot be again. */
async function fitting(dataset: Dataset, model: string): Promise<Dataset | undefined> {
  const { prepared } = useImages.getState();
  const wanted = await preprocessOf(model).catch(() => null);
  if (!prepared || !wanted || samePixels(prepared, wanted)) return dataset;
  if (!dataset.files) return undefined;
  await prepareImages(wanted);
  const { prepared: now, dataset: again } = useImages.getState();
  return again && now && samePixels(now, wanted) ? again : undefined;
}

/** Whether images came in. */
async function take(name: string, opening: Promise<Source>, into?: Dataset): Promise<boolean> {
  opening.catch(() => undefined); // told below
  const { signal, onProgress } = begin(name);
  try {
    await enter();
    const [source, preprocess] = await Promise.all([opening, preprocessOf(useSetup.getState().config.model)]);
    const imported = await importImages(source, preprocess, { signal, onProgress, into, keep: true });
    // A newer import has the page.
    if (signal !== abort?.signal) return false;
    return accept(imported, preprocess, into);
  } catch (error) {
    if (signal !== abort?.signal) return false;
    const { what, todo } = faultFrom(error, "", "Check that the file can still be opened, and try again.");
    failImport(what, todo);
    return false;
  }
}

/** Makes this the import that the page shows, in place of one that may be running. */
function begin(name: string): { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void } {
  abort?.abort();
  abort = new AbortController();
  const { signal } = abort;
  useImages.setState({ importing: { name, seen: 0, total: 0, taken: 0, perSecond: 0 }, fresh: [], fault: null });
  const onProgress: ImportOptions["onProgress"] = ({ fresh, ...progress }) => {
    if (signal !== abort?.signal) return;
    useImages.setState((state) => ({ importing: { name, ...progress }, fresh: [...fresh.toReversed(), ...state.fresh].slice(0, FRESH) }));
  };
  return { signal, onProgress };
}

/** Prepares the images that are there in another way, from their files. Cancelled, they stay as they are. */
export async function prepareImages(wanted: Preprocess): Promise<void> {
  const { dataset } = useImages.getState();
  if (!dataset) return;
  const { signal, onProgress } = begin("your images again");
  try {
    await enter();
    const again = await prepareAgain(dataset, wanted, { signal, onProgress });
    if (signal !== abort?.signal) return;
    if (useImages.getState().dataset !== dataset) return await prepareImages(wanted); // changed meanwhile
    if (again.dataset.labels.length === 0) throw new Error("The files of these images are not in the browser's storage any more.");
    const { report } = useImages.getState();
    const lost = again.notes.length > 0 ? lossReport(dataset, again.notes) : report;
    useImages.setState({ dataset: again.dataset, prepared: wanted, report: lost, importing: null, fresh: [] });
  } catch (error) {
    if (signal !== abort?.signal) return;
    if (signal.aborted) useImages.setState({ importing: null, fresh: [] });
    else failImport(error instanceof Error ? error.message : String(error), "Make room, or drop the images again.");
  }
}

/** Shows images that were kept. What is lost of their pixels is prepared again where the files are kept, and else left out. */
export async function showKept(dataset: Dataset, prepared: Preprocess): Promise<void> {
  abort?.abort();
  useImages.setState(({ set }) => ({ dataset, prepared, report: null, importing: null, fresh: [], fault: null, set: set + 1 }));
  const lost = new Set(await lostPixels(dataset));
  if (lost.size === 0 || useImages.getState().dataset !== dataset) return;
  if (dataset.files) {
    await prepareImages(prepared);
    return;
  }
  const notes = Array.from(lost, (image): Note => {
    const source = dataset.sources[image] ?? "";
    return { source, kind: "damaged", reason: "missing from the browser's storage", outcome: "left out" };
  });
  const rest = pickImages(
    dataset,
    Array.from(dataset.labels.keys()).filter((image) => !lost.has(image)),
  );
  useImages.setState({ dataset: rest.labels.length > 0 ? rest : null, report: lossReport(dataset, notes) });
}

function lossReport({ labels }: Dataset, notes: readonly Note[]): ImportReport {
  const warning = `${notes.length} of ${labels.length} images are lost: the browser's storage does not hold them any more. Add them again.`;
  return { found: labels.length, taken: labels.length - notes.length, notes, warnings: [warning] };
}

/** `into`: the images that those of the import were added to. Where none came in they stay as they are, and with them their history. */
function accept({ dataset: whole, report }: Imported, prepared: Preprocess, into: Dataset | undefined): boolean {
  if (report.taken === 0 && into) {
    useImages.setState({ report, importing: null, fresh: [] });
    return false;
  }
  if (report.taken > 0) {
    const { dataset: here, set } = useImages.getState();
    const dataset = into && here !== into ? behind(here, whole, into) : whole;
    useImages.setState({ dataset, prepared, report, importing: null, fresh: [], set: into ? set : set + 1 });
    return true;
  }
  const classless = report.notes.some(({ kind }) => kind === "no class");
  const todo = classless
    ? "Put the images into one folder per class, or name a class below and add them to it."
    : "Drop a folder that holds one folder of images per class, or a zip of one.";
  useImages.setState({ report });
  failImport(report.found > 0 ? `None of the ${report.found} files could be taken.` : "No images were found.", todo);
  return false;
}

/** What was done to the images while others were read stays done: the new ones of `whole` come behind what there is now. */
function behind(here: Dataset | null, whole: Dataset, into: Dataset): Dataset | null {
  const fresh = Array.from(whole.labels.keys()).slice(into.labels.length);
  const both = takeOver(here ?? { ...pickImages(whole, []), classes: [] }, whole, fresh);
  return both.classes.length > 0 ? both : null;
}

function failImport(what: string, todo: string): void {
  const kept = useImages.getState().dataset ? "The images that were here before." : "Your settings.";
  useImages.setState({ importing: null, fresh: [], fault: { kind: "input", what, kept, todo } });
}
