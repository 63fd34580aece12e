/** What the page knows of the methods: titles, settings, and parameter counts on the chosen model. */
import type { Family, Outline } from "../adapters/adapter.ts";
import { adapters, type Method as Catalogued, methods as catalogued, type Targets } from "../train/catalog.ts";
import { describeModel, outline } from "../train/outline.ts";
import type { ModelFacts } from "../train/protocol.ts";
import type { RunConfig } from "../train/run.ts";

export interface Method extends Catalogued {
  /** Its number of parameters can be chosen. */
  readonly sized: boolean;
  /** How it leaves as a PEFT folder: in a form of its own, written as LoRA, or not at all. */
  readonly leaves: "own" | "lora" | "merged";
  /** Its files hold frozen bases, which PEFT ≤ 0.20 has under every module. */
  readonly hasBases: boolean;
}
export type Settings = Readonly<Record<string, number>>;
type ModelConfig = Readonly<Record<string, unknown>>;

/** In the order in which they are offered. */
const FAMILIES: readonly Family[] = ["Low rank", "Random bases", "Whole model", "Ours"];

const methods: readonly Method[] = catalogued.map((method) => {
  const { match, peft, inner } = adapters.get(method.id) ?? {};
  const hasFactors = (inner?.({ in: 2, out: 2 }, completed(method, {})) ?? 0) > 0;
  return {
    ...method,
    sized: match !== undefined,
    leaves: peft ? "own" : hasFactors ? "lora" : "merged",
    hasBases: peft?.shared !== undefined,
  };
});

export function listMethods(): readonly Method[] {
  return methods;
}

/** All methods by family, in the order in which they were published. */
export function groupMethods(): readonly { readonly title: string; readonly methods: readonly Method[] }[] {
  const byPaper = methods.toSorted((a, b) => a.paper.localeCompare(b.paper) || a.title.localeCompare(b.title));
  return FAMILIES.map((title) => ({ title, methods: byPaper.filter(({ family }) => family === title) }));
}

export function findMethod(id: string): Method | undefined {
  return methods.find((method) => method.id === id);
}

/** Every field of the method, absent ones by their default. */
export function completeSettings(id: string, settings: Settings): Settings {
  return completed(findMethod(id), settings);
}

function completed(method: Pick<Catalogued, "fields"> | undefined, settings: Settings): Record<string, number> {
  const fields = Object.entries(method?.fields ?? {});
  return { ...Object.fromEntries(fields.map(([name, field]) => [name, field.default])), ...settings };
}

/** What of a run decides how many parameters a method has. */
export type Whole = Pick<RunConfig, "model" | "targets" | "head">;

interface Known {
  readonly config: ModelConfig;
  readonly text: boolean;
}

/** The models that were looked up, from whose config.json the adapted layers follow. */
const models = new Map<string, Known>();
const outlines = new Map<string, Outline>();
const NOTHING: Outline = { layers: [], parameters: [] };

/** What follows from its config. `tokenizer`: it can read texts. Throws, naming the field, for a config that is not handled. */
export function setModelConfig(model: string, config: ModelConfig, tokenizer: boolean): Pick<ModelFacts, "kind" | "text"> {
  const { kind, text: tower } = describeModel(config);
  const text = tower && tokenizer;
  outline(config, { image: [], text: [] }, text ? "text" : "linear");
  models.set(model, { config, text });
  outlines.clear();
  return { kind, text };
}

/** Nothing while the model is not known. Throws, naming it, for a pattern that cannot be read. */
function outlineOf({ model, targets, head }: Whole): Outline {
  const known = models.get(model);
  if (!known) return NOTHING;
  const kind = known.text ? head.kind : "linear";
  const key = JSON.stringify([model, targets, kind]);
  const found = outlines.get(key) ?? outline(known.config, targets, kind);
  outlines.set(key, found);
  return found;
}

/** How many layers the targets name. Throws, naming it, for a pattern that cannot be read. */
export function countLayers(model: string, targets: Targets): number {
  return outlineOf({ model, targets, head: { kind: "linear" } }).layers.length;
}

/** The smaller sides of the smallest and the largest layer that the targets name; null where they name none. */
export function sidesOf(whole: Whole): { readonly least: number; readonly greatest: number } | null {
  const sides = outlineOf(whole).layers.map((layer) => Math.min(layer.in, layer.out));
  return sides.length > 0 ? { least: Math.min(...sides), greatest: Math.max(...sides) } : null;
}

export function countParameters(whole: Whole, method: string, settings: Settings): number {
  return findMethod(method)?.parameters(outlineOf(whole), settings) ?? 0;
}

/** The settings whose parameter count is nearest to `budget`; unchanged where the method's size is what it is. */
export function matchSettings(whole: Whole, method: string, settings: Settings, budget: number): Settings {
  const found = outlineOf(whole);
  return found.layers.length > 0 ? (findMethod(method)?.match(found, settings, budget) ?? settings) : settings;
}
