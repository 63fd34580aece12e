/** What went wrong, for people: what happened, what is kept, what to do. */
import { FormatError, UnsupportedError } from "../formats/error.ts";
import { type Fault, NoGpuError } from "../gpu/device.ts";
import { InputError, SourceError } from "./input.ts";

/** Any error of a run, for people. */
export function faultOf(error: unknown): Fault {
  const what = error instanceof Error ? error.message : String(error);
  const kept = "Your images, your settings and all curves drawn so far.";
  if (error instanceof InputError || error instanceof SourceError) return { kind: "input", what, kept, todo: error.todo };
  if (error instanceof FormatError)
    return { kind: "input", what, kept, todo: "Check that the file is whole and of the model it is meant for." };
  if (error instanceof UnsupportedError) return { kind: "input", what, kept, todo: "Choose another model, adapter or setting." };
  if (error instanceof NoGpuError)
    return { kind: "no-gpu", what, kept, todo: "Use a current Chrome, Edge, Safari or Firefox with WebGPU switched on." };
  if (/device was lost/.test(what))
    return { kind: "lost", what, kept, todo: "Press Train to start again; if it happens again, use a smaller batch." };
  if (/not enough memory/.test(what)) return { kind: "memory", what, kept, todo: "Halve the batch or remove a lane, then press Train." };
  if (/^WebGPU error/.test(what))
    return { kind: "gpu-error", what, kept, todo: "Reload the page; if it happens again, please report it with this text." };
  return { kind: "internal", what, kept, todo: "Reload the page; if it happens again, please report it with this text." };
}
