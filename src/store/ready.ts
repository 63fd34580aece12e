/** What still stands between the settings and a race, in one sentence. */
import type { Dataset, Preprocess } from "../data/dataset.ts";
import { trainsHeadAlone } from "../train/catalog.ts";
import type { ModelFacts } from "../train/protocol.ts";
import type { RunConfig } from "../train/run.ts";
import type { Held } from "./adopted.ts";
import { findMethod } from "./methods.ts";
import { samePixels } from "./models.ts";
import { isFolder, shortModel } from "./names.ts";
import { countTower } from "./targets.ts";

export interface Ready {
  readonly config: RunConfig;
  readonly seeds: number;
  readonly dataset: Dataset | null;
  /** How the dataset's images were prepared, and how the model wants them; null where it is not known. */
  readonly prepared: Preprocess | null;
  readonly wanted: Preprocess | null;
  readonly facts: ModelFacts | undefined;
  readonly held: ReadonlyMap<string, Pick<Held, "fault">>;
}

/** Null when nothing does. */
export function whyNot({ config, seeds, dataset, prepared, wanted, facts, held }: Ready): string | null {
  const { model, head, lanes, targets } = config;
  if (!facts) return `${isFolder(model) ? "Drop the folder" : "Look up"} ${shortModel(model)} again, or choose another model.`;
  if (facts.present < facts.bytes) return `Download ${facts.name} first: choose Model below.`;
  if (!dataset || dataset.labels.length === 0) return "Add images first, or load a sample.";
  if (prepared && wanted && !samePixels(prepared, wanted))
    return `These images are prepared for another model: choose Model below, and prepare them for ${facts.name}.`;
  if (dataset.classes.length < 2) return "Add a second class to train.";
  // The seed decides who is in the validation set: only test images are the same for all.
  if (seeds > 1 && config.test === 0 && !dataset.parts?.includes("test"))
    return "Several seeds are compared on a locked test set: set Test above 0 under More.";
  if (head.kind === "text" && !head.template.includes("{class}")) return "The prompt needs {class}; see More.";
  if (lanes.length === 0) return "Add a method first.";
  const idle = head.kind === "text" && lanes.find(({ method }) => trainsHeadAlone(method));
  if (idle) return `${findMethod(idle.method)?.title} trains the classifier alone: choose a linear layer under More, or remove it.`;
  const lost = lanes.find(({ adapter }) => adapter !== undefined && !held.has(adapter));
  if (lost) return `Drop the adapter ${lost.adapter} again, or remove its lane.`;
  const unfit = lanes.find(({ adapter }) => adapter !== undefined && held.get(adapter)?.fault);
  if (unfit) return `The adapter ${unfit.adapter} does not fit ${facts.name}: remove its lane.`;
  const needs = lanes.some(({ method, adapter }) => adapter === undefined && findMethod(method)?.leaves !== "merged");
  const layers = countTower(model, "image", targets.image) + countTower(model, "text", targets.text);
  return needs && layers === 0 ? "The pattern names no layer of this model; see More." : null;
}
