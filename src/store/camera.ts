/** The camera, and why there is none. */

/** Asks for the camera. Throws an Error that says what happened and what to do. */
export async function openCamera(video: true | MediaTrackConstraints): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new Error("This page has no camera: it must be opened over https, or from this computer.");
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new Error(reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The camera was not allowed. Allow it beside the page's address, then try again.";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "No camera was found. Connect one, then try again.";
  if (name === "NotReadableError") return "The camera is in use elsewhere. Close what uses it, then try again.";
  return `The camera could not be opened (${String(error)}). Try again.`;
}

export function closeCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
