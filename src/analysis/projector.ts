/** Projections off the page's thread. */
import type { Projection, ProjectionRequest } from "./projection.ts";
import type { ProjectionReply } from "./projectionworker.ts";

/** As `project`, in a worker of its own. Rejects with the signal's reason when that comes first. */
export function projectApart(request: ProjectionRequest, onProgress: (share: number) => void, signal: AbortSignal): Promise<Projection> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const worker = new Worker(new URL("./projectionworker.ts", import.meta.url), { type: "module" });
  return new Promise<Projection>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.onmessage = ({ data }: MessageEvent<ProjectionReply>) => {
      if ("share" in data) onProgress(data.share);
      else if ("projection" in data) resolve(data.projection);
      else reject(new Error(data.error));
    };
    worker.onerror = ({ message }) => reject(new Error(`The projection stopped: ${message}`));
    worker.postMessage(request);
  }).finally(() => worker.terminate());
}
