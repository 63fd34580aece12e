/** What parquet files of images say, by the library that reads them. Runs in a worker: a row group is 100 MB and more. */

import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { Refusal } from "./refusal.ts";

/** Bytes of one row group's images, which are in memory at once. */
const MOST_GROUP = 2 ** 29;
const LABELS = ["label", "labels", "fine_label", "class", "category", "target"];

export interface TableFacts {
  /** The columns of the images and of their classes, and other columns of classes. */
  readonly image: string;
  readonly label: string;
  readonly others: readonly string[];
  /** Names of the classes by number, where the file has them. */
  readonly names: readonly string[] | undefined;
  /** The first row of each row group, and after them the number of rows. */
  readonly starts: readonly number[];
  /** What stands in the column of the classes. */
  readonly labels: readonly unknown[];
}

/** The images of one row group, one after the other. */
export interface RowGroup {
  readonly bytes: Blob;
  /** Where each image ends; one of no bytes is not in the file. */
  readonly ends: Float64Array;
}

/** @throws Refusal */
export function describeTable(blob: Blob): Promise<TableFacts> {
  return named("a damaged parquet file", async () => {
    const file = bufferOf(blob);
    const metadata = await parquetMetadataAsync(file);
    const columns = columnsOf(metadata);
    const starts = [0];
    for (const group of metadata.row_groups) starts.push((starts.at(-1) ?? 0) + Number(group.num_rows));
    const rows = starts.at(-1) ?? 0;
    if (!Number.isSafeInteger(rows) || rows > blob.size) throw new Refusal("damaged", `it announces ${rows} rows, more than it has bytes`);
    const { label } = columns;
    const labels = await parquetReadObjects({ file, metadata, columns: [label], compressors });
    return { ...columns, starts, labels: labels.map((row): unknown => row[label]) };
  });
}

/** @throws Refusal */
export function readRowGroup(blob: Blob, g: number): Promise<RowGroup> {
  return named("its row group is damaged", async () => {
    const file = bufferOf(blob);
    const metadata = await parquetMetadataAsync(file);
    const { image } = columnsOf(metadata);
    const group = metadata.row_groups[g];
    const columns = group?.columns.filter(({ meta_data }) => meta_data?.path_in_schema[0] === image) ?? [];
    const size = columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
    if (size > MOST_GROUP) {
      const reason = `its row group holds ${Math.round(size / 2 ** 20)} MiB of images at once: write the file with smaller row groups`;
      throw new Refusal("huge", reason);
    }
    const rowStart = metadata.row_groups.slice(0, g).reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
    const rowEnd = rowStart + Number(group?.num_rows ?? 0);
    const rows = await parquetReadObjects({ file, metadata, columns: [image], rowStart, rowEnd, compressors, utf8: false });
    const images = rows.map((row) => bytesOf(row[image]));
    let end = 0;
    return { bytes: new Blob(images), ends: Float64Array.from(images, ({ length }) => (end += length)) };
  });
}

function bytesOf(cell: unknown): Uint8Array<ArrayBuffer> {
  const bytes: unknown = typeof cell === "object" && cell !== null && "bytes" in cell ? cell.bytes : cell;
  return bytes instanceof Uint8Array ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array();
}

/** The library's complaints about a file's inside, as words about the file. */
async function named<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("damaged", `${what} (${error instanceof Error ? error.message : String(error)})`);
  }
}

function bufferOf(blob: Blob): AsyncBuffer {
  return { byteLength: blob.size, slice: (start, end) => blob.slice(start, end).arrayBuffer() };
}

/** What `datasets` says about a column; files of other makers have nothing of it. */
interface Feature {
  readonly _type?: unknown;
  readonly names?: unknown;
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
