/** A trained lane as files: for PEFT, for transformers, and as ONNX. */
import type { AnyAdapter } from "../adapters/adapter.ts";
import { adapterConfig } from "../formats/config.ts";
import { UnsupportedError } from "../formats/error.ts";
import { stringifyLike } from "../formats/json.ts";
import { mergedConfig, NOT_IN_CLASSIFIERS, writeCheckpoint } from "../formats/merged.ts";
import { type PeftFolder, writePeft } from "../formats/peft.ts";
import type { FloatTensor } from "../formats/safetensors.ts";
import { HEAD } from "./head.ts";
import { adaptedSites, changedTensors, classEmbeddings, lowRank, read, readHead, readShared, type Trained } from "./merge.ts";
import type { ExportOptions } from "./protocol.ts";
import { traceModel } from "./trace.ts";

/** File name → bytes. */
export type Files = Map<string, Uint8Array<ArrayBuffer>>;

export interface Exported extends Trained {
  /** Names of the classes, in the order of the logits. */
  readonly classes: readonly string[];
  /** Hub id of the base model, where it has one. */
  readonly baseModel: string | null;
}

/** How a method leaves as a PEFT folder. "none": it changes more than PEFT's files can say. */
export function peftForm({ peft, inner }: AnyAdapter, settings: Readonly<Record<string, number>>): "own" | "lora" | "none" {
  if (peft) return "own";
  return inner({ in: 2, out: 2 }, settings) > 0 ? "lora" : "none";
}

/**
 * An adapter folder. What PEFT has no form for but has factors leaves as a LoRA of the same ΔW.
 * Throws UnsupportedError for methods that change the model's own tensors.
 */
export async function exportPeft(trained: Exported, { transformers, perModule }: Omit<ExportOptions, "form">): Promise<Files> {
  const { backbone, lane, baseModel } = trained;
  const form = peftForm(lane.def, lane.settings);
  if (form === "none")
    throw new UnsupportedError(
      `${lane.def.title} as a PEFT folder`,
      "it has no update in a form that PEFT reads; export the merged model.",
    );
  const sites = adaptedSites(trained);
  const rename = transformers === 5 ? (backbone.def.renamed ?? String) : String;
  const saved = await readHead(trained);
  const { type, own, modules } = form === "own" ? await ownParts(trained) : await asLora(trained);
  const shared = lane.def.peft?.shared?.write(await readShared(trained), lane.settings, sites) ?? new Map<string, FloatTensor>();
  const paths = sites.map(({ path }) => rename(path));
  const folder: PeftFolder = {
    config: adapterConfig(type, { baseModel, targetModules: paths, saved: saved.size > 0 ? [HEAD_MODULE] : [] }, own),
    modules: new Map(paths.map((path, s) => [path, modules[s] as ReadonlyMap<string, FloatTensor>])),
    shared,
    saved,
  };
  return writePeft(folder, { perModule });
}

const HEAD_MODULE = "classifier";

interface Parts {
  readonly type: string;
  readonly own: Readonly<Record<string, unknown>>;
  /** In the order of the adapted sites: key → tensor. */
  readonly modules: readonly ReadonlyMap<string, FloatTensor>[];
}

async function ownParts(trained: Exported): Promise<Parts> {
  const { backbone, lane } = trained;
  const peft = lane.def.peft as NonNullable<AnyAdapter["peft"]>;
  const modules = adaptedSites(trained).map(async ({ path }) => {
    const parts = new Map<string, FloatTensor>();
    for (const [name, key] of Object.entries(peft.parts)) parts.set(key, await read(backbone, lane.tensor(`${path}.${name}`)));
    return parts;
  });
  return { type: peft.type, own: peft.write(lane.settings, lane.seed), modules: await Promise.all(modules) };
}

/** PEFT wants one rank for all layers: smaller ones are filled up with zeros. */
async function asLora(trained: Exported): Promise<Parts> {
  const factors: { A: FloatTensor; B: FloatTensor }[] = [];
  for (const site of adaptedSites(trained)) factors.push(await lowRank(trained, site));
  const rank = Math.max(...factors.map(({ A }) => A.shape[0] as number));
  const modules = factors.map(({ A, B }) => {
    const [[r, inner], [out]] = [A.shape as [number, number], B.shape as [number, number]];
    const [a, b] = [new Float32Array(rank * inner), new Float32Array(out * rank)];
    a.set(A.data);
    for (let o = 0; o < out; o++) b.set(B.data.subarray(o * r, (o + 1) * r), o * rank);
    return new Map([
      ["lora_A.weight", { shape: [rank, inner], data: a }],
      ["lora_B.weight", { shape: [out, rank], data: b }],
    ]);
  });
  return { type: "LORA", own: { r: rank, lora_alpha: rank, lora_dropout: 0, init_lora_weights: true }, modules };
}

/** model.safetensors and config.json of the whole model, as transformers reads them. */
export async function exportMerged(trained: Exported): Promise<Files> {
  const { backbone, head, classes } = trained;
  const { checkpoint, def } = backbone;
  const isLinear = head.kind === "linear";
  const removed = [...NOT_IN_CLASSIFIERS, ...(isLinear ? (def.outside ?? []) : [])];
  // Among them may be tensors of the tower that the class does not have, rounded for training.
  const changed = new Map([...(await changedTensors(trained))].filter(([name]) => !removed.some((pattern) => pattern.test(name))));
  const weights = writeCheckpoint(checkpoint, { changed, added: await readHead(trained), removed });
  const architecture = (isLinear ? def.classes.linear : def.classes.text) ?? def.classes.linear;
  const base = (isLinear && def.whole?.(checkpoint.config)) || checkpoint.config;
  const config = mergedConfig(base, { architecture, ...(isLinear && { labels: classes }) });
  return new Map([
    ["model.safetensors", weights],
    ["config.json", new TextEncoder().encode(stringifyLike(config, checkpoint.configText))],
  ]);
}

/** model.onnx: pixel_values (batch, 3, size, size), normalised → logits (batch, classes). */
export async function exportOnnx(trained: Exported): Promise<Files> {
  const { backbone, classes } = trained;
  const changed = await changedTensors(trained);
  const linear = await readHead(trained);
  const [weight, bias] = [linear.get(HEAD.weight), linear.get(HEAD.bias)];
  const bytes = traceModel({
    config: backbone.checkpoint.config,
    size: backbone.model.image.size,
    weights: (name, shape) => changed.get(name)?.data ?? backbone.checkpoint.tensor(name, shape),
    head: weight && bias ? { kind: "linear", weight, bias } : { kind: "text", classes: await classEmbeddings(trained) },
    metadata: { classes: JSON.stringify(classes) },
  });
  return new Map([["model.onnx", bytes]]);
}

export const json = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
