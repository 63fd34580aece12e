/** A PEFT folder as the start of a lane. */
import type { AnyAdapter, Values } from "../adapters/adapter.ts";
import { fieldsOf, targetModules } from "../formats/config.ts";
import { FormatError, UnsupportedError } from "../formats/error.ts";
import type { JsonObject } from "../formats/json.ts";
import { expectShape, type PeftFolder, readAdapterConfig, readPeft } from "../formats/peft.ts";
import type { FloatTensor } from "../formats/safetensors.ts";
import { matchesTarget } from "../formats/target.ts";
import type { Site } from "../models/model.ts";
import type { Backbone } from "./backbone.ts";
import { adapters } from "./catalog.ts";
import { HEAD } from "./head.ts";
import type { LaneSetup } from "./lane.ts";
import type { LaneConfig } from "./run.ts";

export interface Adopted extends Required<Pick<LaneSetup, "sites" | "given" | "seed">> {
  readonly config: Omit<LaneConfig, "lr">;
  /** Tensors of modules that were trained whole: the linear head, "classifier.weight". */
  readonly saved: ReadonlyMap<string, FloatTensor>;
}

/**
 * The lane that continues the adapter of a folder, given as file name → bytes. Modules may be named as in the checkpoint or as
 * in transformers 5, with or without the prefix of the whole model.
 * Throws FormatError for what does not fit the folder's own config or the model, UnsupportedError for what is not built here.
 */
export function adopt(
  files: ReadonlyMap<string, Uint8Array>,
  { sites: all, def: known, model }: Pick<Backbone, "sites" | "def" | "model">,
): Adopted {
  const config = readAdapterConfig(files);
  const { method, def, settings, seed } = methodOf(config);
  const form = def.peft as NonNullable<AnyAdapter["peft"]>;
  const folder = readPeft(files, { parts: Object.values(form.parts), shared: form.shared?.keys ?? [] });
  const places = new Map(all.flatMap((site) => namesOf(site.path, known).map((name) => [name, site] as const)));
  const targets = targetModules(config);
  const found = new Map<Site, ReadonlyMap<string, FloatTensor>>();
  for (const [path, parts] of folder.modules) {
    const site = places.get(path);
    if (!site) throw new FormatError("key", `The adapter changes "${path}", which this ${known.title} model does not have.`);
    if (!matchesTarget(path, targets))
      throw new FormatError("config", `The adapter changes "${path}", which its target_modules leave out.`);
    if (found.has(site)) throw new FormatError("key", `The adapter changes "${site.path}" twice, under two names.`);
    found.set(site, parts);
  }
  // A list such as q_proj names layers of both towers; a class that has one tower was trained in that one.
  const towers = new Set([...found.keys()].map(({ tower }) => tower));
  const sites = all.filter((site) => towers.has(site.tower) && namesOf(site.path, known).some((name) => matchesTarget(name, targets)));
  const trainable = new Map<string, Float32Array>();
  for (const site of sites) {
    const parts = found.get(site);
    if (!parts) throw new FormatError("missing", `The adapter's target_modules name "${site.path}", but it has no tensor of it.`);
    for (const [name, shape] of Object.entries(def.trainable(site, settings))) {
      const part = form.parts[name] as string;
      trainable.set(`${site.path}.${name}`, expectShape(parts.get(part), `${site.path}.${part}`, shape).data);
    }
  }
  for (const [name, { data }] of headOf(folder.saved, model.image.width)) trainable.set(name, data);
  const isSaved = fieldsOf(config).flag("save_projection", true);
  const present = form.shared?.keys.filter((key) => folder.shared.has(key)) ?? [];
  const given: Readonly<Record<string, Values>> =
    form.shared && (isSaved || present.length > 0) ? form.shared.read(folder.shared, settings, sites) : {};
  return { sites, seed, given: { trainable, shared: given }, config: { method, settings }, saved: folder.saved };
}

/** The tensors of a linear head, both or none. Throws FormatError when they do not fit, UnsupportedError for other modules. */
function headOf(saved: PeftFolder["saved"], width: number): PeftFolder["saved"] {
  const names: readonly string[] = Object.values(HEAD);
  for (const name of saved.keys()) {
    if (!name.startsWith("classifier."))
      throw new UnsupportedError(`modules_to_save with "${name}"`, "only a linear head, classifier, can be opened.");
    if (!names.includes(name)) throw new FormatError("key", `The adapter's tensor "${name}" is no part of a linear head.`);
  }
  if (saved.size === 0) return saved;
  const bias = expectShape(saved.get(HEAD.bias), HEAD.bias, [undefined]);
  expectShape(saved.get(HEAD.weight), HEAD.weight, [bias.shape[0], width]);
  return saved;
}

function methodOf(config: JsonObject) {
  const known = [...adapters].filter(([, def]) => def.peft?.type === config.peft_type);
  for (const [method, def] of known) {
    const read = def.peft?.read(fieldsOf(config));
    if (read) return { method, def, ...read };
  }
  const types = [...new Set([...adapters.values()].flatMap(({ peft }) => (peft ? [peft.type] : [])))].join(", ");
  throw new UnsupportedError(`peft_type "${String(config.peft_type)}"`, `adapters of ${types} can be opened, with the options built here.`);
}

/** A module by all names that transformers has for it: by version, and in the bare encoder. */
function namesOf(path: string, { prefix = "", renamed = (name) => name }: Backbone["def"]): string[] {
  const whole = [path, renamed(path)];
  return [...new Set([...whole, ...whole.map((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name))])];
}
