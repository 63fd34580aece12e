/** What was found, by what it is: tables, arrays and batches of images, images with classes beside them, and folders of images. */

import { arrange, type Found, intoClass, joinSources, type Labelling, type Reading, type Source } from "./source.ts";

type Reader = (found: readonly Found[], name: string) => Promise<Reading>;

/** Each takes what it knows, and leaves the rest to the next; folders come last. What no file calls for is not fetched. */
const READERS: readonly (readonly [paths: RegExp, reader: () => Promise<Reader>])[] = [
  [/\.parquet$/i, async () => (await import("./parquet.ts")).readParquet],
  [/\.np[yz]$/i, async () => (await import("./arrays.ts")).readArrays],
  [/idx\d-ubyte(\.gz)?$/i, async () => (await import("./idx.ts")).readIdxSets],
  [/(^|\/)(\w+_batch(_\d+)?|train|test)(\.bin)?$/, async () => (await import("./cifar.ts")).readCifar],
  [/\.(cls|json|txt)$/i, async () => (await import("./sidecar.ts")).readSamples],
  [/\.(csv|tsv|jsonl|ndjson)$/i, async () => (await import("./tables.ts")).readTables],
];

/**
 * Files as a source, whatever they are. Nothing that can be wrong with a file throws: it becomes a note.
 * @param name of the folder or archive, which may tell what its files are
 */
export async function sift(name: string, found: readonly Found[], labelling: Labelling = {}): Promise<Source> {
  const sources: Source[] = [];
  let rest = found;
  for (const [paths, reader] of READERS) {
    if (!rest.some(({ path }) => paths.test(path))) continue;
    const reading = await (await reader())(rest, name);
    rest = reading.rest;
    for (const source of reading.sources) {
      sources.push(labelling.className === undefined ? source : intoClass(source, labelling.className));
    }
  }
  if (rest.length > 0 || sources.length === 0) sources.push(arrange(name, rest, labelling));
  return { ...joinSources(sources), name };
}
