/** Module worker of the lab: carries one order out and tells how it goes. Whoever started it ends it, at any moment. */
import { type Gpu, NoGpuError, openGpu } from "../gpu/device.ts";
import { keepChoices, recallChoices } from "../train/choices.ts";
import type { Order } from "./order.ts";
import type { Report } from "./report.ts";
import { runLab } from "./run.ts";

export type FromLab =
  | { readonly type: "progress"; readonly what: string; readonly done: number; readonly report: Report }
  | { readonly type: "done"; readonly report: Report }
  | { readonly type: "failed"; readonly what: string; readonly todo: string };

const post = (message: FromLab) => self.postMessage(message);

/** With the kernels that were found to be its fastest on an earlier visit; what is found now is kept for the next. */
async function carryOut(order: Order): Promise<Report> {
  let last: Gpu | undefined;
  const open = async () => {
    last = await openGpu(navigator.gpu);
    await recallChoices(last);
    return last;
  };
  const report = await runLab(open, navigator.userAgent, order, (what, done, so) => post({ type: "progress", what, done, report: so }));
  if (last && last.tuned.size > 0) await keepChoices(last);
  return report;
}

self.onmessage = ({ data }: MessageEvent<Order>) => {
  carryOut(data).then(
    (report) => post({ type: "done", report }),
    (error: unknown) =>
      post({
        type: "failed",
        what: error instanceof Error ? error.message : String(error),
        todo:
          error instanceof NoGpuError
            ? "Use a current Chrome, Edge, Safari or Firefox with WebGPU switched on."
            : "Run it again; if it happens again, please report it with this text.",
      }),
  );
};
