/** Module worker: lays out one set of features and answers; whoever started it ends it. */
import { type Projection, type ProjectionRequest, project } from "./projection.ts";

export type ProjectionReply = { readonly share: number } | { readonly projection: Projection } | { readonly error: string };

const reply = (message: ProjectionReply): void => globalThis.postMessage(message);

globalThis.onmessage = ({ data }: MessageEvent<ProjectionRequest>) => {
  try {
    reply({ projection: project(data, (share) => reply({ share })) });
  } catch (error) {
    reply({ error: error instanceof Error ? error.message : String(error) });
  }
};
