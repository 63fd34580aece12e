/** Module worker: singular values take tens of milliseconds per layer and must not hold up training. */
import { answerAll } from "./queue.ts";
import { type RankMetrics, rankOf } from "./rank.ts";

export interface RankQuestion {
  /** (rows, cols) row-major */
  readonly delta: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

answerAll<RankQuestion, RankMetrics>(
  ({ delta, rows, cols }) => rankOf(delta, rows, cols),
  ({ singularValues }) => [singularValues.buffer],
);
