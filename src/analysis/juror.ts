/** Module worker: thousands of resamples of thousands of images take a second, which the page does not have. */
import { type Judgement, judge, type Measured } from "./judge.ts";
import { answerAll } from "./queue.ts";

answerAll<Measured, Judgement>(judge, () => []);
