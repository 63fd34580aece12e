import { Reader } from "@zip.js/zip.js/lib/zip-core-custom.js";

const BLOCK_BYTES = 2 ** 20;

/**
 * Random access to a large file in blocks, the latest of which is kept.
 *
 * A read of a blob is a message to another process. Entries of an image set are small and read in order, so reading
 * each header and each entry by itself makes the messages cost three times the unpacking.
 */
export class Blocks {
  readonly blob: Blob;
  #start = 0;
  #end = 0;
  #block: Promise<Uint8Array<ArrayBuffer>> = Promise.resolve(new Uint8Array());

  constructor(blob: Blob) {
    this.blob = blob;
  }

  /** A copy of bytes at … at + length − 1, fewer at the end of the file. */
  async read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (at < this.#start || at + length > this.#end) {
      this.#start = at;
      this.#end = at + Math.max(length, BLOCK_BYTES);
      this.#block = this.blob
        .slice(this.#start, this.#end)
        .arrayBuffer()
        .then((buffer) => new Uint8Array(buffer));
    }
    const from = at - this.#start;
    return (await this.#block).slice(from, from + length);
  }
}

/** The same for the zip library. */
export class ZipBlocks extends Reader<Blob> {
  readonly #blocks: Blocks;

  constructor(blocks: Blocks) {
    super(blocks.blob);
    this.#blocks = blocks;
    this.size = blocks.blob.size;
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array> {
    return this.#blocks.read(index, length);
  }
}
