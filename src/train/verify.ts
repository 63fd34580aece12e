/** An exported model run once more by someone else: onnxruntime, on the CPU. Loaded when it is asked for, as it weighs megabytes. */

export interface Verified {
  /** (n, classes), one row after the other. */
  readonly logits: Float32Array;
  /** Of a second run, when everything has its place in memory. */
  readonly msPerImage: number;
  /** Who computed: "wasm" is one thread of the CPU. */
  readonly provider: "wasm";
}

/**
 * Runs an ONNX file that `traceModel` wrote on normalised pixels (n, 3, size, size), n at least 1: the first image alone, then all.
 * Throws what onnxruntime says of a file that it cannot read or has no memory for.
 */
export async function runOnnx(file: Uint8Array, pixels: Float32Array, size: number): Promise<Verified> {
  const { env, InferenceSession, Tensor } = await import("onnxruntime-web/wasm");
  // More threads need memory shared between workers, which a page gets only from a server with special headers.
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(file, { executionProviders: ["wasm"] });
  try {
    const image = 3 * size ** 2;
    const run = async (values: Float32Array): Promise<Float32Array> => {
      const { logits } = await session.run({ pixel_values: new Tensor("float32", values, [values.length / image, 3, size, size]) });
      if (!(logits?.data instanceof Float32Array)) throw new Error("The ONNX model gives no float logits.");
      return logits.data;
    };
    await run(pixels.subarray(0, image));
    const start = performance.now();
    const logits = await run(pixels);
    return { logits, msPerImage: ((performance.now() - start) * image) / pixels.length, provider: "wasm" };
  } finally {
    await session.release();
  }
}
