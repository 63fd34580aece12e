/** Module worker of the analyst. */
import { type AnalystQuestion, analysed, type Likeness, type Overlap } from "./analyst.ts";
import { answerAll } from "./queue.ts";

answerAll<AnalystQuestion, Overlap | Likeness>(analysed, (answer) =>
  answer instanceof Float64Array
    ? [answer.buffer]
    : [...answer.pairs.flatMap(({ left, right }) => [left.buffer, right.buffer]), ...answer.amplifications.map(({ buffer }) => buffer)],
);
