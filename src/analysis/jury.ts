/** Judgements off the page's thread. */
import { type Judgement, judge, type Measured } from "./judge.ts";
import { openQueue, type Queue } from "./queue.ts";

const open = (): Queue<Measured, Judgement> =>
  openQueue("jury", () => new Worker(new URL("./juror.ts", import.meta.url), { type: "module" }), judge);
let queue: Queue<Measured, Judgement> | undefined;

/** Answered in a worker where there are workers; in place elsewhere (Node), and where the worker fails. */
export async function deliberate(measured: Measured): Promise<Judgement> {
  queue ??= open();
  const asked = queue;
  try {
    return await asked.ask(measured, []);
  } catch {
    asked.close();
    if (queue === asked) queue = undefined;
    return judge(measured);
  }
}
