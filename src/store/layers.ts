/** The adapted layers as charts show them: in the order of the model, by name, block by block. */
import type { LayerRank } from "../train/run.ts";

type Layer = Pick<LayerRank, "path" | "block" | "target">;

export const isText = ({ path }: Layer): boolean => path.startsWith("text_model.");

/** Of all lanes, the image tower's first: an imported adapter may have layers that no other lane has. */
export function layersOf<L extends Layer>(lanes: readonly (readonly L[])[]): readonly L[] {
  const found = new Map<string, L>();
  // The longest list knows best what comes between what.
  for (const layer of lanes.toSorted((a, b) => b.length - a.length).flat()) if (!found.has(layer.path)) found.set(layer.path, layer);
  return [...found.values()].sort((a, b) => Number(isText(a)) - Number(isText(b)) || a.block - b.block);
}

/** With its tower where lanes change both. */
export function layerName(layer: Layer, all: readonly Layer[]): string {
  const name = `block ${layer.block + 1}, ${layer.target}`;
  if (all.every((other) => isText(other) === isText(layer))) return `B${name.slice(1)}`;
  return `${isText(layer) ? "Text" : "Image"} tower, ${name}`;
}

/** Neighbours of one block of one tower. */
export function blocksOf<L extends Layer>(layers: readonly L[]): readonly (readonly L[])[] {
  const blocks: L[][] = [];
  for (const layer of layers) {
    const [first] = blocks.at(-1) ?? [];
    if (first && first.block === layer.block && isText(first) === isText(layer)) blocks.at(-1)?.push(layer);
    else blocks.push([layer]);
  }
  return blocks;
}
