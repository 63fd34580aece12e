/** What a layer is called; its tower is named where lanes change both. */
import type { LayerRank } from "../../train/run.ts";

type Named = Pick<LayerRank, "path" | "block" | "target">;

const isText = ({ path }: Named): boolean => path.startsWith("text_model.");

export function nameOf(layer: Named, all: readonly Named[]): string {
  const name = `block ${layer.block + 1}, ${layer.target}`;
  if (all.every((other) => isText(other) === isText(layer))) return `B${name.slice(1)}`;
  return `${isText(layer) ? "Text" : "Image"} tower, ${name}`;
}

/** Whether two layers are in one block of one tower. */
export const areNeighbours = (a: Named | undefined, b: Named | undefined): boolean =>
  a !== undefined && b !== undefined && a.block === b.block && isText(a) === isText(b);
