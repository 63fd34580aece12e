/** A trained lane as files: asked of the engine, packed and given to the person. */
import { create } from "zustand";
import { parsePreprocess } from "../data/preprocess.ts";
import { SAMPLES } from "../data/samples.ts";
import type { PythonFacts } from "../formats/python.ts";
import { pythonFor } from "../formats/python.ts";
import type { Fault } from "../gpu/device.ts";
import { modelOf } from "../train/catalog.ts";
import type { ExportOptions, ModelFacts, OnnxCheck, OnnxUnchecked } from "../train/protocol.ts";
import { pack } from "./archive.ts";
import { faultFrom } from "./engine.ts";
import { isHub, slug } from "./names.ts";
import { askRace } from "./race.ts";
import type { Phase, RunState } from "./run.ts";
import { save } from "./save.ts";

export interface Exported {
  readonly lane: number;
  readonly form: ExportOptions["form"];
  /** Of the zip. */
  readonly name: string;
  readonly zip: Blob;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** Whether onnxruntime agrees, or why it was not asked; null where there is nothing to run. */
  readonly check: OnnxCheck | OnnxUnchecked | null;
}

interface Exporting {
  readonly busy: { readonly lane: number; readonly form: ExportOptions["form"] } | null;
  readonly done: Exported | null;
  readonly fault: Fault | null;
}

export const useExporting = create<Exporting>()(() => ({ busy: null, done: null, fault: null }));

/** Whether the engine has lanes to write. */
export function canExport(phase: Phase): boolean {
  return phase === "training" || phase === "paused" || phase === "done";
}

export async function exportLane(race: Pick<RunState, "config" | "dataset">, lane: number, options: ExportOptions): Promise<void> {
  const { form } = options;
  useExporting.setState({ busy: { lane, form }, done: null, fault: null });
  try {
    const { files, check = null } = await askRace({ type: "export", lane, options });
    const name = `${exportName(race, lane, form)}.zip`;
    const zip = await pack(files);
    save(zip, name);
    const sizes = Array.from(files, ([file, bytes]) => ({ name: file, bytes: bytes.length }));
    useExporting.setState({ done: { lane, form, name, zip, files: sizes, check } });
  } catch (error) {
    const fault = faultFrom(error, "The run, its curves and what is trained.", "Pause the race and export again, or choose another form.");
    useExporting.setState({ fault });
  } finally {
    useExporting.setState({ busy: null });
  }
}

export function saveAgain({ zip, name }: Exported): void {
  save(zip, name);
}

export function forgetExport(): void {
  useExporting.setState({ done: null, fault: null });
}

/** "fullrank-randlora-eurosat", and what tells the other forms and a second lane of one method apart. */
export function exportName({ config, dataset }: Pick<RunState, "config" | "dataset">, lane: number, form: ExportOptions["form"]): string {
  const lanes = config?.lanes ?? [];
  const images = dataset?.name ?? "";
  const method = lanes[lane]?.method ?? "";
  const twin = lanes.slice(0, lane).filter((other) => other.method === method).length;
  const set = SAMPLES.find(({ title }) => title === images)?.id.replace(/-mini$/, "") ?? slug(images, "images");
  return ["fullrank", method, set, ...(form === "peft" ? [] : [form]), ...(twin > 0 ? [String(twin + 1)] : [])].join("-");
}

/** What is in each form beside the model card, README.md. */
export const CONTENTS: Readonly<Record<ExportOptions["form"], readonly string[]>> = {
  peft: ["adapter_config.json", "adapter_model.safetensors"],
  merged: ["config.json", "model.safetensors"],
  onnx: ["model.onnx"],
};

/** The code that uses an export, as its model card has it. */
export function pythonLines({ config, dataset }: Pick<RunState, "config" | "dataset">, facts: ModelFacts, options: ExportOptions): string {
  const { linear, text } = modelOf(facts.config).classes;
  const { head } = config ?? { head: { kind: "linear" } as const };
  const [id, revision] = isHub(facts.model) ? facts.model.split("@") : [];
  const base: PythonFacts["base"] = {
    architecture: (head.kind === "text" ? text : undefined) ?? linear,
    ...(id && { id }),
    ...(revision && { revision }),
  };
  const markdown = pythonFor({
    kind: options.form,
    base,
    labels: dataset?.classes ?? [],
    ...(head.kind === "text" && { template: head.template }),
    preprocess: parsePreprocess(facts.preprocess),
    generation: options.transformers,
  });
  return /```python\n([\s\S]*?)\n```/.exec(markdown)?.[1] ?? "";
}
