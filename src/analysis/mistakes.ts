/** Which images were answered wrongly, and where two classifiers part. Images are positions among the answers. */

/** What one classifier answered for each image. */
export interface Said {
  readonly predicted: Uint32Array;
  readonly confidence: Float32Array;
}

/** Those that every one of `lanes` got wrong, the most confident first: by the least confident of the lanes. With one lane, its mistakes. */
export function sharedMistakes(truth: Uint32Array, lanes: readonly Said[]): number[] {
  const confidence = (i: number) => Math.min(...lanes.map((lane) => lane.confidence[i] as number));
  return Array.from(truth.keys())
    .filter((i) => lanes.length > 0 && lanes.every(({ predicted }) => predicted[i] !== truth[i]))
    .sort((a, b) => confidence(b) - confidence(a) || a - b);
}

export interface Parting {
  /** Only the first was right. Their numbers are those of McNemar's test. */
  readonly onlyA: readonly number[];
  /** Only the second was right. */
  readonly onlyB: readonly number[];
  /** Both were wrong, in different ways. */
  readonly bothWrong: readonly number[];
}

/** Where two classifiers give different answers; in each list those first of which the two are surest. */
export function partings(truth: Uint32Array, a: Said, b: Said): Parting {
  const differing = Array.from(truth.keys()).filter((i) => a.predicted[i] !== b.predicted[i]);
  const sure = (i: number) => (a.confidence[i] as number) + (b.confidence[i] as number);
  differing.sort((i, j) => sure(j) - sure(i) || i - j);
  const isRight = ({ predicted }: Said, i: number) => predicted[i] === truth[i];
  return {
    onlyA: differing.filter((i) => isRight(a, i)),
    onlyB: differing.filter((i) => isRight(b, i)),
    bothWrong: differing.filter((i) => !isRight(a, i) && !isRight(b, i)),
  };
}
