/** NumPy arrays as a source: .npz, and .npy beside each other. X and y, x_train and y_train, train_images and train_labels. */

import { NPY_HEADER_BYTES, type NpyHeader, npyNumbers, npyTexts, readNpy } from "../formats/npy.ts";
import { Blocks } from "./block.ts";
import type { Part } from "./dataset.ts";
import { mnistNames } from "./known.ts";
import { partIn, tidyName } from "./paths.ts";
import { pngOf, type Raster, squareSide } from "./raw.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { type Found, type Listing, leaveOut, listing, type Reading, type SourceFile } from "./source.ts";
import { listZip, ZIP_LIMITS } from "./unzip.ts";

const IMAGES = ["x", "images", "image", "imgs", "data", "pixels", "features", "inputs"];
const LABELS = ["y", "labels", "label", "targets", "target", "class", "classes"];
const NAMES = ["classnames", "labelnames", "names", "targetnames"];
/** Arrays whose elements lie in Fortran's order are turned round in memory, up to this many bytes. */
const MOST_TURNED = 64 * 2 ** 20;
const MOST_LABEL_BYTES = 2 ** 28;
/** Images by which the range of the numbers is judged. */
const JUDGED = 64;

interface NpyArray extends NpyHeader {
  readonly path: string;
  readonly blocks: Blocks;
}

/** Takes .npz files and pairs of .npy files out of what was found. */
export async function readArrays(found: readonly Found[], name: string): Promise<Reading> {
  const list = listing();
  const files: SourceFile[] = [];
  const warnings: string[] = [];
  const isArray = ({ path }: Found) => /\.np[yz]$/i.test(path) && !/(^|\/)\./.test(path);
  const sets = new Map<string, Found[]>();
  for (const file of found.filter(isArray)) {
    if (/\.npz$/i.test(file.path)) sets.set(file.path, await insideOf(file, list));
    else {
      const folder = file.path.slice(0, file.path.lastIndexOf("/") + 1);
      sets.set(folder, [...(sets.get(folder) ?? []), file]);
    }
  }
  for (const [where, arrays] of sets) {
    try {
      if (arrays.length > 0) await readSet(arrays, `${name}/${where}`, files, list, warnings);
    } catch (error) {
      const { kind, message } = refusalOf(error);
      leaveOut(list, /z$/i.test(where) ? where : (arrays[0]?.path ?? where), kind, message);
    }
  }
  if (sets.size === 0) return { sources: [], rest: found };
  return { sources: [{ name, files, notes: list.notes, warnings }], rest: found.filter((file) => !isArray(file)) };
}

async function insideOf(file: Found, list: Listing): Promise<Found[]> {
  try {
    const inside = await listZip(await file.open(), file.path, { ...ZIP_LIMITS, entries: 1000 });
    list.notes.push(...inside.notes);
    const arrays = inside.found.filter(({ path }) => /\.npy$/i.test(path));
    if (arrays.length === 0 && inside.notes.length === 0) leaveOut(list, file.path, "not an image", "no arrays in it");
    return arrays.map(({ path, open }) => ({ path: `${file.path}/${path}`, open }));
  } catch (error) {
    const { kind, message } = refusalOf(error);
    leaveOut(list, file.path, kind, message);
    return [];
  }
}

/** The role of an array by its name, and what else the name says: "x_train" is images of "train". */
function roleOf(path: string) {
  const words = (path.split("/").at(-1) ?? "")
    .replace(/\.npy$/i, "")
    .split(/[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])/)
    .map((word) => word.toLowerCase())
    .filter((word) => word !== "");
  const part = partIn(words.join(" "));
  const key = words.filter((word) => partIn(word) === undefined);
  const is = (list: readonly string[]) => list.includes(key.join("")) || key.some((word) => list.includes(word));
  const role = NAMES.includes(key.join("")) ? "names" : is(LABELS) ? "labels" : is(IMAGES) ? "images" : undefined;
  return { role, part } as const;
}

