/** Requests to the Hub whose failures have a name and say what to do. */
import { SourceError } from "./input.ts";

/** What is asked for, as errors call it. */
export interface Asked {
  readonly id: string;
  readonly revision?: string;
  readonly file?: string;
}

const BY_HAND = "Choose another model, or download this one by hand where you are signed in, and drop its folder.";

/**
 * `fetch` that gives good answers only. Throws SourceError ("network", "gated", "missing", "busy", "changed", "server"), and the
 * signal's reason when it is aborted.
 */
export function asker(asked: Asked, signal?: AbortSignal): typeof fetch {
  return async (input, init) => {
    let response: Response;
    try {
      response = await fetch(input, { ...init, signal: signal ?? null });
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreachable(asked, cause);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw refused(asked, response);
  };
}

/** The connection failed, or broke off. */
export const unreachable = ({ id, file }: Asked, cause: unknown): SourceError =>
  new SourceError(
    "network",
    `${file ? `${file} of ${id}` : id} could not be fetched from the Hub (${cause instanceof Error ? cause.message : String(cause)}).`,
    "Check the connection and try again; what has been downloaded is kept.",
  );

/** The Hub tells by `X-Error-Code` what it cannot tell by the status: without a sign-in, 401 stands for private, gated and missing models. */
function refused({ id, revision, file }: Asked, { status, headers }: Response): SourceError {
  const code = headers.get("x-error-code");
  if (code === "RepoNotFound")
    return new SourceError(
      "missing",
      `The Hub has no open model ${id}.`,
      "Check its name; a private model must be downloaded by hand and dropped as a folder.",
    );
  if (code === "RevisionNotFound")
    return new SourceError("missing", `${id} has no revision ${revision ?? ""}.`, "Leave the revision out, or take one from its page.");
  if (status === 401 || status === 403) return gated(id);
  if (status === 404) return new SourceError("missing", `${id} has no ${file ?? "such model"} on the Hub.`, "Check its name and revision.");
  if (status === 416) return changed(file ?? id, "is shorter there than it was");
  if (status === 429) {
    const wait = headers.get("retry-after") ?? "";
    const when = /^\d+$/.test(wait) ? `in ${wait} seconds` : "in some minutes";
    return new SourceError(
      "busy",
      "The Hub takes no more requests from this address for now.",
      `Try again ${when}; what is there is kept.`,
    );
  }
  return new SourceError("server", `The Hub answered ${status} for ${file ? `${file} of ${id}` : id}.`, "Try again later.");
}

export const gated = (id: string): SourceError =>
  new SourceError("gated", `${id} is gated or private: the Hub gives it to people who are signed in and were let in.`, BY_HAND);

/** `how`: "is 3 bytes there and not 4". */
export const changed = (file: string, how: string): SourceError =>
  new SourceError("changed", `${file} has changed on the Hub: it ${how}.`, "Look the model up again, then download it.");
