/** The analyses that are asked for, off the training thread and in float64: shared directions of a layer's updates, and CKA. */
import { ckaTable, gramOf } from "./cka.ts";
import { openQueue } from "./queue.ts";
import { amplification, type Directions, frobenius, leadingDirections, overlapOf } from "./subspace.ts";

/** Directions that are compared at most. */
const DIRECTIONS = 64;

export interface OverlapQuestion {
  readonly kind: "overlap";
  readonly rows: number;
  readonly cols: number;
  /** (rows, cols) */
  readonly weight: Float32Array<ArrayBuffer>;
  /** ΔW of each lane; null where it does not change the layer. */
  readonly deltas: readonly (Float32Array<ArrayBuffer> | null)[];
}

/** φ of two members for every i and j: (directions of a, directions of b). */
export interface PairOverlap {
  /** Index of the lane, or -1 for the frozen weight. */
  readonly a: number;
  readonly b: number;
  readonly left: Float32Array<ArrayBuffer>;
  readonly right: Float32Array<ArrayBuffer>;
}

export interface Overlap {
  /** Directions that were compared: of the frozen weight, then of each lane; 0 for a zero or non-finite update. */
  readonly counts: readonly number[];
  readonly pairs: readonly PairOverlap[];
  /** Per lane, at [k - 1] the amplification of the frozen weight in its k leading directions. */
  readonly amplifications: readonly Float64Array<ArrayBuffer>[];
}

const NOTHING: Directions = { sigma: new Float64Array(0), left: new Float64Array(0), right: new Float64Array(0) };

export function overlapsOf({ rows, cols, weight, deltas }: OverlapQuestion): Overlap {
  const members = [weight, ...deltas].map((matrix) => (matrix ? leadingDirections(matrix, rows, cols, DIRECTIONS) : NOTHING));
  const pairs = members.flatMap((a, i) =>
    members
      .slice(i + 1)
      .map((b, j) => ({ a: i - 1, b: i + j, left: overlapOf(a.left, b.left, rows), right: overlapOf(a.right, b.right, cols) })),
  );
  return {
    counts: members.map(({ sigma }) => sigma.length),
    pairs,
    amplifications: deltas.map((delta, lane) =>
      delta ? new Float64Array(amplification(frobenius(delta), members[lane + 1] as Directions, weight, rows, cols)) : new Float64Array(0),
    ),
  };
}

export interface LikenessQuestion {
  readonly kind: "likeness";
  /** Inputs. */
  readonly count: number;
  /** Of each member the features (count, width). */
  readonly features: readonly Float32Array<ArrayBuffer>[];
}

/** CKA of all pairs of members: (members, members). */
export type Likeness = Float64Array<ArrayBuffer>;

const likenessOf = ({ count, features }: LikenessQuestion): Likeness =>
  ckaTable(
    features.map((x) => gramOf(x, count)),
    count,
  );

export type AnalystQuestion = OverlapQuestion | LikenessQuestion;
export const analysed = (question: AnalystQuestion): Overlap | Likeness =>
  question.kind === "overlap" ? overlapsOf(question) : likenessOf(question);

export interface Analyst {
  /** The buffers of the matrices are given away. */
  overlap(question: Omit<OverlapQuestion, "kind">): Promise<Overlap>;
  likeness(question: Omit<LikenessQuestion, "kind">): Promise<Likeness>;
  /** Ends the worker and rejects what is still waiting. */
  close(): void;
}

/** Starts a worker where there are workers; elsewhere (Node) the work is done in place. */
export function openAnalyst(): Analyst {
  const { ask, close } = openQueue<AnalystQuestion, Overlap | Likeness>(
    "analysis",
    () => new Worker(new URL("./desk.ts", import.meta.url), { type: "module" }),
    analysed,
  );
  const matrices = ({ weight, deltas }: Omit<OverlapQuestion, "kind">) => [weight, ...deltas.filter((delta) => delta !== null)];
  return {
    overlap: (question) =>
      ask(
        { kind: "overlap", ...question },
        matrices(question).map(({ buffer }) => buffer),
      ) as Promise<Overlap>,
    likeness: (question) =>
      ask(
        { kind: "likeness", ...question },
        question.features.map(({ buffer }) => buffer),
      ) as Promise<Likeness>,
    close,
  };
}
