/** Groups of images that look the same, found by their descriptions without comparing all pairs. */

import { type Descriptions, distance, sameColours } from "./likeness.ts";

/** Hash bits that may differ. Twins differ by a few, pictures that have nothing in common by some 32. */
export const LIKENESS = { default: 6, max: 10 } as const;

export interface TwinGroup {
  /** Ascending, two at least. */
  readonly images: readonly number[];
  /** Images to keep, so that each of the others is like one of them: the first, and more where a chain leads away from it. */
  readonly kept: readonly number[];
}

/**
 * Images whose hashes differ by at most `limit` bits and whose colours agree, and those that are linked by such images.
 *
 * The hash is looked up by its four quarters: of two hashes that differ by at most 11 bits, one quarter differs by at most 2
 * (Norouzi, Punjani, Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing", section 2).
 * @param limit 0 … 11, beyond which twins are missed
 * @returns groups by their first images, ascending
 */
export function findTwins(described: Descriptions, limit: number): TwinGroup[] {
  const n = described.hashes.length / 2;
  const alike = (a: number, b: number) => distance(described, a, b) <= limit && sameColours(described, a, b);
  const parent = Uint32Array.from({ length: n }, (_, i) => i);
  const root = (image: number): number => {
    let at = image;
    while (parent[at] !== at) {
      const above = parent[parent[at] as number] as number;
      parent[at] = above;
      at = above;
    }
    return at;
  };
  // The root of a group is its first image.
  const unite = (a: number, b: number) => {
    const [x, y] = [root(a), root(b)];
    parent[Math.max(x, y)] = Math.min(x, y);
  };

  const leaders = uniteEqual(described, unite);
  const near = masks(Math.floor(limit / 4));
  for (let quarter = 0; quarter < 4; quarter++) {
    const keyOf = (image: number) => ((described.hashes[2 * image + (quarter >> 1)] as number) >>> (16 * (quarter & 1))) & 0xffff;
    const { starts, members } = bucketsOf(leaders, keyOf);
    for (const image of leaders) {
      const key = keyOf(image);
      for (const mask of near) {
        const bucket = key ^ mask;
        for (let at = starts[bucket] as number, end = starts[bucket + 1] as number; at < end; at++) {
          const other = members[at] as number;
          if (other > image && distance(described, image, other) <= limit && root(image) !== root(other)) {
            if (sameColours(described, image, other)) unite(image, other);
          }
        }
      }
    }
  }

  const groups = new Map<number, number[]>();
  for (let image = 0; image < n; image++) {
    const first = root(image);
    const group = groups.get(first);
    if (group) group.push(image);
    else if (first !== image) groups.set(first, [first, image]);
  }
  return [...groups.values()]
    .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
    .map((images) => {
      const kept: number[] = [];
      for (const image of images) if (!kept.some((one) => alike(one, image))) kept.push(image);
      return { images, kept };
    });
}

/** Unites images of one hash and the same colours, and gives the first of each; a set of ten thousand equal images costs no pairs. */
function uniteEqual(described: Descriptions, unite: (a: number, b: number) => void): number[] {
  const { hashes } = described;
  const byHash = new Map<number, number[]>();
  const leaders: number[] = [];
  for (let image = 0; image < hashes.length / 2; image++) {
    // Rounded to 53 bits, so a few other hashes may come along.
    const key = (hashes[2 * image] as number) * 2 ** 32 + (hashes[2 * image + 1] as number);
    const known = byHash.get(key);
    const leader = known?.find((other) => distance(described, other, image) === 0 && sameColours(described, other, image));
    if (leader !== undefined) unite(leader, image);
    else {
      leaders.push(image);
      if (known) known.push(image);
      else byHash.set(key, [image]);
    }
  }
  return leaders;
}

/** The images of each 16-bit key, one key after the other. */
function bucketsOf(images: readonly number[], keyOf: (image: number) => number): { starts: Uint32Array; members: Uint32Array } {
  const starts = new Uint32Array(0x10001);
  for (const image of images) starts[keyOf(image) + 1] = (starts[keyOf(image) + 1] as number) + 1;
  for (let key = 0; key < 0x10000; key++) starts[key + 1] = (starts[key + 1] as number) + (starts[key] as number);
  const next = starts.slice();
  const members = new Uint32Array(images.length);
  for (const image of images) {
    const key = keyOf(image);
    const at = next[key] as number;
    members[at] = image;
    next[key] = at + 1;
  }
  return { starts, members };
}

/** 16-bit words with at most `count` ones. */
function masks(count: number): number[] {
  let last = [0];
  const all = [0];
  for (let ones = 0; ones < count; ones++) {
    last = last.flatMap((mask) => {
      const lowest = mask === 0 ? 16 : 31 - Math.clz32(mask & -mask);
      return Array.from({ length: lowest }, (_, bit) => mask | (1 << bit));
    });
    all.push(...last);
  }
  return all;
}
