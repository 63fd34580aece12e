/** What the first bytes of a file tell, before anything is decoded: kind, size in pixels, whether it is whole. Pure. */

import { exifOrientation } from "../formats/exif.ts";
import type { NoteKind } from "./dataset.ts";
import { Refusal } from "./refusal.ts";

export interface Header {
  readonly format: "JPEG" | "PNG" | "WebP" | "GIF" | "BMP" | "AVIF";
  /** Pixels as stored, before any EXIF rotation. */
  readonly width: number;
  readonly height: number;
}

/** What a WebP's EXIF says about which way up it is. */
export interface Turn {
  /** EXIF's orientation, 1 … 8. */
  readonly way: number;
  /** Where the four letters of the chunk's name stand; 0 where there is none. */
  readonly at: number;
}

/** Files that come along with images and cannot be used: where a signature stands, the signature, what it is. */
const OTHERS: readonly (readonly [at: number, signature: string, reason: string, kind?: NoteKind])[] = [
  [4, "ftyphe", "a HEIC photo, which browsers cannot show: export it as JPEG"],
  [4, "ftypmif1", "a HEIF photo, which browsers cannot show: export it as JPEG"],
  [4, "ftypmsf1", "a HEIF photo, which browsers cannot show: export it as JPEG"],
  [4, "ftyp", "a video"],
  [0, "\x1aE\xdf\xa3", "a video"],
  [0, "II*\0", "a TIFF or camera raw file, which browsers cannot show: export it as JPEG or PNG"],
  [0, "MM\0*", "a TIFF or camera raw file, which browsers cannot show: export it as JPEG or PNG"],
  [0, "%PDF", "a PDF document"],
  [0, "8BPS", "a Photoshop file: export it as JPEG or PNG"],
  [0, "\xff\x0a", "a JPEG XL image, which few browsers can show: export it as JPEG or PNG"],
  [4, "JXL ", "a JPEG XL image, which few browsers can show: export it as JPEG or PNG"],
  [4, "jP  ", "a JPEG 2000 image, which browsers cannot show: export it as JPEG or PNG"],
  [0, "\0\0\x01\0", "an icon file: export it as PNG"],
  [0, "PK\x03\x04", "an archive under the name of an image: unpack it, or drop it by itself", "archive"],
  [0, "\x1f\x8b", "an archive under the name of an image: unpack it, or drop it by itself", "archive"],
  [0, "7z\xbc\xaf", "an archive under the name of an image: unpack it, or drop it by itself", "archive"],
  [0, "Rar!", "an archive under the name of an image: unpack it, or drop it by itself", "archive"],
];

const TEXTS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^version https:\/\/git-lfs/, "a Git LFS pointer, not the picture itself: fetch the real files first"],
  [/^<(!doctype html|html)/, "a web page saved under the name of an image"],
  [/^<(svg|.*<svg)/s, "an SVG drawing: export it as PNG"],
];

/**
 * Reads the kind and the size in pixels from the bytes of a whole file.
 * @throws Refusal "not an image" or "archive" (naming what it is), or "damaged" (cut off, or a header without a size)
 */
export function readHeader(bytes: Uint8Array): Header {
  if (bytes.length === 0) throw new Refusal("damaged", "an empty file (0 bytes)");
  const format = formatOf(bytes);
  if (format === undefined) throw describeOther(bytes);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: readonly [number, number] | undefined;
  try {
    size = SIZES[format](data);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal("damaged", `a ${format} that is cut off`);
  }
  const [width, height] = size ?? [0, 0];
  if (width < 1 || height < 1) throw new Refusal("damaged", `a ${format} with a damaged header`);
  return { format, width, height };
}

/** Browsers turn JPEG and PNG upright by themselves, WebP they do not, or not all of them. */
export function webpTurn(bytes: Uint8Array): Turn {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = data.getUint32(at + 4, true);
    if (textAt(bytes, at, 4) === "EXIF") return { way: exifOrientation(bytes.subarray(at + 8, at + 8 + size)), at };
    at += 8 + size + (size % 2);
  }
  return { way: 1, at: 0 };
}

