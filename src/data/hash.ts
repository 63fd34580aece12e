/** 32-bit hashes: the counter-based randomness of splits and batches. Pure, the same on every machine. */

/** Scatters the bits of a 32-bit integer (a bijection: the MurmurHash3 finalizer). Result in 0 … 2^32 − 1. */
export function scatter(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hash of a few integers in order, in 0 … 2^32 − 1. */
export function hash(...counters: readonly number[]): number {
  // The odd constant keeps (0), (0, 0) and (0, 0, 0) apart.
  return counters.reduce((h, counter) => scatter(Math.imul(h, 31) + 0x9e3779b9 + scatter(counter)), 0);
}

/** Hash of a text under a seed, in 0 … 2^32 − 1 (FNV-1a over UTF-16 units, then scattered with the seed). */
export function hashText(seed: number, text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return hash(seed, h);
}
