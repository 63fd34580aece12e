/** A PEFT folder as the start of a lane. */
import type { Values } from "../adapters/adapter.ts";
import { UnsupportedError } from "../formats/error.ts";
import { isLora, type PeftFolder } from "../formats/peft.ts";
import { matchesTarget } from "../formats/target.ts";
import type { Site } from "../models/model.ts";
import type { LaneSetup } from "./lane.ts";

/**
 * The lane that continues the folder's adapter, on the sites that its target_modules name. Learning rate and head are the caller's.
 * Throws UnsupportedError for methods that have no file in src/adapters.
 */
export function adopt(folder: PeftFolder, all: readonly Site[], lr: number): LaneSetup {
  const sites = all.filter(({ path }) => matchesTarget(path, folder.config.targetModules));
  const trainable = new Map<string, Float32Array>();
  const shared: Record<string, Values> = {};
  const { r: rank, alpha } = folder.config;
  if (isLora(folder)) {
    if (folder.config.useDora) throw new UnsupportedError("use_dora", "DoRA has no file in src/adapters.");
    if (folder.config.useRslora) throw new UnsupportedError("use_rslora", "rsLoRA has no file in src/adapters.");
    for (const [path, { A, B }] of folder.modules) trainable.set(`${path}.a`, A.data).set(`${path}.b`, B.data);
    return { sites, config: { method: "lora", settings: { rank, alpha }, lr }, seed: 0, head: new Map(), given: { trainable, shared } };
  }
  if (folder.config.variant !== "dense") throw new UnsupportedError("sparse", "RandLoRA on ternary bases has no file in src/adapters.");
  for (const [path, { lambda, gamma }] of folder.modules) trainable.set(`${path}.lambda`, lambda.data).set(`${path}.gamma`, gamma.data);
  if (folder.bases) {
    const { A, B } = folder.bases;
    shared.basisA = { shape: [rank, A.data.length / rank], data: A.data };
    shared.basisB = { shape: [B.shape[0] as number, B.data.length / (B.shape[0] as number)], data: B.data };
  }
  return {
    sites,
    config: { method: "randlora", settings: { rank, alpha }, lr },
    seed: folder.config.projectionPrngKey,
    head: new Map(),
    given: { trainable, shared },
  };
}
