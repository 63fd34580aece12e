/** What the page calls: import a source, or add files to a class. Decoding happens in workers. */

import { collect, type Imported, type ImportOptions } from "./collect.ts";
import type { Preprocess } from "./dataset.ts";
import { openDecoder } from "./decoder.ts";
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
