/** IDX files as a source: MNIST, Fashion-MNIST, EMNIST and their kin, packed by gzip or not, several pairs at once. */

import { IDX_HEADER_BYTES, readIdx } from "../formats/idx.ts";
import { Blocks } from "./block.ts";
import { mnistNames } from "./known.ts";
import { partIn } from "./paths.ts";
import { pngOf, type Raster } from "./raw.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { type Found, type Listing, leaveOut, listing, type Reading, type SourceFile } from "./source.ts";
import { gunzip } from "./spill.ts";

/** "train-images-idx3-ubyte.gz", "t10k-labels.idx1-ubyte". */
const NAME = /^(.*?)(images|labels)[-._]idx\d-ubyte(\.gz)?$/i;
const MAPPING = /^(.*)mapping\.txt$/i;

interface Pair {
  images?: Found;
  labels?: Found;
}

/** Takes the pairs of images and labels out of what was found. */
export async function readIdxSets(found: readonly Found[], name: string): Promise<Reading> {
  const pairs = new Map<string, Pair>();
  const maps = new Map<string, Found>();
  const rest: Found[] = [];
  for (const file of found) {
    const match = NAME.exec(file.path);
    if (match === null) {
      rest.push(file);
      continue;
    }
    const [, key = "", kind = "", packed] = match;
    const pair = pairs.get(key) ?? {};
    pairs.set(key, pair);
    const side = kind.toLowerCase() as keyof Pair;
    // Where a file lies beside its packed copy, the packed one is not needed.
    if (pair[side] === undefined || packed === undefined) pair[side] = file;
  }
  if (pairs.size === 0) return { sources: [], rest: [...found] };
  for (const file of rest) if (MAPPING.test(file.path)) maps.set(MAPPING.exec(file.path)?.[1] ?? "", file);
  const list = listing();
  const files: SourceFile[] = [];
  leaveVariants(pairs, list);
  for (const [key, { images, labels }] of pairs) {
    if (images === undefined || labels === undefined) {
      const lacking = images === undefined ? "images" : "labels";
      const have = images ?? labels;
      leaveOut(list, have?.path ?? key, "missing", `the file of its ${lacking} is missing: give both together`);
      continue;
    }
    try {
      const map = [...maps].find(([start]) => key.startsWith(start))?.[1];
      const names = map === undefined ? undefined : namesIn(await (await map.open()).text());
      for (const file of await readPair(images, labels, `${name}/${key}`, names)) files.push(file);
    } catch (error) {
      const { kind, message } = refusalOf(error);
      leaveOut(list, images.path, kind, message);
    }
  }
  const taken = new Set(maps.values());
  return { sources: [{ name, files, notes: list.notes, warnings: [] }], rest: rest.filter((file) => !taken.has(file)) };
}

/** EMNIST is the same characters six times over, each time under other classes. One of them is taken. */
function leaveVariants(pairs: Map<string, Pair>, list: Listing): void {
  const variantOf = (key: string) => /emnist-(\w+)-(train|test)-$/i.exec(key)?.[1]?.toLowerCase();
  const variants = new Set([...pairs.keys()].map(variantOf).filter((variant) => variant !== undefined));
  const taken = variants.has("balanced") ? "balanced" : [...variants][0];
  for (const [key, { images, labels }] of pairs) {
    const variant = variantOf(key);
    if (variant === undefined || variant === taken) continue;
    pairs.delete(key);
    const reason = `another division of the same characters: ${taken} is taken; for ${variant} give its files alone`;
    for (const file of [images, labels]) if (file !== undefined) leaveOut(list, file.path, "duplicate", reason);
  }
}

async function readPair(images: Found, labels: Found, hint: string, given: readonly string[] | undefined): Promise<SourceFile[]> {
  const [pictures, answers] = [await openIdx(images), await openIdx(labels)];
  const [count = 0, height = 0, width = 0, channels = 1] = pictures.shape;
  if (pictures.shape.length < 3 || pictures.shape.length > 4 || (channels !== 1 && channels !== 3)) {
    throw new Refusal("unreadable", `its shape is ${pictures.shape.join(" × ")}, which is no row of images`);
  }
  if (answers.shape.length !== 1 || answers.shape[0] !== count) {
    throw new Refusal("damaged", `${count} images, but ${answers.shape.join(" × ")} labels`);
  }
  // EMNIST was written from Matlab, column by column.
  const raster: Raster = { width, height, channels, order: /emnist/i.test(hint) ? "columns" : undefined };
  const bytes = width * height * channels;
  const values = await answers.blocks.read(answers.start, count);
  const names = given ?? mnistNames(hint, [...values.subarray(0, 10)]);
  const part = partIn(hint);
  const path = images.path.replace(/\.gz$/i, "");
  return Array.from(values, (label, i) => ({
    path: `${path}/${i}.png`,
    className: names?.[label] ?? String(label),
    part,
    open: async () => pngOf(raster, await pictures.blocks.read(pictures.start + i * bytes, bytes)),
  }));
}

async function openIdx(file: Found) {
  const given = await file.open();
  const blocks = new Blocks(/\.gz$/i.test(file.path) ? await gunzip(given) : given);
  return { blocks, ...readIdx(await blocks.read(0, IDX_HEADER_BYTES), blocks.blob.size) };
}

/** EMNIST's mapping: lines of a label and the character's code, with a second code where two characters are one class. */
function namesIn(text: string): string[] {
  const names: string[] = [];
  for (const [, label, codes = ""] of text.matchAll(/^(\d{1,3})((?:[ \t]+\d{1,5})+)[ \t]*\r?$/gm)) {
    names[Number(label)] = String.fromCharCode(Number(codes.trim().split(/\s+/)[0]));
  }
  return names;
}
