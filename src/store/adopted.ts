/** Adapters that were imported: their files in the page's memory, and what is known of them. */
import { create } from "zustand";
import type { Fault } from "../gpu/device.ts";
import type { AdapterFacts, ModelFacts } from "../train/protocol.ts";
import type { LaneConfig } from "../train/run.ts";
import { RATE } from "./config.ts";
import { faultFrom } from "./engine.ts";
import { completeSettings, findMethod } from "./methods.ts";
import { askEngine, factsOf, useModels } from "./models.ts";
import { slug } from "./names.ts";
import { useSetup } from "./setup.ts";

/** File name → bytes. */
export type AdapterFiles = ReadonlyMap<string, Uint8Array>;

export interface Held {
  readonly files: AdapterFiles;
  readonly facts: AdapterFacts;
  /** Why it does not fit the model that was chosen since. */
  readonly fault: Fault | null;
}

interface Adopted {
  /** By the name in LaneConfig.adapter. */
  readonly held: ReadonlyMap<string, Held>;
  /** The name of one that is being looked at. */
  readonly reading: string | null;
  /** Looked at; somebody has to say what to do with it. `waiting`: the lane that a reload took it from. */
  readonly found: (Omit<Held, "fault"> & { readonly name: string; readonly waiting: number | null }) | null;
  readonly fault: Fault | null;
}

export const useAdopted = create<Adopted>()(() => ({ held: new Map(), reading: null, found: null, fault: null }));

const KEPT = "Your lanes and your images.";
const TODO = "Choose the model that it was trained on, then drop it again.";

/** What the engine starts with. */
export function adapterFiles(lanes: readonly LaneConfig[]): ReadonlyMap<string, AdapterFiles> {
  const { held } = useAdopted.getState();
  return new Map(
    lanes.flatMap(({ adapter }) => {
      const files = adapter === undefined ? undefined : held.get(adapter)?.files;
      return adapter !== undefined && files ? [[adapter, files]] : [];
    }),
  );
}

/** Looks at the files of a PEFT folder, to be placed afterwards. */
export async function openAdapter(title: string, files: AdapterFiles): Promise<void> {
  useAdopted.setState({ reading: title, found: null, fault: null });
  try {
    const facts = await look(files);
    const { lanes } = useSetup.getState().config;
    const { held } = useAdopted.getState();
    const name = slug(title, "adapter");
    const waiting = lanes.findIndex(({ adapter, method }) => adapter === name && method === facts.method);
    const returns = waiting >= 0 && !held.has(name);
    useAdopted.setState({ found: { name: returns ? name : freeName(name), files, facts, waiting: returns ? waiting : null } });
  } catch (error) {
    const fault = faultFrom(error, KEPT, TODO);
    const known = useModels.getState().known.get(useSetup.getState().config.model);
    useAdopted.setState({ fault: { ...fault, what: [known && otherModel(files, known), fault.what].filter(Boolean).join(" ") } });
  } finally {
    useAdopted.setState({ reading: null });
  }
}

/** That it says to be of another model than the chosen one: whatever does not fit, does not for that reason. */
export function otherModel(files: AdapterFiles, { model, name }: Pick<ModelFacts, "model" | "name">): string {
  const config = /"base_model_name_or_path"\s*:\s*"((?:[^"\\]|\\.)+)"/.exec(new TextDecoder().decode(files.get("adapter_config.json")));
  const base = config?.[1];
  const own = (full: string): string => (full.replace(/@.*$/, "").split(/[/\\]/).at(-1) ?? "").toLowerCase();
  return base === undefined || own(base) === own(model) || own(base) === own(name)
    ? ""
    : `It was trained on ${base}, and ${name} is chosen.`;
}

/** For files that could not even be read. */
export function refuseAdapter(what: string): void {
  const todo = "Drop the folder or the zip with adapter_config.json and adapter_model.safetensors.";
  useAdopted.setState({ reading: null, fault: { kind: "input", what, kept: KEPT, todo } });
}

async function look(files: AdapterFiles): Promise<AdapterFacts> {
  const { config } = await factsOf(useSetup.getState().config.model);
  const { facts } = await askEngine({ type: "adapter", files, config });
  return facts;
}

function freeName(name: string): string {
  const taken = new Set(useSetup.getState().config.lanes.map(({ adapter }) => adapter));
  for (let copy = 1; ; copy++) {
    const free = copy === 1 ? name : `${name}-${copy}`;
    if (!taken.has(free)) return free;
  }
}

/** Makes the found adapter a lane: a new one, the one at `index`, or the one that waits for it. */
export function placeAdapter(index?: number): void {
  const { found, held } = useAdopted.getState();
  if (!found) return;
  const { name, files, facts, waiting } = found;
  useAdopted.setState({ held: new Map(held).set(name, { files, facts, fault: null }), found: null });
  if (waiting !== null) return;
  const lr = findMethod(facts.method)?.defaultLr ?? RATE.default;
  useSetup
    .getState()
    .placeLane({ method: facts.method, settings: completeSettings(facts.method, facts.settings), lr, adapter: name }, index);
}

export function dismissAdapter(): void {
  useAdopted.setState({ found: null, fault: null });
}

/** Another model may have no place for them. */
export async function recheckAdapters(): Promise<void> {
  for (const [name, { files, facts }] of useAdopted.getState().held) {
    const checked: Held = await look(files).then(
      (anew) => ({ files, facts: anew, fault: null }),
      (error: unknown) => ({ files, facts, fault: faultFrom(error, KEPT, "Remove its lane, or go back to its model.") }),
    );
    useAdopted.setState(({ held }) => ({ held: new Map(held).set(name, checked) }));
  }
}
