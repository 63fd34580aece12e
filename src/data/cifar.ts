/** CIFAR-10 and CIFAR-100 as a source: the binary version, and Python's pickles, which torchvision downloads. */

import { readPickle } from "../formats/pickle.ts";
import type { PickleValue } from "../formats/pickled.ts";
import { Blocks } from "./block.ts";
import { CIFAR10 } from "./known.ts";
import { pacer } from "./pace.ts";
import { partIn } from "./paths.ts";
import { pngOf, type Raster, squareSide } from "./raw.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { type Found, leaveOut, listing, type Reading, type SourceFile } from "./source.ts";

const RASTER: Raster = { width: 32, height: 32, channels: 3, order: "planes" };
const PIXELS = 3072;
const TEN = /^(data_batch_\d+|test_batch)(\.bin)?$/;
const HUNDRED = /^(train|test)(\.bin)?$/;
const NAMES = /^(batches\.meta(\.txt)?|meta|(fine|coarse)_label_names\.txt)$/;

/** Takes the batches, and the files that name their classes, out of what was found. */
export async function readCifar(found: readonly Found[], name: string): Promise<Reading> {
  const folders = new Map<string, Map<string, Found>>();
  for (const file of found) {
    const cut = file.path.lastIndexOf("/") + 1;
    const base = file.path.slice(cut);
    if (!TEN.test(base) && !HUNDRED.test(base) && !NAMES.test(base)) continue;
    const folder = file.path.slice(0, cut);
    folders.set(folder, (folders.get(folder) ?? new Map<string, Found>()).set(base, file));
  }
  const list = listing();
  const files: SourceFile[] = [];
  const taken = new Set<Found>();
  const warnings = new Set<string>();
  for (const inside of folders.values()) {
    const ten = [...inside].filter(([base]) => TEN.test(base));
    // "train" and "test" alone say nothing: only the names of the classes beside them do.
    const isHundred = inside.has("meta") || inside.has("fine_label_names.txt");
    const batches = [...ten, ...(isHundred ? [...inside].filter(([base]) => HUNDRED.test(base)) : [])];
    if (batches.length === 0) continue;
    const names = await namesIn(inside).catch(() => undefined);
    for (const [base, file] of inside) if (NAMES.test(base)) taken.add(file);
    for (const [base, file] of batches) {
      taken.add(file);
      try {
        const read = base.endsWith(".bin") ? readBinary : readPython;
        const coarse = await read(file, TEN.test(base) ? (names ?? CIFAR10) : names, TEN.test(base) ? 1 : 2, files);
        if (coarse) warnings.add("The 100 fine classes were taken; the 20 coarse ones were not.");
      } catch (error) {
        const { kind, message } = refusalOf(error);
        leaveOut(list, file.path, kind, message);
      }
    }
  }
  if (taken.size === 0) return { sources: [], rest: found };
  return {
    sources: [{ name, files, notes: list.notes, warnings: [...warnings] }],
    rest: found.filter((file) => !taken.has(file)),
  };
}

/** Records of one or two label bytes and the pixels. Whether there were coarse labels. */
async function readBinary(file: Found, names: readonly string[] | undefined, labels: number, into: SourceFile[]): Promise<boolean> {
  const blob = await file.open();
  const record = labels + PIXELS;
  if (blob.size === 0 || blob.size % record !== 0) {
    throw new Refusal("damaged", `${blob.size} bytes are no whole number of CIFAR images of ${record} bytes`);
  }
  const blocks = new Blocks(blob);
  const pause = pacer();
  for (let i = 0; i * record < blob.size; i++) {
    await pause();
    const at = i * record;
    const label = (await blocks.read(at + labels - 1, 1))[0] ?? 0;
    into.push({
      path: `${file.path}/${i}.png`,
      className: names?.[label] ?? String(label),
      part: partIn(file.path) ?? "train",
      open: async () => pngOf(RASTER, await blocks.read(at + labels, PIXELS)),
    });
  }
  return labels > 1;
}

async function readPython(file: Found, names: readonly string[] | undefined, _: number, into: SourceFile[]): Promise<boolean> {
  const blocks = new Blocks(await file.open());
  const batch = fieldsOf(await unpickle(blocks));
  const data = batch.get("data");
  const labels = batch.get("fine_labels") ?? batch.get("labels");
  if (typeof data !== "object" || data === null || !("shape" in data) || !Array.isArray(labels)) {
    throw new Refusal("unreadable", "a pickle without the data and labels of a CIFAR batch");
  }
  const [count = 0, width = 0] = data.shape;
  const side = squareSide(width / 3);
  if (data.shape.length !== 2 || data.dtype !== "u1" || data.fortran || side === undefined || labels.length !== count) {
    throw new Refusal("damaged", `data of the shape ${data.shape.join(" × ")} and ${labels.length} labels are no CIFAR batch`);
  }
  const held = data.data;
  const length = held instanceof Uint8Array ? held.length : held.left.length;
  if (length < count * width) throw new Refusal("damaged", "a pickle whose data are cut off");
  const raster: Raster = { ...RASTER, width: side, height: side };
  const read = async (at: number) =>
    held instanceof Uint8Array ? held.subarray(at, at + width) : await blocks.read(held.left.at + at, width);
  for (const [i, label] of labels.entries()) {
    into.push({
      path: `${file.path}/${i}.png`,
      className: names?.[Number(label)] ?? String(Number(label)),
      part: partIn(file.path) ?? "train",
      open: async () => pngOf(raster, await read(i * width)),
    });
  }
  return batch.has("coarse_labels");
}

async function namesIn(files: ReadonlyMap<string, Found>): Promise<readonly string[] | undefined> {
  const text = files.get("batches.meta.txt") ?? files.get("fine_label_names.txt");
  if (text !== undefined) return (await (await text.open()).text()).split(/\r?\n/).filter((line) => line !== "");
  const pickle = files.get("batches.meta") ?? files.get("meta");
  if (pickle === undefined) return undefined;
  const fields = fieldsOf(await unpickle(new Blocks(await pickle.open())));
  const names = fields.get("fine_label_names") ?? fields.get("label_names");
  return Array.isArray(names) ? names.map(textOf) : undefined;
}

async function unpickle(blocks: Blocks): Promise<PickleValue> {
  const reader = readPickle(blocks.blob.size);
  let step = reader.next();
  const pause = pacer();
  // All of the latest block at once: a pickle is read byte by byte.
  while (!step.done) {
    await pause();
    step = reader.next(await blocks.read(step.value.at, Math.max(step.value.length, 2 ** 14)));
  }
  return step.value;
}

function fieldsOf(value: PickleValue): Map<string, PickleValue> {
  if (!(value instanceof Map)) throw new Refusal("unreadable", "a pickle that is no CIFAR batch");
  return new Map(Array.from(value, ([key, field]) => [textOf(key), field]));
}

/** Python 3 keeps Python 2's text as bytes. */
function textOf(value: PickleValue): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}
