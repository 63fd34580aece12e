import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { judgeSize } from "../src/data/decode.ts";
import { readHeader } from "../src/data/header.ts";
import { parsePreprocess } from "../src/data/preprocess.ts";
import { fitPicture, type Picture, resize, resizedSize } from "../src/data/resize.ts";
import { toRgba } from "../src/data/table.ts";

interface ResizeCase {
  readonly resample: "bilinear" | "bicubic";
  readonly from: readonly [number, number];
  readonly shortest: number;
  readonly to: readonly [number, number];
  readonly input: string;
  readonly output: string;
}

const read = (path: string) => readFileSync(new URL(path, import.meta.url));

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

const latin = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

function picture(width: number, height: number, rgb: Uint8Array, channels: 3 | 4 = 3): Picture {
  const data = channels === 3 ? rgb : toRgba(rgb);
  const row = width * channels;
  return { width, height, channels, rows: (top, count) => data.subarray(top * row, (top + count) * row) };
}

describe("resize", () => {
  const cases = JSON.parse(read("fixtures/resize.json").toString()) as ResizeCase[];
  test.each(cases)("equals Pillow: $resample $from to $to", ({ resample, from, to, shortest, input, output }) => {
    const [width, height] = from;
    expect(resizedSize(width, height, shortest)).toEqual({ width: to[0], height: to[1] });
    const expected = bytesOf(output);
    for (const channels of [3, 4] as const) {
      expect(resize(picture(width, height, bytesOf(input), channels), to[0], to[1], resample)).toEqual(expected);
    }
    // The centre crop computes only what it needs; the result is the same as cropping afterwards.
    const crop = Math.min(shortest, 5);
    const left = Math.floor((to[0] - crop) / 2);
    const top = Math.floor((to[1] - crop) / 2);
    const rows = Array.from({ length: crop }, (_, y) => expected.subarray(((top + y) * to[0] + left) * 3).subarray(0, crop * 3));
    const preprocess = { resize: shortest, resample, crop, mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const cropped = fitPicture(picture(width, height, bytesOf(input)), preprocess);
    const whole = fitPicture(picture(width, height, bytesOf(input)), { ...preprocess, resize: crop, stretch: true });
    expect(whole).toEqual(resize(picture(width, height, bytesOf(input)), crop, crop, resample));
    expect(cropped).toEqual(Uint8Array.from(rows.flatMap((row) => [...row])));
  });
});

describe("header", () => {
  const png = latin(`\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\0\0\0\0\x20${"\0".repeat(9)}\0\0\0\0IEND\xaeB\x60\x82`);
  const jpeg = latin("\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x0b\x08\0\x40\0\x80\x01\x11\0\xff\xda\0\x02data\xff\xd9");
  const webp = (body: string) => {
    const bytes = latin(`RIFF\0\0\0\0WEBP${body}`.padEnd(32, "\0"));
    new DataView(bytes.buffer).setUint32(4, bytes.length - 8, true);
    return bytes;
  };

  test("sizes are read without decoding", () => {
    expect(readHeader(png)).toEqual({ format: "PNG", width: 256, height: 32 });
    expect(readHeader(jpeg)).toEqual({ format: "JPEG", width: 128, height: 64 });
    expect(readHeader(latin("GIF89a\x05\0\x07\0"))).toMatchObject({ width: 5, height: 7 });
    const bmp = `BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0\x05\0\0\0\xf9\xff\xff\xff`;
    expect(readHeader(latin(bmp))).toMatchObject({ format: "BMP", width: 5, height: 7 });
    expect(readHeader(webp("VP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x05\0\x07\0"))).toMatchObject({ width: 5, height: 7 });
    expect(readHeader(webp("VP8L\0\0\0\0\x2f\x04\x80\x01\0"))).toMatchObject({ width: 5, height: 7 });
    expect(readHeader(webp("VP8X\0\0\0\0\0\0\0\0\x04\0\0\x06\0\0"))).toMatchObject({ width: 5, height: 7 });
    const avif = "\0\0\0\x1cftypmif1\0\0\0\0mif1avif\0\0\0\x14ispe\0\0\0\0\0\0\0\x05\0\0\0\x07";
    expect(readHeader(latin(avif))).toEqual({ format: "AVIF", width: 5, height: 7 });
  });

  test.each([
    ["", "damaged", "an empty file (0 bytes)"],
    ["\0\0\0\x18ftypheic\0\0\0\0", "not an image", "a HEIC photo"],
    ["II*\0rest", "not an image", "a TIFF"],
    ["%PDF-1.7", "not an image", "a PDF"],
    ["\n<?xml version='1.0'?><svg>", "not an image", "an SVG"],
    ["<!DOCTYPE html><svg>", "not an image", "a web page"],
    ["version https://git-lfs.github.com/spec/v1", "not an image", "a Git LFS pointer"],
    ["PK\x03\x04rest", "archive", "an archive"],
    ["hello", "not an image", "not an image of a known kind"],
    [Buffer.from(png.slice(0, -12)).toString("latin1"), "damaged", "a PNG that is cut off"],
    [Buffer.from(jpeg.slice(0, -2)).toString("latin1"), "damaged", "a JPEG that is cut off"],
    ["\xff\xd8\xff\xda\0\x02\xff\xd9", "damaged", "a JPEG with a damaged header"],
  ])("%j is refused as %s", (text, kind, reason) => {
    const refused = () => readHeader(latin(text));
    expect(refused).toThrow(reason);
    expect(refused).toThrow(expect.objectContaining({ kind }));
  });

  test("tiny and huge images", () => {
    expect(() => judgeSize(1, 500, 64)).toThrow("1 × 500 pixels is too small");
    expect(judgeSize(9, 9, 64)).toBe("only 9 × 9 pixels: enlarged to 64 × 64");
    expect(judgeSize(40, 40, 64)).toBeUndefined();
    expect(() => judgeSize(12000, 9000, 64)).toThrow("12000 × 9000 pixels is 108 megapixels; at most 100");
  });
});

describe("preprocessor_config.json", () => {
  const json = JSON.parse(read("../public/models/clip-tiny/preprocessor_config.json").toString()) as Record<string, unknown>;

  test("the bundled model's", () => {
    expect(parsePreprocess(json)).toMatchObject({ resize: 64, crop: 64, resample: "bicubic", mean: [0.48145466, 0.4578275, 0.40821073] });
    const vit = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], resample: 2, image_processor_type: "ViTImageProcessor" };
    const whole = { resize: 24, stretch: true, crop: 24, resample: "bilinear" };
    expect(parsePreprocess({ ...vit, size: { height: 24, width: 24 } })).toMatchObject(whole);
    expect(parsePreprocess({ ...vit, size: 24 })).toMatchObject(whole);
    expect(parsePreprocess({ ...vit, size: 32, do_center_crop: true, crop_size: 24 })).toMatchObject({
      resize: 32,
      stretch: true,
      crop: 24,
    });
    expect(() => parsePreprocess({ ...vit, size: { shortest_edge: 24 } })).toThrow("do_center_crop");
    expect(parsePreprocess({ ...json, size: 80, crop_size: 64, resample: 2 })).toMatchObject({ resize: 80, resample: "bilinear" });
  });

  test.each([
    ["size", { height: 64, width: 32 }],
    ["resample", 0],
    ["crop_size", { height: 64, width: 32 }],
    ["crop_size", 65],
    ["do_center_crop", false],
    ["do_normalize", false],
    ["rescale_factor", 0.5],
    ["image_std", [1, 0, 1]],
    ["image_mean", [1, 2]],
    ["do_pad", true],
  ])("%s = %j is refused by name", (field, value) => {
    expect(() => parsePreprocess({ ...json, [field]: value })).toThrow(`preprocessor_config.json: ${field} = `);
  });
});
