/**
 * A CLIP of a few thousand numbers in the place of the model that the page comes with, its tokenizer kept. A software adapter takes
 * milliseconds for a step of it, so that tests can run whole races, and several.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { buildModel } from "../../src/train/catalog.ts";
import { toyValues } from "../toys.ts";

const SIDE = 16;
const ENCODER = { hidden_size: 24, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2 };

/** `built`: the folder of the built app. */
export function placeToy(built: string): void {
  const folder = join(built, "models/clip-tiny");
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Record<string, unknown>;
  const write = (name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value));
  const base = read("config.json");
  const config = {
    ...base,
    projection_dim: 16,
    vision_config: { ...(base.vision_config as object), ...ENCODER, image_size: SIDE, patch_size: 8 },
    text_config: { ...(base.text_config as object), ...ENCODER, num_hidden_layers: 1 },
  };
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>();
  buildModel(config, (name, shape) => {
    weights.set(name, { shape, data: toyValues(name, shape) });
    return tensor(shape);
  });
  write("config.json", config);
  write("preprocessor_config.json", {
    ...read("preprocessor_config.json"),
    size: { shortest_edge: SIDE },
    crop_size: { height: SIDE, width: SIDE },
  });
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(weights));
}
