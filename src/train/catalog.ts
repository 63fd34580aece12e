/** What there is to choose from: methods and models, found by their files. */
import { type AnyAdapter, countParameters, type Family, type Fields, type Mark, type Outline } from "../adapters/adapter.ts";
import { UnsupportedError } from "../formats/error.ts";
import { matchesTarget, type TargetModules } from "../formats/target.ts";
import { type Model, type ModelDef, type Parameter, Scope, type Site, type Weights } from "../models/model.ts";

const adapterFiles: Record<string, AnyAdapter> = import.meta.glob(["../adapters/*.ts", "!../adapters/adapter.ts"], {
  import: "default",
  eager: true,
});
const modelFiles: Record<string, ModelDef<unknown>> = import.meta.glob(
  ["../models/*.ts", "!../models/{model,config,tokenizer,encoder,bicubic}.ts"],
  {
    import: "default",
    eager: true,
  },
);
const stem = (path: string) => path.replace(/^.*\/|\.ts$/g, "");

/** All methods by id, the stem of their file. */
export const adapters: ReadonlyMap<string, AnyAdapter> = new Map(Object.entries(adapterFiles).map(([path, def]) => [stem(path), def]));

/** Throws, naming those there are, when there is no such method. */
export function adapterOf(id: string): AnyAdapter {
  const def = adapters.get(id);
  if (!def) throw new Error(`There is no method "${id}"; there are ${[...adapters.keys()].join(", ")}.`);
  return def;
}

/** A linear probe: it changes neither layers nor tensors of the model. */
export function trainsHeadAlone(method: string): boolean {
  const def = adapterOf(method);
  return !def.trains && Object.keys(def.trainable({ in: 2, out: 2 }, completeSettings(def, {}))).length === 0;
}

/** Every setting of a method: the given one where it is within its limits, else the default. */
export function completeSettings({ fields }: Pick<AnyAdapter, "fields">, given: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, { default: otherwise, min, max }]) => {
      const value = given[name];
      return [name, value !== undefined && value >= min && value <= max ? value : otherwise];
    }),
  );
}

export interface Built {
  readonly def: ModelDef<unknown>;
  readonly model: Model;
  readonly sites: readonly Site[];
  /** All tensors of the checkpoint that the model uses. */
  readonly parameters: readonly Parameter[];
}

/** The file that handles a config.json. Throws UnsupportedError, naming the types there are, when there is none. */
export function modelOf({ model_type: type }: Readonly<Record<string, unknown>>): ModelDef<unknown> {
  const all = Object.values(modelFiles);
  const def = all.find(({ types }) => types.includes(String(type)));
  if (def) return def;
  const known = all.flatMap(({ types }) => types).join(", ");
  throw new UnsupportedError("model_type", `config.json says ${JSON.stringify(type)}; there are ${known}.`);
}

/**
 * Builds the model that config.json describes, for images of `size` (the config's own where undefined).
 * Throws an error that names the field or type it does not handle.
 */
export function buildModel(config: Readonly<Record<string, unknown>>, weights: Weights, size?: number): Built {
  const def = modelOf(config);
  const scope = new Scope(weights);
  const model = def.build(scope, def.configure(config, size));
  return { def, model, sites: scope.sites, parameters: scope.parameters };
}

/** Which layers are adapted, per tower: names as in PEFT or those of the page ("q", "fc1"), or one pattern for the whole path. */
export interface Targets {
  readonly image: TargetModules;
  /** An empty list leaves the text tower as it is. */
  readonly text: TargetModules;
}

/** Whether the text tower is trained too. */
export const trainsTexts = ({ text }: Targets): boolean => text.length > 0;

/** The sites that the targets name, in the model's order. */
export function targetSites(sites: readonly Site[], targets: Targets): readonly Site[] {
  return sites.filter(({ path, target, tower }) => {
    const wanted = targets[tower];
    return (typeof wanted !== "string" && wanted.includes(target)) || matchesTarget(path, wanted);
  });
}

/** A method as the page sees it. */
export interface Method {
  readonly id: string;
  readonly title: string;
  readonly paper: string;
  readonly does: string;
  readonly family: Family;
  readonly mark: Mark;
  readonly fields: Fields;
  readonly defaultLr: number;
  /** Trained numbers, without a head. */
  parameters(model: Outline, settings: Readonly<Record<string, number>>): number;
  /** The settings whose parameter count is nearest to `budget`; undefined where the method's size is what it is. */
  match(model: Outline, settings: Readonly<Record<string, number>>, budget: number): Readonly<Record<string, number>> | undefined;
}

export const methods: readonly Method[] = [...adapters].map(([id, def]) => ({
  id,
  title: def.title,
  paper: def.paper,
  does: def.does,
  family: def.family,
  mark: def.mark,
  fields: def.fields,
  defaultLr: def.lr,
  parameters: (model, settings) => countParameters(def, model, completeSettings(def, settings)),
  match: ({ layers }, settings, budget) => def.match?.(layers, completeSettings(def, settings), budget),
}));
