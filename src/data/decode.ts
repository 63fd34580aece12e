/** One image file to model input. Needs createImageBitmap and OffscreenCanvas: runs in a worker or in a page. */

import type { Preprocess } from "./dataset.ts";
import { readHeader } from "./header.ts";
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
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type: `image/${format.toLowerCase()}` }), {
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
    return { pixels: new Uint8Array(fitPicture(pictureOf(bitmap), preprocess)), remark };
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

function pictureOf(bitmap: ImageBitmap): Picture {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, Math.min(BAND, height));
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new Refusal("unreadable", "the browser had no memory left to draw it");
  context.fillStyle = "#fff";
  return {
    width,
    height,
    channels: 4,
    rows(top, count) {
      context.fillRect(0, 0, width, count);
      context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
      return context.getImageData(0, 0, width, count).data;
    },
  };
}