async function readSet(arrays: readonly Found[], hint: string, files: SourceFile[], list: Listing, warnings: string[]): Promise<void> {
  const pairs = new Map<Part | undefined, { images?: Found; labels?: Found }>();
  let names: Found | undefined;
  for (const array of arrays) {
    const { role, part } = roleOf(array.path);
    if (role === "names") names = array;
    else if (role === undefined) leaveOut(list, array.path, "not an image", "an array that is neither called images nor labels");
    else pairs.set(part, { ...pairs.get(part), [role]: array });
  }
  if (pairs.size === 0 && names !== undefined) leaveOut(list, names.path, "missing", "names of classes, but no images");
  const given = names === undefined ? undefined : await textsOf(await openArray(names));
  for (const [part, { images, labels }] of pairs) {
    if (images === undefined || labels === undefined) {
      const [have, lacking] = images === undefined ? [labels, "images"] : [images, "labels"];
      leaveOut(list, have?.path ?? hint, "missing", `no array of the ${lacking} that go with it: call them X and y, or images and labels`);
      continue;
    }
    try {
      for (const file of await readPair(await openArray(images), await openArray(labels), part, hint, given, warnings)) files.push(file);
    } catch (error) {
      const { kind, message } = refusalOf(error);
      leaveOut(list, images.path, kind, message);
    }
  }
}

async function openArray(file: Found): Promise<NpyArray> {
  const blocks = new Blocks(await file.open());
  return { path: file.path, blocks, ...readNpy(await blocks.read(0, NPY_HEADER_BYTES), blocks.blob.size) };
}

async function readPair(
  images: NpyArray,
  labels: NpyArray,
  part: Part | undefined,
  hint: string,
  given: readonly string[] | undefined,
  warnings: string[],
): Promise<SourceFile[]> {
  const raster = rasterOf(images);
  const [count = 0] = images.shape;
  const classes = await classesOf(labels, given, `${hint}/${images.path}`);
  if (classes.length !== count) throw new Refusal("damaged", `${count} images, but ${classes.length} labels`);
  const length = raster.width * raster.height * raster.channels;
  const read = await reader(images, length);
  const toByte = await scaleOf(images, count, length, read, warnings);
  return classes.map((className, i) => ({
    path: `${images.path.replace(/\.npy$/i, "")}/${i}.png`,
    className,
    part,
    open: async () => {
      const bytes = await read(i, 1);
      return pngOf(raster, toByte === undefined ? bytes : Uint8Array.from(npyNumbers(images, bytes), toByte));
    },
  }));
}

/** How an image lies in an array of images, of which the first axis counts. @throws Refusal */
function rasterOf({ shape }: NpyArray): Raster {
  const [, a = 0, b = 0, c = 0] = shape;
  const isChannels = (n: number): n is 1 | 3 | 4 => n === 1 || n === 3 || n === 4;
  if (shape.length === 3) return { width: b, height: a, channels: 1 };
  if (shape.length === 4 && isChannels(c)) return { width: b, height: a, channels: c };
  if (shape.length === 4 && isChannels(a)) return { width: c, height: b, channels: a, order: "planes" };
  const grey = squareSide(a);
  if (shape.length === 2 && grey !== undefined) return { width: grey, height: grey, channels: 1 };
  const colour = squareSide(a / 3);
  // CIFAR's rows: a plane of red, one of green, one of blue.
  if (shape.length === 2 && colour !== undefined) return { width: colour, height: colour, channels: 3, order: "planes" };
  throw new Refusal("unreadable", `its shape is ${shape.join(" × ")}: images are (n, height, width) or (n, height, width, 3)`);
}

/** Gives the bytes of `n` images from image i on, in C's order. */
async function reader(array: NpyArray, length: number): Promise<(i: number, n: number) => Promise<Uint8Array>> {
  const bytes = length * array.width;
  if (!array.fortran) return (i, n) => array.blocks.read(array.start + i * bytes, n * bytes);
  const size = (array.shape[0] ?? 0) * bytes;
  if (size > MOST_TURNED) {
    throw new Refusal("unreadable", "its elements lie in Fortran's order: save np.ascontiguousarray(X) in its place");
  }
  const turned = inRows(array, await array.blocks.read(array.start, size));
  return async (i, n) => turned.subarray(i * bytes, (i + n) * bytes);
}

