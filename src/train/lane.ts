/** One method in the race: its trainables, and how they change the model's layers. */
import { type Attached, cheaperWay, mergedWeight, onActivations, type Values, type Way } from "../adapters/adapter.ts";
import type { Gpu } from "../gpu/device.ts";
import { upload } from "../gpu/memory.ts";
import type { Pass, Site } from "../models/model.ts";
import { matmul } from "../ops/matmul.ts";
import { uniform } from "../tensor/random.ts";
import type { Tape } from "../tensor/tape.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { adapterOf, completeSettings } from "./catalog.ts";
import { Trainables } from "./optimizer.ts";
import type { LaneConfig } from "./run.ts";

export interface LaneSetup {
  readonly sites: readonly Site[];
  readonly config: LaneConfig;
  readonly seed: number;
  /** Trainables beside the adapter's: a linear head. The same first values in every lane. */
  readonly head: ReadonlyMap<string, Values>;
  /** First values by "path.name" that replace the drawn ones, and shared tensors that replace the seed's: an imported adapter. */
  readonly given?: { readonly trainable: ReadonlyMap<string, Float32Array>; readonly shared: Readonly<Record<string, Values>> };
}

export class Lane {
  readonly config: LaneConfig;
  readonly trainables: Trainables;
  /** Numbers that training changes, without padding. */
  readonly parameters: number;
  /** Bytes of frozen tensors of the method's own. */
  readonly frozenBytes: number;
  readonly #shared: Readonly<Record<string, Tensor>>;
  readonly #sites: ReadonlyMap<string, Omit<Attached, "trainable" | "shared">>;

  constructor(gpu: Gpu, { sites, config, seed, head, given }: LaneSetup) {
    this.config = config;
    const def = adapterOf(config.method);
    const settings = completeSettings(def, config.settings);
    const values = new Map<string, Values>();
    sites.forEach((site, s) => {
      // Each tensor draws from a stream of its own, so that lanes and layers do not depend on one another.
      const shapes = Object.entries(def.trainable(site, settings));
      const first = def.init(site, settings, (index) => uniform(seed, s + 1, index));
      for (const [name, shape] of shapes) {
        const data = given?.trainable.get(`${site.path}.${name}`) ?? first[name];
        if (!data) throw new Error(`${def.title} gives no first values for "${name}"`);
        values.set(`${site.path}.${name}`, { shape, data });
      }
    });
    for (const [name, value] of head) values.set(name, value);
    this.parameters = [...values.values()].reduce((sum, { data }) => sum + data.length, 0);
    this.trainables = new Trainables(gpu, values);
    const shared = given && Object.keys(given.shared).length ? given.shared : def.shared(sites, settings, seed);
    this.#shared = Object.fromEntries(
      Object.entries(shared).map(([name, { shape, data }]) => [name, tensor(shape, { label: name, buffer: upload(gpu, data, name) })]),
    );
    this.frozenBytes = Object.values(this.#shared).reduce((sum, { buffer }) => sum + (buffer?.size ?? 0), 0);
    this.#sites = new Map(sites.map((site) => [site.path, { def, settings }]));
  }

  /** A trainable by name; throws when there is none. */
  tensor(name: string): Tensor {
    const found = this.trainables.tensors.get(name);
    if (!found) throw new Error(`The lane has no trainable "${name}"`);
    return found;
  }

  /** What is attached to a layer. `weights` may hold a copy of the trainables to use in place of the live ones. */
  attached(site: Site, weights?: GPUBuffer): Attached | undefined {
    const known = this.#sites.get(site.path);
    if (!known) return undefined;
    const names = Object.keys(known.def.trainable(site, known.settings));
    const at = (name: string): Tensor => {
      const live = this.tensor(`${site.path}.${name}`);
      return weights ? tensor(live.shape, { buffer: weights, offset: live.offset }) : live;
    };
    return { ...known, shared: this.#shared, trainable: Object.fromEntries(names.map((name) => [name, at(name)])) };
  }

  /** The model with this lane's adapters in place. `way` overrules the choice by cost. */
  pass(tape: Tape, training: boolean, way?: Way): Pass {
    return {
      tape,
      linear: (site, x, add) => {
        const attached = this.attached(site);
        const frozen = (w: Tensor, a?: Tensor) =>
          tape.apply(matmul, { a: x, b: w, bias: site.bias, ...(a && { add: a }) }, { transB: true });
        if (!attached) return frozen(site.weight, add);
        const chosen = way ?? cheaperWay(attached, site, x.shape[0] as number, training);
        if (chosen === "weight") return frozen(mergedWeight(tape, attached, site, site.weight), add);
        return onActivations(tape, attached, site, x, frozen(site.weight, add));
      },
    };
  }

  /** How the layers run, in words: "on the weight in 48 layers". */
  describe(sites: readonly Site[], rows: number): string {
    const ways = sites.map((site) => {
      const attached = this.attached(site);
      return attached && cheaperWay(attached, site, rows, true);
    });
    const merged = ways.filter((way) => way === "weight").length;
    if (merged === ways.length) return "on the weight";
    return merged === 0 ? "on the activations" : `on the weight in ${merged} of ${ways.length} layers`;
  }

  destroy(): void {
    this.trainables.destroy();
    for (const { buffer } of Object.values(this.#shared)) buffer?.destroy();
  }
}

/** The model as it is in the checkpoint. */
export const frozenPass = (tape: Tape): Pass => ({
  tape,
  linear: ({ weight, bias }, x, add) => tape.apply(matmul, { a: x, b: weight, bias, ...(add && { add }) }, { transB: true }),
});
