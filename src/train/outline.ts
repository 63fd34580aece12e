/** What methods may train of a model, from its config.json alone, without weights: for the page, which counts before anything is loaded. */
import type { Outline } from "../adapters/adapter.ts";
import type { Parameter } from "../models/model.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import type { Backbone } from "./backbone.ts";
import { type Built, buildModel, type Targets, targetSites, trainsTexts } from "./catalog.ts";
import { usedTensors } from "./head.ts";
import type { RunConfig } from "./run.ts";

/** What kind of model config.json describes, and whether it has a text tower. Throws what the model's file refuses. */
export function describeModel(config: Readonly<Record<string, unknown>>): { readonly kind: string; readonly text: boolean } {
  const { def, model } = buildModel(config, (_name, shape) => tensor(shape));
  return { kind: def.title, text: model.text !== undefined };
}

/** The layers that are adapted, and the model's tensors that a method may train whole. Throws what the model's file refuses. */
export function outline(config: Readonly<Record<string, unknown>>, targets: Targets, head: RunConfig["head"]["kind"]): Outline {
  const named = new Map<string, Tensor>();
  const built = buildModel(config, (name, shape) => {
    const made = named.get(name) ?? tensor(shape);
    named.set(name, made);
    return made;
  });
  return { layers: targetSites(built.sites, targets), parameters: ownParameters(built, (name) => named.get(name), targets, head) };
}

/** The frozen tensors, by name, of which a method may train copies. */
export function ownTensors(backbone: Backbone, targets: Targets, head: RunConfig["head"]["kind"]): ReadonlyMap<string, Tensor> {
  const tensorOf = (name: string) => backbone.tensor(name);
  return new Map(ownParameters(backbone, tensorOf, targets, head).map(({ name }) => [name, tensorOf(name)]));
}

/** Those of the towers that are trained, as far as they turn images into logits; `tensorOf` gives what the model was built from. */
function ownParameters(
  { model, parameters }: Pick<Built, "model" | "parameters">,
  tensorOf: (name: string) => Tensor | undefined,
  targets: Targets,
  head: RunConfig["head"]["kind"],
): readonly Parameter[] {
  const used = usedTensors(model, head);
  return parameters.filter(({ name, tower }) => {
    const made = tensorOf(name);
    return made && used.has(made) && (tower === "image" || trainsTexts(targets));
  });
}