function formatOf(bytes: Uint8Array): Header["format"] | undefined {
  if (textAt(bytes, 0, 3) === "\xff\xd8\xff") return "JPEG";
  if (textAt(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return "PNG";
  if (textAt(bytes, 0, 4) === "RIFF" && textAt(bytes, 8, 4) === "WEBP") return "WebP";
  if (/^GIF8[79]a/.test(textAt(bytes, 0, 6))) return "GIF";
  if (textAt(bytes, 0, 2) === "BM" && textAt(bytes, 6, 4) === "\0\0\0\0") return "BMP";
  // The brand may stand among the compatible ones after "mif1".
  if (textAt(bytes, 4, 4) === "ftyp" && /avi[fs]/.test(textAt(bytes, 8, 32))) return "AVIF";
  return undefined;
}

function describeOther(bytes: Uint8Array): Refusal {
  for (const [at, signature, reason, kind] of OTHERS) {
    if (textAt(bytes, at, signature.length) === signature) return new Refusal(kind ?? "not an image", reason);
  }
  const start = textAt(bytes, 0, 1024)
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart()
    .toLowerCase();
  const text = TEXTS.find(([pattern]) => pattern.test(start));
  return new Refusal("not an image", text?.[1] ?? "not an image of a known kind");
}

/** Per format: (width, height) in pixels; undefined or a RangeError where the file ends too early or makes no sense. */
const SIZES: Record<Header["format"], (data: DataView) => readonly [number, number] | undefined> = {
  JPEG: jpegSize,
  PNG(data) {
    // Walking the chunks to the last one finds files that were cut off; browsers would decode them half empty.
    let at = 8;
    while (data.getUint32(at + 4) !== 0x49454e44 /* IEND */) at += 12 + data.getUint32(at);
    return [data.getUint32(16), data.getUint32(20)];
  },
  GIF: (data) => [data.getUint16(6, true), data.getUint16(8, true)],
  BMP: (data) =>
    data.getUint32(14, true) === 12
      ? [data.getUint16(18, true), data.getUint16(20, true)]
      : [data.getInt32(18, true), Math.abs(data.getInt32(22, true))], // negative height: rows from the top
  WebP(data) {
    if (data.getUint32(4, true) + 8 > data.byteLength) throw new RangeError("cut off");
    const chunk = data.getUint32(12);
    if (chunk === 0x56503820 /* "VP8 " */) return [data.getUint16(26, true) & 0x3fff, data.getUint16(28, true) & 0x3fff];
    if (chunk === 0x5650384c /* "VP8L" */) {
      const bits = data.getUint32(21, true);
      return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
    }
    return [(data.getUint32(24, true) & 0xffffff) + 1, (data.getUint32(26, true) >>> 8) + 1];
  },
  AVIF(data) {
    // One "ispe" box per item (tiles, thumbnails, alpha): the largest is the picture.
    let size: readonly [number, number] = [0, 0];
    for (let at = 0; at + 16 <= Math.min(data.byteLength, 65536); at++) {
      if (data.getUint32(at) !== 0x69737065 /* "ispe" */) continue;
      const [width, height] = [data.getUint32(at + 8), data.getUint32(at + 12)];
      if (width * height > size[0] * size[1]) size = [width, height];
    }
    return size;
  },
};

function jpegSize(data: DataView): readonly [number, number] | undefined {
  let at = 2;
  for (;;) {
    const marker = data.getUint16(at);
    if (marker === 0xffff) {
      at++; // fill bytes are allowed before a marker
    } else if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) {
      const size = [data.getUint16(at + 7), data.getUint16(at + 5)] as const;
      // Inside the compressed data FF is always escaped, so FFD9 after the header is the real end of the picture.
      for (let end = data.byteLength - 2; end > at; end--) if (data.getUint16(end) === 0xffd9) return size;
      throw new RangeError("cut off");
    } else if (marker === 0xffd9 || marker === 0xffda || marker < 0xff01) {
      return undefined; // the picture begins, or nonsense, before any size was told
    } else {
      at += 2 + data.getUint16(at + 2);
    }
  }
}

/** Bytes as Latin-1 text; shorter where the file ends. */
function textAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
