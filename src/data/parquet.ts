/** Image tables in parquet, as Hugging Face's `datasets` writes them: listed by their labels, read by row group. */

import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { partIn, tidyName } from "./paths.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { type Found, type Listing, leaveOut, listing, type Reading, type SourceFile } from "./source.ts";

/** Bytes of one row group's images, which are in memory at once. */
const MOST_GROUP = 2 ** 29;
/** Row groups kept: images are read a few at a time, in order. */
const KEPT = 2;
const LABELS = ["label", "labels", "fine_label", "class", "category", "target"];

/** What `datasets` says about a column; files of other makers have nothing of it. */
interface Feature {
  readonly _type?: unknown;
  readonly names?: unknown;
}

/** Takes the parquet files out of what was found. */
export async function readParquet(found: readonly Found[], name: string): Promise<Reading> {
  const isTable = ({ path }: Found) => /\.parquet$/i.test(path) && !/(^|\/)\./.test(path);
  const tables = found.filter(isTable);
  if (tables.length === 0) return { sources: [], rest: found };
  const list = listing();
  const files: SourceFile[] = [];
  const warnings = new Set<string>();
  for (const table of tables) {
    try {
      for (const file of await readTable(table, name, list, warnings)) files.push(file);
    } catch (error) {
      const { kind, message } = refusalOf(error);
      leaveOut(
        list,
        table.path,
        error instanceof Refusal ? kind : "damaged",
        error instanceof Refusal ? message : `a damaged parquet file (${message})`,
      );
    }
  }
  return { sources: [{ name, files, notes: list.notes, warnings: [...warnings] }], rest: found.filter((file) => !isTable(file)) };
}

async function readTable(table: Found, name: string, list: Listing, warnings: Set<string>): Promise<SourceFile[]> {
  const blob = await table.open();
  const file: AsyncBuffer = { byteLength: blob.size, slice: (start, end) => blob.slice(start, end).arrayBuffer() };
  const metadata = await parquetMetadataAsync(file);
  const { image, label, names, others } = columnsOf(metadata);
  if (others.length > 0) warnings.add(`The classes are those of the column ${label}; ${others.join(" and ")} was not taken.`);
  const groups: Groups = { file, metadata, image, starts: [], kept: new Map() };
  let rows = 0;
  for (const group of metadata.row_groups) {
    groups.starts.push(rows);
    rows += Number(group.num_rows);
  }
  if (!Number.isSafeInteger(rows) || rows > blob.size) throw new Refusal("damaged", `it announces ${rows} rows, more than it has bytes`);
  const part = partIn(`${name}/${table.path}`);
  const files: SourceFile[] = [];
  let unlabelled = 0;
  for (const [g, start] of groups.starts.entries()) {
    const rowEnd = groups.starts[g + 1] ?? rows;
    const labels = await parquetReadObjects({ file, metadata, columns: [label], rowStart: start, rowEnd, compressors });
    for (const [i, row] of labels.entries()) {
      const className = classOf(row[label], names);
      if (className === "") unlabelled++;
      else files.push({ path: `${table.path}/${start + i}`, className, part, open: () => imageAt(groups, g, i) });
    }
  }
  if (unlabelled > 0) leaveOut(list, table.path, "no class", `${unlabelled} of its ${rows} rows have no class in the column ${label}`);
  return files;
}

/** "" for none: tables of tests without answers hold null or −1. */
function classOf(value: unknown, names: readonly string[] | undefined): string {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  if (isNumber && names !== undefined) return names[Number(value)] ?? "";
  return isNumber || typeof value === "string" || typeof value === "boolean" ? tidyName(String(value)) : "";
}

interface Groups {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly image: string;
  /** The first row of each. */
  readonly starts: number[];
  readonly kept: Map<number, Promise<unknown[]>>;
}

async function imageAt(groups: Groups, g: number, i: number): Promise<Blob> {
  const cell = (await group(groups, g))[i];
  const bytes: unknown = typeof cell === "object" && cell !== null && "bytes" in cell ? cell.bytes : cell;
  if (bytes instanceof Uint8Array) return new Blob([bytes.slice()]);
  throw new Refusal("missing", "its row holds only the path of an image, not the image");
}

/** The images of one row group, as they stand in its column. */
function group({ file, metadata, image, starts, kept }: Groups, g: number): Promise<unknown[]> {
  const known = kept.get(g);
  if (known !== undefined) return known;
  const columns = metadata.row_groups[g]?.columns.filter(({ meta_data }) => meta_data?.path_in_schema[0] === image) ?? [];
  const size = columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
  if (size > MOST_GROUP) {
    const reason = `its row group holds ${Math.round(size / 2 ** 20)} MiB of images at once: write the file with smaller row groups`;
    return Promise.reject(new Refusal("huge", reason));
  }
  const rowStart = starts[g] ?? 0;
  const rowEnd = rowStart + Number(metadata.row_groups[g]?.num_rows ?? 0);
  const read = parquetReadObjects({ file, metadata, columns: [image], rowStart, rowEnd, compressors, utf8: false }).then(
    (rows) => rows.map((row): unknown => row[image]),
    (error: unknown) => {
      throw new Refusal("damaged", `its row group is damaged (${error instanceof Error ? error.message : String(error)})`);
    },
  );
  kept.set(g, read);
  for (const old of kept.keys()) if (kept.size > KEPT) kept.delete(old);
  return read;
}

/** Which column holds images and which their classes. @throws Refusal when one is missing */
function columnsOf(metadata: FileMetaData) {
  const features = featuresOf(metadata);
  const tops = [...new Set(metadata.row_groups[0]?.columns.map(({ meta_data }) => meta_data?.path_in_schema[0] ?? "") ?? [])];
  const isStruct = (name: string) =>
    metadata.row_groups[0]?.columns.some(({ meta_data }) => meta_data?.path_in_schema.join(".") === `${name}.bytes`) ?? false;
  const image =
    tops.find((name) => features[name]?._type === "Image") ??
    tops.find(isStruct) ??
    tops.find((name) => /^(image|img|jpg|png|picture)(_bytes)?$/i.test(name));
  if (image === undefined) throw new Refusal("unreadable", `none of its columns holds images: ${tops.join(", ")}`);
  const classes = tops.filter((name) => features[name]?._type === "ClassLabel");
  const label = LABELS.find((name) => classes.includes(name)) ?? classes[0] ?? LABELS.find((name) => tops.includes(name));
  if (label === undefined) throw new Refusal("no class", `none of its columns is called label: ${tops.join(", ")}`);
  const names = features[label]?.names;
  return { image, label, names: Array.isArray(names) ? names.map(String) : undefined, others: classes.filter((name) => name !== label) };
}

function featuresOf(metadata: FileMetaData): Readonly<Record<string, Feature | undefined>> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  try {
    const { info } = JSON.parse(text ?? "{}") as { readonly info?: { readonly features?: unknown } };
    const features = info?.features;
    return typeof features === "object" && features !== null ? (features as Record<string, Feature | undefined>) : {};
  } catch {
    return {};
  }
}
