/** What comes out of a decompressor, as a blob that the browser keeps outside the heap, and on disk when it is large. */

import { Refusal } from "./refusal.ts";

/** Bytes handed over to the browser at a time. */
const PIECE_BYTES = 4 * 2 ** 20;

/** Takes chunks, and counts them: the sizes that files declare can be forged. */
export class Spill {
  readonly #pieces: Blob[] = [];
  readonly #counts: (chunk: Uint8Array) => void;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #held = 0;

  /** @param counts sees every chunk, and throws to end it */
  constructor(counts: (chunk: Uint8Array) => void) {
    this.#counts = counts;
  }

  /** Writes a stream into it, to the end. @throws what `counts` throws, or the stream's error */
  async take(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Blob> {
    const reader = stream.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        this.#counts(value);
        this.#chunks.push(value);
        this.#held += value.length;
        if (this.#held >= PIECE_BYTES) this.#flush();
      }
    } catch (error) {
      // Ends the decompressor too; its own complaint about that interests nobody.
      reader.cancel().catch(() => undefined);
      throw error;
    }
    this.#flush();
    return this.#pieces.length === 1 && this.#pieces[0] ? this.#pieces[0] : new Blob(this.#pieces);
  }

  #flush(): void {
    this.#pieces.push(new Blob(this.#chunks));
    this.#chunks = [];
    this.#held = 0;
  }
}

/** A gzip file may grow to this many times its size, and to `FREE` whatever its size; image sets grow two- or threefold. */
const GROWTH = 200;
const FREE = 2 ** 26;
const MOST = 2 ** 34;

/** @throws Refusal "damaged" or "huge" */
export async function gunzip(blob: Blob): Promise<Blob> {
  const most = Math.min(MOST, Math.max(FREE, blob.size * GROWTH));
  let size = 0;
  const spill = new Spill((chunk) => {
    size += chunk.length;
    if (size > most) throw new Refusal("huge", `unpacks to more than ${Math.round(most / 2 ** 20)} MiB`);
  });
  try {
    return await spill.take(blob.stream().pipeThrough(new DecompressionStream("gzip")));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("damaged", "a gzip file that is cut off or damaged");
  }
}
