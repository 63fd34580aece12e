/** A whole run from its files to its last event, for the worker and for Node. */
import { openRanker } from "../analysis/ranker.ts";
import type { Dataset } from "../data/dataset.ts";
import { parsePreprocess } from "../data/preprocess.ts";
import { splitDataset } from "../data/split.ts";
import type { Gpu } from "../gpu/device.ts";
import { Kernels } from "../gpu/kernel.ts";
import { tensor } from "../tensor/tensor.ts";
import { type Adopted, adopt } from "./adopt.ts";
import { Backbone, type ModelFiles } from "./backbone.ts";
import { adapterOf, buildModel, completeSettings, targetSites, trainsHeadAlone } from "./catalog.ts";
import type { Controls } from "./controls.ts";
import { peftForm } from "./export.ts";
import { HEAD } from "./head.ts";
import { InputError } from "./input.ts";
import type { AdapterFacts } from "./protocol.ts";
import { Race } from "./race.ts";
import type { LaneConfig, RunConfig, RunEvent } from "./run.ts";
import { sizeOfExport } from "./size.ts";
import { train } from "./trainer.ts";

export interface Session {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly files: ModelFiles;
  /** Parsed preprocessor_config.json. */
  readonly preprocess: unknown;
  /** Files of the adapters that lanes begin with, by the name in LaneConfig.adapter. */
  readonly adapters?: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;
}

/** Yields the events of the run. `onRace` gets the race while it exists; it lives until its device is closed, or until it is destroyed. */
export async function* runSession(gpu: Gpu, session: Session, controls: Controls, onRace: (race: Race) => void): AsyncGenerator<RunEvent> {
  const { config, dataset, files, adapters = new Map() } = session;
  const preprocess = parsePreprocess(session.preprocess);
  const waiting: RunEvent[] = [];
  let wake: () => void = () => undefined;
  const onStatus = (text: string, progress?: number) => {
    waiting.push({ type: "status", text, ...(progress !== undefined && { progress }) });
    wake();
  };
  check(config, dataset);
  onStatus("Loading the model onto the GPU");
  const split = splitDataset(dataset, config);
  const open = async () => {
    const backbone = new Backbone(gpu, new Kernels(gpu), files, { size: preprocess.crop, precision: config.precision });
    const imported = imports(config, adapters, backbone);
    checkLayers(config, backbone, imported);
    return Race.open({ backbone, config, dataset, split, preprocess, imported, onStatus });
  };
  const opening = Promise.race([open(), gpu.fault]);
  let race: Race | undefined;
  const settled = opening.then((opened) => {
    race = opened;
  });
  settled.catch(() => undefined).finally(() => wake());
  // Status lines are passed on while the race is set up; the compiler may take a while.
  while (!race) {
    const next = new Promise<void>((resolve) => (wake = resolve));
    yield* waiting.splice(0);
    await Promise.race([next, settled]);
  }
  yield* waiting.splice(0);
  onRace(race);
  yield {
    type: "ready",
    gpu: gpu.name,
    software: gpu.software,
    memory: race.memory,
    lanes: race.lanes.map((lane, index) => ({
      parameters: lane.parameters,
      way: (race as Race).ways[index] as string,
      exported: sizeOfExport({ backbone: (race as Race).setup.backbone, head: (race as Race).head, lane }),
    })),
    split,
  };
  const ranker = openRanker();
  try {
    yield* train(race, config, controls, ranker);
  } finally {
    ranker.close();
  }
}

/** What is known of a PEFT folder on the model of config.json. Throws FormatError, UnsupportedError. */
export function inspectAdapter(files: ReadonlyMap<string, Uint8Array>, config: Readonly<Record<string, unknown>>): AdapterFacts {
  const {
    sites,
    config: lane,
    saved,
    given,
  } = adopt(
    files,
    buildModel(config, (_name, shape) => tensor(shape)),
  );
  return {
    method: lane.method,
    settings: lane.settings,
    parameters: [...given.trainable.values()].reduce((sum, { length }) => sum + length, 0),
    layers: sites.length,
    text: sites.some(({ tower }) => tower === "text"),
    classes: saved.get(HEAD.bias)?.data.length ?? 0,
  };
}

/** What the lanes begin with that continue an adapter. */
function imports(
  { lanes }: RunConfig,
  adapters: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>,
  backbone: Backbone,
): ReadonlyMap<LaneConfig, Adopted> {
  return new Map(
    lanes.flatMap((lane) => {
      if (lane.adapter === undefined) return [];
      const files = adapters.get(lane.adapter);
      if (!files)
        throw new InputError(`The adapter ${lane.adapter} is not here any more.`, "Drop its folder on the page again, or remove its lane.");
      return [[lane, adopt(files, backbone)] as const];
    }),
  );
}

function checkLayers({ lanes, head, targets }: RunConfig, backbone: Backbone, imported: ReadonlyMap<LaneConfig, Adopted>): void {
  const texts = [...imported].find(([, { sites }]) => sites.some(({ tower }) => tower === "text"));
  if (head.kind === "linear" && texts)
    throw new InputError(
      `The adapter ${texts[0].adapter} changes the text tower, which a linear head does not use.`,
      "Choose class prompts as the head, or remove its lane.",
    );
  if (targetSites(backbone.sites, targets).length > 0) return;
  const idle = lanes.find(
    (lane) => !imported.has(lane) && peftForm(adapterOf(lane.method), completeSettings(adapterOf(lane.method), {})) !== "none",
  );
  if (idle)
    throw new InputError(
      `There is no layer for ${adapterOf(idle.method).title} to adapt.`,
      "Choose layers under More, or mend the pattern.",
    );
}

function check(config: RunConfig, dataset: Dataset): void {
  if (dataset.classes.length < 2)
    throw new InputError("There is only one class.", "Add a second folder of images: training needs something to tell apart.");
  const idle = config.head.kind === "text" && config.lanes.find(({ method }) => trainsHeadAlone(method));
  if (idle)
    throw new InputError(
      `${adapterOf(idle.method).title} trains the head and nothing else, and a head of class prompts is not trained.`,
      "Choose the learned linear head, or remove its lane.",
    );
  if (config.lanes.length === 0) throw new InputError("There is no method in the race.", "Add one below the charts.");
}
