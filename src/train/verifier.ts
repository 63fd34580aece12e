/** An exported model verified off the training thread: the way to `verifyworker.ts`. */
import { runOnnx, type Verified } from "./verify.ts";
import type { VerifyReply, VerifyRequest } from "./verifyworker.ts";

/** onnxruntime could not load the file, could not run it, or could not be had itself. The file is written all the same. */
export class OnnxError extends Error {
  override readonly name = "OnnxError";

  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = OUT_OF_MEMORY.test(reason) ? "has not enough memory for" : "could not run";
    super(
      `onnxruntime-web ${what} model.onnx (${reason}). The file is written, but not verified: run it in Python before you rely on it.`,
      {
        cause,
      },
    );
  }
}

/** How onnxruntime, its allocator and the browser say it. */
const OUT_OF_MEMORY = /bad_alloc|out of memory|\boom\b|allocat/i;

/**
 * Runs an ONNX file as `runOnnx` does, in a worker that lives no longer: onnxruntime's memory only ever grows, and goes with the
 * worker. In Node it runs in place, which cannot be told by `Worker`: onnxruntime defines that there. Throws OnnxError.
 */
export async function verifyOnnx(file: Uint8Array, pixels: Float32Array, size: number): Promise<Verified> {
  try {
    return await (import.meta.env.SSR ? runOnnx(file, pixels, size) : inWorker({ file, pixels, size }));
  } catch (cause) {
    throw new OnnxError(cause);
  }
}

async function inWorker(request: VerifyRequest): Promise<Verified> {
  const worker = new Worker(new URL("./verifyworker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<Verified>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<VerifyReply>) => {
        if ("verified" in data) resolve(data.verified);
        else reject(new Error(data.error));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message || "its worker did not start"));
      };
      // The file is copied, not given away: it is what the person asked for, whatever becomes of the worker.
      worker.postMessage(request);
    });
  } finally {
    worker.terminate();
  }
}
