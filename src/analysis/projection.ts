/** Features of the same images before and after training, laid out in one plane. */
import { UMAP } from "umap-js";
import { uniform } from "../tensor/random.ts";
import { neighbourAccuracy } from "./neighbours.ts";
import { principal } from "./pca.ts";

export interface ProjectionRequest {
  /** "pca": principal components. "umap": McInnes, Healy and Melville 2018, by umap-js. Either is fitted to both sets of points together. */
  readonly kind: "pca" | "umap";
  /** (labels, width) */
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly width: number;
  readonly labels: Uint32Array;
  readonly seed: number;
}

export interface Projection {
  /** (labels, 2) on the same axes. */
  readonly before: Float32Array<ArrayBuffer>;
  readonly after: Float32Array<ArrayBuffer>;
  /** Share of the variance along either axis; UMAP has none. */
  readonly shares: readonly number[] | null;
  /** Of the features themselves, not of the plane. */
  readonly neighbours: { readonly before: number; readonly after: number };
}

const UMAP_NEIGHBOURS = 15;

/** The same request gives the same points. */
export function project(request: ProjectionRequest, onProgress: (share: number) => void = () => undefined): Projection {
  const { kind, before, after, width, labels } = request;
  const count = labels.length;
  const joint = new Float32Array(before.length + after.length);
  joint.set(before);
  joint.set(after, before.length);
  // A tenth of the bar each for the neighbours of either side; the rest is the layout's.
  const laid =
    kind === "pca"
      ? principal(joint, 2 * count, width)
      : { points: umap(joint, width, request.seed, (share) => onProgress(0.8 * share)), shares: null };
  const neighbours = {
    before: neighbourAccuracy(before, width, labels, (share) => onProgress(0.8 + 0.1 * share)),
    after: neighbourAccuracy(after, width, labels, (share) => onProgress(0.9 + 0.1 * share)),
  };
  return { before: laid.points.slice(0, 2 * count), after: laid.points.slice(2 * count), shares: laid.shares, neighbours };
}

function umap(x: Float32Array, width: number, seed: number, onProgress: (share: number) => void): Float32Array<ArrayBuffer> {
  const rows = x.length / width;
  if (!x.every(Number.isFinite)) throw new Error("The features hold numbers that are not finite.");
  let drawn = 0;
  const fit = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(UMAP_NEIGHBOURS, rows - 1),
    random: () => uniform(seed, 0x756d6170, drawn++),
  });
  const epochs = fit.initializeFit(Array.from({ length: rows }, (_, row) => Array.from(x.subarray(row * width, (row + 1) * width))));
  for (let epoch = 0; epoch < epochs; epoch++) {
    fit.step();
    if (epoch % 10 === 0) onProgress(epoch / epochs);
  }
  return Float32Array.from(fit.getEmbedding().flat());
}
