/** Module worker of the analyst. */
import { type Overlap, type OverlapQuestion, overlapsOf } from "./analyst.ts";
import { answerAll } from "./queue.ts";

answerAll<OverlapQuestion, Overlap>(overlapsOf, ({ pairs, amplifications }) => [
  ...pairs.flatMap(({ left, right }) => [left.buffer, right.buffer]),
  ...amplifications.map(({ buffer }) => buffer),
]);
