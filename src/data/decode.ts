/** One image file to model input. Needs createImageBitmap and OffscreenCanvas: runs in a worker or in a page. */

import type { Preprocess } from "./dataset.ts";
import { readHeader, webpTurn } from "./header.ts";
import { Refusal } from "./refusal.ts";
import { fitPicture, type Picture } from "./resize.ts";

export interface Decoded {
  /** (crop, crop, 3) RGB. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** What to tell about an image that is taken all the same. */
  readonly remark: string | undefined;
}

const MAX_PIXELS = 100e6;
const MIN_SIDE = 2;
const SMALL_SIDE = 16;
/** Rows drawn at once; the same as the resizer asks for, so that a band is one draw. */
const BAND = 256;

/**
 * Decodes, turns upright (EXIF), puts on white, resizes and crops. Colour profiles are ignored, as Pillow does.
 * Of an animation the first frame is taken.
 * @throws Refusal when the file is not an image, damaged, tiny (a side under 2 pixels) or huge (over 100 megapixels)
 */
export async function decode(bytes: Uint8Array<ArrayBuffer>, preprocess: Preprocess): Promise<Decoded> {
  const { format, width, height } = readHeader(bytes);
  const remark = judgeSize(width, height, preprocess.crop);
  const [upright, way] = format === "WebP" ? takeTurn(bytes) : [bytes, 1];
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([upright], { type: `image/${format.toLowerCase()}` }), {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new Refusal("damaged", `a ${format} that could not be decoded`);
  }
  try {
    // Some formats can hold a frame larger than their header says.
    judgeSize(bitmap.width, bitmap.height, preprocess.crop);
    return { pixels: new Uint8Array(fitPicture(pictureOf(bitmap, way), preprocess)), remark };
  } finally {
    bitmap.close();
  }
}

/** @returns a remark for small images. @throws Refusal for images too small or too large to decode. */
export function judgeSize(width: number, height: number, crop: number): string | undefined {
  const size = `${width} × ${height} pixels`;
  const side = Math.min(width, height);
  if (side < MIN_SIDE) throw new Refusal("tiny", `${size} is too small`);
  if (width * height > MAX_PIXELS) {
    throw new Refusal("huge", `${size} is ${Math.round((width * height) / 1e6)} megapixels; at most 100`);
  }
  return side < SMALL_SIDE && side < crop ? `only ${size}: enlarged to ${crop} × ${crop}` : undefined;
}

/** Which way up a WebP is meant, and a copy in which that is made illegible, so that no browser turns it as well. */
function takeTurn(bytes: Uint8Array<ArrayBuffer>): [upright: Uint8Array<ArrayBuffer>, way: number] {
  const { way, at } = webpTurn(bytes);
  return [at > 0 ? bytes.slice().fill(0x20, at, at + 4) : bytes, way];
}

/** EXIF's orientations as a matrix (a, b, c, d) on a bitmap of the size 1 × 1 around its middle. */
const WAYS = [
  [1, 0, 0, 1],
  [-1, 0, 0, 1],
  [-1, 0, 0, -1],
  [1, 0, 0, -1],
  [0, 1, 1, 0],
  [0, 1, -1, 0],
  [0, -1, -1, 0],
  [0, -1, 1, 0],
] as const;

/** @param way EXIF's orientation that is still to be applied, 1 … 8 */
function pictureOf(bitmap: ImageBitmap, way: number): Picture {
  const [width, height] = way > 4 ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
  const [a, b, c, d] = WAYS[way - 1] ?? WAYS[0];
  const canvas = new OffscreenCanvas(width, Math.min(BAND, height));
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new Refusal("unreadable", "the browser had no memory left to draw it");
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#fff";
  return {
    width,
    height,
    channels: 4,
    rows(top, count) {
      context.resetTransform();
      context.fillRect(0, 0, width, count);
      if (way === 1) {
        context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
      } else {
        context.setTransform(a, b, c, d, width / 2, height / 2 - top);
        context.drawImage(bitmap, -bitmap.width / 2, -bitmap.height / 2);
      }
      return context.getImageData(0, 0, width, count).data;
    },
  };
}