/** The first axis runs fastest in Fortran's order, and the last one in C's. */
function inRows({ shape, width }: NpyHeader, bytes: Uint8Array): Uint8Array {
  const rows = new Uint8Array(bytes.length);
  const steps = shape.map((_, axis) => shape.slice(0, axis).reduce((product, side) => product * side, width));
  const index = shape.map(() => 0);
  for (let to = 0; to < bytes.length; to += width) {
    const from = index.reduce((sum, i, axis) => sum + i * (steps[axis] as number), 0);
    for (let k = 0; k < width; k++) rows[to + k] = bytes[from + k] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
    }
  }
  return rows;
}

/** How a number becomes a byte; undefined where the array holds the bytes already. */
async function scaleOf(
  array: NpyArray,
  count: number,
  length: number,
  read: (i: number, n: number) => Promise<Uint8Array>,
  warnings: string[],
): Promise<((value: number) => number) | undefined> {
  if (array.kind === "u" && array.width === 1) return undefined;
  if (array.kind === "b") return (value) => value * 255;
  let least = Infinity;
  let most = -Infinity;
  // Images from all over the array: the first ones may all be dark.
  for (let k = 0, n = Math.min(JUDGED, count); k < n && length > 0; k++) {
    for (const value of npyNumbers(array, await read(Math.floor((k * count) / n), 1))) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  const clip = (value: number) => Math.max(0, Math.min(255, Math.round(value)));
  if (array.kind === "f" && least >= 0 && most <= 1.001) return (value) => clip(value * 255);
  if (least >= 0 && most <= 255.5) return clip;
  if (array.kind === "f" && least >= -1.001 && most <= 1.001) {
    warnings.push(`${array.path} holds numbers from −1 to 1: they were taken as black to white.`);
    return (value) => clip((value + 1) * 127.5);
  }
  if (array.kind === "u" && array.width === 2) return (value) => clip(value / 257);
  throw new Refusal("unreadable", `its numbers go from ${least} to ${most}: images are bytes, or numbers from 0 to 1 or from 0 to 255`);
}

async function classesOf(labels: NpyArray, given: readonly string[] | undefined, hint: string): Promise<string[]> {
  if (labels.kind === "U" || labels.kind === "S") return (await textsOf(labels)).map(tidyName);
  const bytes = await contentOf(labels);
  const numbers = npyNumbers(labels, bytes);
  const [count = 0, columns = 1] = labels.shape;
  if (labels.shape.length > 2) throw new Refusal("unreadable", `labels of the shape ${labels.shape.join(" × ")}`);
  // One-hot rows: the class is where the largest number stands.
  const at = (i: number, k: number) => numbers[labels.fortran ? k * count + i : i * columns + k] as number;
  const hot = (i: number) =>
    Array.from({ length: columns }, (_, k) => at(i, k)).reduce((best, v, k, row) => (v > (row[best] ?? 0) ? k : best), 0);
  const values = columns > 1 ? Array.from({ length: count }, (_, i) => hot(i)) : Array.from(numbers);
  const names = given ?? mnistNames(hint, values.slice(0, 10));
  return values.map((value) => names?.[value] ?? String(value));
}

async function textsOf(array: NpyArray): Promise<string[]> {
  if (array.kind !== "U" && array.kind !== "S") throw new Refusal("unreadable", "an array of names that holds no text");
  return npyTexts(array, await contentOf(array));
}

async function contentOf(array: NpyArray): Promise<Uint8Array> {
  const size = array.shape.reduce((product, side) => product * side, array.width);
  if (size > MOST_LABEL_BYTES) throw new Refusal("huge", `${array.path} is too large for labels`);
  return array.blocks.read(array.start, size);
}
