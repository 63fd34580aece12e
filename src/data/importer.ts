/** What the page calls: import a source, or add files to a class. Decoding happens in workers. */

import { collect, type Imported, type ImportOptions } from "./collect.ts";
import type { Dataset, Preprocess } from "./dataset.ts";
import { openDecoder } from "./decoder.ts";
import { fromFiles } from "./folder.ts";
import type { Source } from "./source.ts";

/**
 * Reads a source into a dataset, with a report that names every file left out.
 * One bad file never ends it; cancelling through `signal` keeps what is in.
 * @throws Error when `options.into` holds images of another size
 */
export async function importImages(source: Source, preprocess: Preprocess, options: ImportOptions = {}): Promise<Imported> {
  const decoder = openDecoder(preprocess, options.keep);
  try {
    return await collect(source, preprocess.crop, decoder, options);
  } finally {
    await decoder.close();
  }
}

/** Adds files to one class of a dataset, which is made if there is none of that name; the report is of these files. */
export async function addToClass(
  dataset: Dataset,
  className: string,
  files: Iterable<File>,
  preprocess: Preprocess,
  options: Omit<ImportOptions, "into"> = {},
): Promise<Imported> {
  return importImages(await fromFiles(files, className), preprocess, { ...options, into: dataset });
}
