/** What there is to choose from: methods and models, found by their files. */
import { type AnyAdapter, countParameters, type Fields, type SiteShape } from "../adapters/adapter.ts";
import { type Model, type ModelDef, Scope, type Site, type Weights } from "../models/model.ts";
import { tensor } from "../tensor/tensor.ts";

const adapterFiles: Record<string, AnyAdapter> = import.meta.glob(["../adapters/*.ts", "!../adapters/adapter.ts"], {
  import: "default",
  eager: true,
});
const modelFiles: Record<string, ModelDef<unknown>> = import.meta.glob(["../models/*.ts", "!../models/{model,config,tokenizer}.ts"], {
  import: "default",
  eager: true,
});
const stem = (path: string) => path.replace(/^.*\/|\.ts$/g, "");

/** All methods by id, the stem of their file. */
export const adapters: ReadonlyMap<string, AnyAdapter> = new Map(Object.entries(adapterFiles).map(([path, def]) => [stem(path), def]));

/** Throws, naming those there are, when there is no such method. */
export function adapterOf(id: string): AnyAdapter {
  const def = adapters.get(id);
  if (!def) throw new Error(`There is no method "${id}"; there are ${[...adapters.keys()].join(", ")}.`);
  return def;
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
  readonly model: Model;
  readonly sites: readonly Site[];
}

/** Builds the model that config.json describes. Throws an error that names the field or type it does not handle. */
export function buildModel(config: Readonly<Record<string, unknown>>, weights: Weights, scalar: (name: string) => number): Built {
  const type = config.model_type;
  const def = Object.values(modelFiles).find(({ types }) => types.includes(String(type)));
  if (!def)
    throw new Error(
      `config.json: model_type ${JSON.stringify(type)} is not handled; there are ${Object.values(modelFiles)
        .flatMap(({ types }) => types)
        .join(", ")}.`,
    );
  const scope = new Scope(weights);
  const model = def.build(scope, def.configure(config), scalar);
  return { model, sites: scope.sites };
}

/** The sites of a tower that the targets name, in the model's order. */
export function targetSites(sites: readonly Site[], targets: readonly string[], tower = "vision_model"): readonly Site[] {
  return sites.filter(({ path, target }) => path.startsWith(tower) && targets.includes(target));
}

/** The same from config.json alone, without weights: for the page, which counts parameters before anything is loaded. */
export function siteShapes(config: Readonly<Record<string, unknown>>, targets: readonly string[]): readonly SiteShape[] {
  const { sites } = buildModel(
    config,
    (_name, shape) => tensor(shape),
    () => 0,
  );
  return targetSites(sites, targets);
}

/** A method as the page sees it. */
export interface Method {
  readonly id: string;
  readonly title: string;
  readonly paper: string;
  readonly fields: Fields;
  readonly defaultLr: number;
  parameters(sites: readonly SiteShape[], settings: Readonly<Record<string, number>>): number;
  /** The settings whose parameter count is nearest to `budget`. */
  match(sites: readonly SiteShape[], settings: Readonly<Record<string, number>>, budget: number): Readonly<Record<string, number>>;
}

export const methods: readonly Method[] = [...adapters].map(([id, def]) => ({
  id,
  title: def.title,
  paper: def.paper,
  fields: def.fields,
  defaultLr: def.lr,
  parameters: (sites, settings) => countParameters(def, sites, completeSettings(def, settings)),
  match: (sites, settings, budget) => def.match(sites, completeSettings(def, settings), budget),
}));
