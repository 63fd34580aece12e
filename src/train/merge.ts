/** What a lane has made of its model, read from the GPU: its trained numbers, its factors, and the weights with ΔW in them. */
import type { Values } from "../adapters/adapter.ts";
import type { FloatTensor } from "../formats/safetensors.ts";
import { readback } from "../gpu/memory.ts";
import type { Site } from "../models/model.ts";
import { l2norm } from "../ops/l2norm.ts";
import { unpack } from "../ops/unpack.ts";
import { readTensor, runOnce } from "../tensor/once.ts";
import { Tape } from "../tensor/tape.ts";
import { numel, type Tensor } from "../tensor/tensor.ts";
import type { Backbone } from "./backbone.ts";
import { HEAD, type Head } from "./head.ts";
import type { Lane } from "./lane.ts";
import { scaledDown } from "./way.ts";

/** A lane on its model, and what turns its images into logits. */
export interface Trained {
  readonly backbone: Backbone;
  readonly lane: Lane;
  readonly head: Head;
}

/** A tensor that lies on the GPU. */
export const read = async ({ gpu }: Pick<Backbone, "gpu">, x: Tensor): Promise<FloatTensor> => ({
  shape: x.shape,
  data: await readTensor(gpu, x),
});

/** Runs what `record` records, once, and reads its results. */
async function compute({ gpu, kernels }: Backbone, record: (tape: Tape) => readonly Tensor[]): Promise<FloatTensor[]> {
  const tape = new Tape(gpu.software);
  const results = record(tape);
  const values = await runOnce(gpu, kernels, tape, results);
  return results.map(({ shape }, i) => ({ shape, data: values[i] as Float32Array }));
}

/** The layers that the method is attached to and changes. */
export const adaptedSites = ({ backbone, lane }: Trained): readonly Site[] =>
  backbone.sites.filter((site) => lane.attached(site) && lane.changes(site));

/** The linear head's tensors by name; none with a head of texts. */
export async function readHead({ backbone, lane, head }: Trained): Promise<Map<string, FloatTensor>> {
  const found = new Map<string, FloatTensor>();
  if (head.kind !== "linear") return found;
  for (const name of Object.values(HEAD)) found.set(name, await read(backbone, lane.tensor(name)));
  return found;
}

/** The frozen tensors that the method's layers share. */
export async function readShared({ backbone: { gpu }, lane }: Trained): Promise<Record<string, Values>> {
  const found: Record<string, Values> = {};
  for (const [name, { shape, type, buffer }] of Object.entries(lane.shared)) {
    const bytes = await readback(gpu, buffer as GPUBuffer, 0, 4 * numel(shape));
    found[name] = { shape, data: type === "u32" ? new Uint32Array(bytes) : new Float32Array(bytes) };
  }
  return found;
}

/** Every tensor that is not as the checkpoint has it, by name, with ΔW in it; without the head. */
export async function changedTensors({ backbone, lane }: Trained): Promise<Map<string, FloatTensor>> {
  const changed = new Map<string, FloatTensor>();
  for (const [name, own] of lane.own) changed.set(name, await read(backbone, own));
  // What was rounded to 16 bits on its way to the GPU was trained so, and leaves so.
  for (const { name, shape } of backbone.parameters) {
    const x = backbone.tensor(name);
    if (changed.has(name) || x.type === "f32" || backbone.checkpoint.entry(name, shape).dtype !== "F32") continue;
    const [rounded] = await compute(backbone, (tape) => [tape.apply(unpack, { x }, {})]);
    changed.set(name, rounded as FloatTensor);
  }
  for (const site of backbone.sites) {
    const name = `${site.path}.weight`;
    if (lane.own.has(name) || !lane.changes(site)) continue;
    const [weight] = await compute(backbone, (tape) => [lane.effective(tape, site)]);
    changed.set(name, weight as FloatTensor);
  }
  return changed;
}

/** ΔW = B (out, R) · A (R, in) of a layer, whatever the method: its terms side by side, their gains in B. */
export async function lowRank({ backbone, lane }: Trained, site: Site): Promise<{ readonly A: FloatTensor; readonly B: FloatTensor }> {
  const attached = lane.attached(site);
  if (!attached) throw new Error(`${site.path} is not adapted`);
  const gains: { readonly gain: number; readonly transposed: boolean }[] = [];
  const values = await compute(backbone, (tape) => {
    const { def, settings, ...tensors } = attached;
    return def.factors({ tape, ...tensors }, site, settings).flatMap(({ up, gain, transposed = false, ...rest }) => {
      gains.push({ gain, transposed });
      return [up, scaledDown(tape, rest)];
    });
  });
  const ranks = gains.map(({ transposed }, t) => (values[2 * t] as FloatTensor).shape[transposed ? 0 : 1] as number);
  const rank = ranks.reduce((sum, r) => sum + r, 0);
  const A = new Float32Array(rank * site.in);
  const B = new Float32Array(site.out * rank);
  let first = 0;
  for (const [t, { gain, transposed }] of gains.entries()) {
    const [up, down] = [values[2 * t], values[2 * t + 1]] as [FloatTensor, FloatTensor];
    const r = ranks[t] as number;
    for (let k = 0; k < r; k++) {
      for (let i = 0; i < site.in; i++) A[(first + k) * site.in + i] = down.data[transposed ? i * r + k : k * site.in + i] as number;
      for (let o = 0; o < site.out; o++) B[o * rank + first + k] = gain * (up.data[transposed ? k * site.out + o : o * r + k] as number);
    }
    first += r;
  }
  return { A: { shape: [rank, site.in], data: A }, B: { shape: [site.out, rank], data: B } };
}

/** Unit embeddings (classes, shared) of the class prompts, by the lane's text tower where it is trained. */
export async function classEmbeddings({ backbone, lane, head }: Trained): Promise<FloatTensor> {
  if (head.kind === "text") return read(backbone, head.classes);
  if (head.kind === "linear") throw new Error("A linear head has no class embeddings");
  const { text } = backbone.through(lane.own).model;
  if (!text) throw new Error("This model has no text tower");
  const [unit] = await compute(backbone, (tape) => [
    tape.apply(l2norm, { x: text.embedTexts(lane.pass(tape, false), head.ids, head.ends) }, {}),
  ]);
  return unit as FloatTensor;
}
