import { Reader } from "@zip.js/zip.js/lib/zip-core-custom.js";

const BLOCK_BYTES = 2 ** 20;

/**
 * Random access to a zip in blocks, the latest of which is kept.
 *
 * A read of a blob is a message to another process. Entries of an image set are small and read in order, so reading
 * each header and each entry by itself makes the messages cost three times the unpacking.
 */
export class BlockReader extends Reader<Blob> {
  readonly #blob: Blob;
  #start = 0;
  #end = 0;
  #block: Promise<Uint8Array<ArrayBuffer>> = Promise.resolve(new Uint8Array());

  constructor(blob: Blob) {
    super(blob);
    this.#blob = blob;
    this.size = blob.size;
  }

  /** Bytes index … index + length − 1, fewer at the end of the blob. */
  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    if (index < this.#start || index + length > this.#end) {
      this.#start = index;
      this.#end = index + Math.max(length, BLOCK_BYTES);
      this.#block = this.#blob
        .slice(this.#start, this.#end)
        .arrayBuffer()
        .then((buffer) => new Uint8Array(buffer));
    }
    const from = index - this.#start;
    return (await this.#block).slice(from, from + length);
  }
}
