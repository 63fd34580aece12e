/** Images that lie as raw bytes in a file with others: each becomes a PNG when its turn comes. */

import { writePng } from "../formats/png.ts";
import { Refusal } from "./refusal.ts";

export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  /** How the bytes lie, in place of (height, width, channels): "planes" (channels, height, width), "columns" (width, height, channels). */
  readonly order?: "planes" | "columns" | undefined;
}

/** @throws Refusal when there are too few bytes */
export function pngOf(raster: Raster, bytes: Uint8Array): Blob {
  const { width, height, channels, order } = raster;
  if (bytes.length < width * height * channels) throw new Refusal("damaged", "the file ends before this image does");
  return new Blob([writePng(width, height, channels, order === undefined ? bytes : inRows(raster, bytes))], { type: "image/png" });
}

function inRows({ width, height, channels, order }: Raster, bytes: Uint8Array): Uint8Array {
  const [x, y, c] = order === "planes" ? [1, width, width * height] : [height * channels, channels, 1];
  const rows = new Uint8Array(width * height * channels);
  let to = 0;
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      for (let k = 0; k < channels; k++) rows[to++] = bytes[i * y + j * x + k * c] as number;
    }
  }
  return rows;
}

/** The side of a square of so many pixels, or undefined. */
export function squareSide(pixels: number): number | undefined {
  const side = Math.round(Math.sqrt(pixels));
  return side > 0 && side * side === pixels ? side : undefined;
}
