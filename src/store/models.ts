/** Models: looked up, downloaded and kept in mind. The one that is chosen stands in the settings. */
import { create } from "zustand";
import type { Preprocess } from "../data/dataset.ts";
import { parsePreprocess } from "../data/preprocess.ts";
import type { Fault } from "../gpu/device.ts";
import { parseId } from "../train/modelid.ts";
import type { Folder, ModelFacts, Sources } from "../train/protocol.ts";
import { Engine, FaultError, faultFrom } from "./engine.ts";
import { setModelConfig } from "./methods.ts";
import { folderModel, isFolder, shortModel } from "./names.ts";

export interface Download {
  readonly model: string;
  readonly done: number;
  readonly all: number;
  readonly file: string;
  /** Seconds until its end at the speed so far; null at its beginning. */
  readonly left: number | null;
}

interface Models {
  /** All that were looked up, by the name in RunConfig.model. */
  readonly known: ReadonlyMap<string, ModelFacts>;
  /** Why a model could not be looked up, by the name that was asked for. */
  readonly faults: ReadonlyMap<string, Fault>;
  /** Names of those that are being looked up. */
  readonly looking: ReadonlySet<string>;
  /** The name of a model whose folder was dropped, until somebody has said what to do with it. */
  readonly dropped: string | null;
  readonly download: Download | null;
  /** Of the newest download. */
  readonly fault: Fault | null;
}

export const useModels = create<Models>()(() => ({
  known: new Map(),
  faults: new Map(),
  looking: new Set(),
  dropped: null,
  download: null,
  fault: null,
}));

/** Apart from the one that trains, so that a download survives a lost GPU. */
const engine = new Engine();
export const askEngine: Engine["ask"] = (question, options) => engine.ask(question, options);

const folders = new Map<string, Folder>();
const asked = new Map<string, Promise<ModelFacts>>();
const KEPT = "Your images, your settings, and what was downloaded before.";

export function sourcesOf(model: string): Sources {
  const folder = folders.get(model);
  return { models: new URL("models/", document.baseURI).href, ...(folder && { folder }) };
}

export function addFolder(name: string, files: Folder): string {
  const model = folderModel(name);
  folders.set(model, files);
  asked.delete(model);
  return model;
}

/** What is known of a model; looked up once. Rejects with FaultError. */
export function factsOf(model: string): Promise<ModelFacts> {
  let found = asked.get(model);
  if (!found) {
    found = lookUp(model);
    // What failed may succeed the next time.
    found.catch(() => asked.delete(model));
    asked.set(model, found);
  }
  return found;
}

/** Looks up what was typed: "owner/name", or an address of the Hub. */
export async function findModel(text: string): Promise<ModelFacts | undefined> {
  try {
    const { id, revision } = parseId(text);
    return await factsOf(revision === undefined ? id : `${id}@${revision}`);
  } catch (error) {
    const fault = faultFrom(error, KEPT, "Try again.");
    useModels.setState(({ faults }) => ({ faults: new Map(faults).set(text, fault) }));
    return undefined;
  }
}

async function lookUp(model: string): Promise<ModelFacts> {
  if (isFolder(model) && !folders.has(model)) throw missingFolder(model);
  useModels.setState(({ looking, faults }) => ({ looking: new Set(looking).add(model), faults: without(faults, model) }));
  try {
    const { tokenizer, ...found } = (await engine.ask({ type: "inspect", model, sources: sourcesOf(model) })).found;
    parsePreprocess(found.preprocess); // so that what cannot be used is told before it is chosen
    const facts = { ...found, ...setModelConfig(found.model, found.config, tokenizer) };
    asked.set(facts.model, Promise.resolve(facts));
    useModels.setState(({ known }) => ({ known: new Map(known).set(facts.model, facts) }));
    return facts;
  } catch (error) {
    const fault = faultFrom(error, KEPT, "Choose another model.");
    useModels.setState(({ faults }) => ({ faults: new Map(faults).set(model, fault) }));
    throw new FaultError(fault);
  } finally {
    useModels.setState(({ looking }) => ({ looking: new Set([...looking].filter((other) => other !== model)) }));
  }
}

function missingFolder(model: string): FaultError {
  const name = shortModel(model);
  const fault: Fault = {
    kind: "input",
    what: `The model's folder ${name} is not here: a page forgets files when it is reloaded.`,
    kept: "Your settings.",
    todo: `Drop the folder ${name} again, or choose another model.`,
  };
  useModels.setState(({ faults }) => ({ faults: new Map(faults).set(model, fault) }));
  return new FaultError(fault);
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

/** How a model wants its images. Rejects with FaultError, or naming the field that is not built here. */
export async function preprocessOf(model: string): Promise<Preprocess> {
  return parsePreprocess((await factsOf(model)).preprocess);
}

/** Whether two ways of preparing give the same bytes: mean and deviation come later. */
export function samePixels(a: Preprocess, b: Preprocess): boolean {
  const bytes = ({ mean: _mean, std: _std, ...rest }: Preprocess) => JSON.stringify(Object.entries(rest).sort());
  return bytes(a) === bytes(b);
}

let abort: AbortController | undefined;

/** Whether all of it is here afterwards. */
export async function downloadModel(facts: ModelFacts): Promise<boolean> {
  const { model } = facts;
  abort?.abort();
  const mine = new AbortController();
  abort = mine;
  const began = { at: performance.now(), done: facts.present };
  useModels.setState({ fault: null, download: { model, done: facts.present, all: facts.bytes, file: "", left: null } });
  try {
    const tell = ({ done, all, file }: Omit<Download, "model" | "left">) => {
      if (abort !== mine) return;
      useModels.setState({ download: { model, done, all, file, left: secondsLeft(began, done, all) } });
      hold(model, done);
    };
    await engine.ask({ type: "fetch", model, sources: sourcesOf(model) }, { onPart: tell, signal: mine.signal });
    hold(model, facts.bytes);
    return true;
  } catch (error) {
    if (!mine.signal.aborted) {
      const fault = faultFrom(error, "What has arrived; the download goes on from there.", "Press Resume download.");
      useModels.setState({ fault });
    }
    return false;
  } finally {
    if (abort === mine) useModels.setState({ download: null });
  }
}

export function cancelDownload(): void {
  abort?.abort();
}

export function dismissDownloadFault(): void {
  useModels.setState({ fault: null });
}

/** Its files are not here any more. */
export function forgetDownload(model: string): void {
  hold(model, 0);
}

/** Remembers how many bytes of a model are here. */
function hold(model: string, present: number): void {
  useModels.setState(({ known }) => {
    const facts = known.get(model);
    if (!facts || facts.present === present) return {};
    const held = { ...facts, present };
    asked.set(model, Promise.resolve(held));
    return { known: new Map(known).set(model, held) };
  });
}

const SURE_AFTER_MS = 1500;

function secondsLeft(began: { readonly at: number; readonly done: number }, done: number, all: number): number | null {
  const elapsed = performance.now() - began.at;
  const speed = (done - began.done) / elapsed;
  return elapsed > SURE_AFTER_MS && speed > 0 ? (all - done) / speed / 1000 : null;
}
