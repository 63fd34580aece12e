/** The shipped model's files, read as the page fetches them. */
import { readFileSync } from "node:fs";
import type { ModelFiles } from "../src/train/backbone.ts";

const json = (path: string): object => JSON.parse(readFileSync(path, "utf8")) as object;

export function modelFiles(folder = "public/models/clip-tiny"): ModelFiles {
  return {
    config: readFileSync(`${folder}/config.json`),
    weights: readFileSync(`${folder}/model.safetensors`),
    tokenizer: { tokenizer: json(`${folder}/tokenizer.json`), config: json(`${folder}/tokenizer_config.json`) },
  };
}

/** ‖got - want‖ / ‖want‖ */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference += ((got[i] as number) - (want[i] as number)) ** 2;
    size += (want[i] as number) ** 2;
  }
  return got.length === want.length ? Math.sqrt(difference / size) : Number.NaN;
}
