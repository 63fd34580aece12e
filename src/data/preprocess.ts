/** Reading a model's preprocessor_config.json. */

import type { Preprocess } from "./dataset.ts";

/** Fields that change nothing here: names, and choices about memory layout. Images are always made RGB. */
const NEUTRAL = new Set([
  "image_processor_type",
  "feature_extractor_type",
  "processor_class",
  "do_convert_rgb",
  "data_format",
  "_valid_processor_keys",
]);

const READ = new Set([
  "do_resize",
  "size",
  "resample",
  "do_center_crop",
  "crop_size",
  "do_rescale",
  "rescale_factor",
  "do_normalize",
  "image_mean",
  "image_std",
]);

/** Pillow's numbers for its filters. */
const RESAMPLE: Record<number, Preprocess["resample"]> = { 2: "bilinear", 3: "bicubic" };

/** Processors for which one number as `size` means both edges; for all others it is the shortest one. */
const STRETCHING = /^(ViT|DeiT)/;

/**
 * The preparation a model was trained with: resize, centre crop, mean and deviation.
 * @param json parsed preprocessor_config.json
 * @throws Error naming the field that is missing, unknown, or asks for something that is not done here
 */
export function parsePreprocess(json: unknown): Preprocess {
  if (!isRecord(json)) throw new Error("preprocessor_config.json: not an object.");
  const processor = String(json.image_processor_type ?? json.feature_extractor_type ?? "");
  const crops = json.do_center_crop ?? !STRETCHING.test(processor);
  for (const [field, value] of Object.entries(json)) {
    const inactive = value === null || value === false || (field === "crop_size" && !crops);
    if (!READ.has(field) && !NEUTRAL.has(field) && !inactive) refuse(field, value, "is not known here");
  }
  for (const field of ["do_resize", "do_rescale", "do_normalize"]) {
    if (json[field] !== undefined && json[field] !== true) refuse(field, json[field], "must be true");
  }
  if (typeof crops !== "boolean") refuse("do_center_crop", crops, "must be true or false");
  const rescale = json.rescale_factor ?? 1 / 255;
  if (typeof rescale !== "number" || Math.abs(rescale * 255 - 1) > 1e-6) {
    refuse("rescale_factor", rescale, "must be 1/255");
  }
  const resample = RESAMPLE[Number(json.resample)] ?? refuse("resample", json.resample, "must be 2 or 3");
  const { resize, stretch } = edges(json.size, STRETCHING.test(processor));
  if (!crops && !stretch) refuse("do_center_crop", crops, "must be true where the shortest edge is resized: images must be square");
  const crop = crops ? squareSide(json.crop_size) : resize;
  if (crop > resize) refuse("crop_size", json.crop_size, "must not exceed the edges after resizing");
  return { resize, ...(stretch && { stretch }), resample, crop, mean: triple(json, "image_mean"), std: triple(json, "image_std") };
}

function edges(size: unknown, stretching: boolean): { readonly resize: number; readonly stretch: boolean } {
  // Older files give one number.
  if (isSide(size)) return { resize: size, stretch: stretching };
  if (isRecord(size) && isSide(size.shortest_edge)) return { resize: size.shortest_edge, stretch: false };
  if (isRecord(size) && isSide(size.height) && size.height === size.width) return { resize: size.height, stretch: true };
  return refuse("size", size, "must give the shortest edge, or one number for both");
}

function squareSide(size: unknown): number {
  if (isSide(size)) return size;
  if (isRecord(size) && isSide(size.height) && size.height === size.width) return size.height;
  return refuse("crop_size", size, "must be a square");
}

function triple(json: Record<string, unknown>, field: string): readonly [number, number, number] {
  const value = json[field];
  if (!Array.isArray(value) || value.length !== 3) return refuse(field, value, "must be three numbers");
  const [r, g, b]: unknown[] = value;
  if (!isNumber(r) || !isNumber(g) || !isNumber(b)) return refuse(field, value, "must be three numbers");
  if (field === "image_std" && (r <= 0 || g <= 0 || b <= 0)) return refuse(field, value, "must be above 0");
  return [r, g, b];
}

function refuse(field: string, value: unknown, why: string): never {
  throw new Error(`preprocessor_config.json: ${field} = ${JSON.stringify(value)} ${why}.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSide(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
