/** What the lanes say of a moving picture: the camera, and answers that do not flicker. */
import type { Prediction } from "../train/run.ts";

/** Of the newest frame in the bars; the rest is what they showed before. */
export const NEWEST = 0.4;
/** Milliseconds from one frame that is asked about to the next, at least. */
export const FRAME_MS = 250;

/** An exponential mean over frames, class by class. A prediction of other lanes or classes begins anew. */
export function smooth(before: Prediction | null, now: Prediction): Prediction {
  if (!before || before.lanes.length !== now.lanes.length) return now;
  const mix = (old: Float32Array | undefined, fresh: Float32Array) =>
    old?.length === fresh.length ? fresh.map((share, i) => NEWEST * share + (1 - NEWEST) * (old[i] as number)) : fresh;
  return {
    lanes: now.lanes.map((lane, i) => mix(before.lanes[i], lane)),
    ...(now.before && { before: mix(before.before, now.before) }),
  };
}

/** Asks for the camera. Throws an Error that says what happened and what to do. */
export async function openCamera(): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new Error("This page has no camera: it must be served over https, or from this computer.");
  try {
    // Small frames: the model sees fewer pixels still, and they are resized on this page.
    return await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 320 }, height: { ideal: 240 } }, audio: false });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError") throw new Error("The camera was not allowed. Allow it beside the page's address, then start again.");
    if (name === "NotFoundError") throw new Error("No camera was found. Connect one, then start again.");
    if (name === "NotReadableError") throw new Error("The camera is in use elsewhere. Close what uses it, then start again.");
    throw error;
  }
}

export function closeCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
