/** Module worker: runs one ONNX file in onnxruntime and answers; whoever started it ends it. */
import { runOnnx, type Verified } from "./verify.ts";

export interface VerifyRequest {
  readonly file: Uint8Array;
  /** (n, 3, size, size), normalised */
  readonly pixels: Float32Array;
  readonly size: number;
}

export type VerifyReply = { readonly verified: Verified } | { readonly error: string };

self.onmessage = ({ data: { file, pixels, size } }: MessageEvent<VerifyRequest>) => {
  const reply = (message: VerifyReply) => self.postMessage(message);
  runOnnx(file, pixels, size).then(
    (verified) => reply({ verified }),
    // An error is sent as its words: WebAssembly throws things that cannot be cloned.
    (error: unknown) => reply({ error: error instanceof Error ? error.message : String(error) }),
  );
};
