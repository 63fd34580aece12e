/** One method in the race: what it trains, and how it changes the model's layers. */
import { type AnyAdapter, dropoutOf, type SiteShape, type Values } from "../adapters/adapter.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { upload } from "../gpu/memory.ts";
import type { Pass, Site } from "../models/model.ts";
import { add } from "../ops/add.ts";
import { dropout } from "../ops/dropout.ts";
import { matmul } from "../ops/matmul.ts";
import { unpack } from "../ops/unpack.ts";
import { runOnce } from "../tensor/once.ts";
import { uniform } from "../tensor/random.ts";
import { Tape } from "../tensor/tape.ts";
import { numel, type Tensor, tensor } from "../tensor/tensor.ts";
import { adapterOf, completeSettings } from "./catalog.ts";
import { Trainables } from "./optimizer.ts";
import type { LaneConfig } from "./run.ts";
import { canStack, stackedAttached, stackedSites } from "./stacked.ts";
import { type Attached, cheaperWay, mergedWeight, onActivations, onFactors, type Way, withUpdate } from "./way.ts";

/** First values of a trainable. */
export interface Start {
  readonly shape: readonly number[];
  /** Absent: they are computed on the GPU. */
  readonly data?: Float32Array;
}

export interface LaneSetup {
  /** The layers that the method is attached to. */
  readonly sites: readonly Site[];
  readonly config: LaneConfig;
  readonly seed: number;
  /** Trainables beside the method's: a linear head. The same first values in every lane. */
  readonly head: ReadonlyMap<string, Values>;
  /** The model's tensors, by name, of which the method may train copies of its own. */
  readonly own?: ReadonlyMap<string, Tensor>;
  /** First values by "path.name" that replace the drawn ones, and shared tensors that replace the seed's: an imported adapter. */
  readonly given?: { readonly trainable: ReadonlyMap<string, Float32Array>; readonly shared: Readonly<Record<string, Values>> };
}

export class Lane {
  readonly config: LaneConfig;
  readonly def: AnyAdapter;
  readonly settings: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly trainables: Trainables;
  /** It begins as the frozen model: nothing was imported, and ΔW is zero. */
  readonly isFresh: boolean;
  /** Numbers that training changes, without padding. */
  readonly parameters: number;
  /** Bytes of frozen tensors of the method's own. */
  readonly frozenBytes: number;
  readonly shared: Readonly<Record<string, Tensor>>;
  /** The lane's copies of tensors of the model, by name. */
  readonly own: ReadonlyMap<string, Tensor>;
  /** The layers that the method is attached to, by path, with their ordinal. */
  readonly #sites: ReadonlyMap<string, number>;

  /** Draws, uploads and computes the first values. */
  static async open(gpu: Gpu, kernels: Kernels, setup: LaneSetup): Promise<Lane> {
    const lane = new Lane(gpu, setup);
    await lane.#prime(gpu, kernels, setup);
    return lane;
  }

  private constructor(gpu: Gpu, { sites, config, seed, head, own = new Map(), given }: LaneSetup) {
    this.config = config;
    this.seed = seed;
    this.def = adapterOf(config.method);
    this.settings = completeSettings(this.def, config.settings);
    const values = new Map<string, Start>();
    for (const row of rowsOf(sites)) {
      const firsts = row.map((site) => {
        // Each tensor draws from a stream of its own, so that lanes and layers do not depend on one another.
        const stream = sites.indexOf(site) + 1;
        return this.def.init(site, this.settings, (index) => uniform(seed, stream, index));
      });
      for (const [name, shape] of Object.entries(this.def.trainable(row[0] as Site, this.settings))) {
        for (const [i, { path }] of row.entries()) {
          const data = given?.trainable.get(`${path}.${name}`) ?? firsts[i]?.[name];
          if (!data) throw new Error(`${this.def.title} gives no first values for "${name}"`);
          values.set(`${path}.${name}`, { shape, data });
        }
      }
    }
    const trained = [...own].filter(([name]) => this.def.trains?.(name));
    for (const [name, { shape }] of trained) {
      const data = given?.trainable.get(name);
      values.set(name, { shape, ...(data && { data }) });
    }
    for (const [name, { shape, data }] of head) {
      const known = given?.trainable.get(name);
      // A head for another number of classes says nothing about these.
      values.set(name, { shape, data: known?.length === data.length ? known : Float32Array.from(data) });
    }
    this.trainables = new Trainables(gpu, values);
    this.parameters = this.trainables.count;
    this.isFresh = !given && !this.def.offset;
    this.own = new Map(trained.map(([name]) => [name, this.tensor(name)]));
    const shared = given && Object.keys(given.shared).length ? given.shared : this.def.shared(sites, this.settings, seed);
    this.shared = Object.fromEntries(
      Object.entries(shared).map(([name, { shape, data }]) => [
        name,
        tensor(shape, { label: name, type: data instanceof Uint32Array ? "u32" : "f32", buffer: upload(gpu, data, name) }),
      ]),
    );
    this.frozenBytes = Object.values(this.shared).reduce((sum, { buffer }) => sum + (buffer?.size ?? 0), 0);
    this.#sites = new Map(sites.map(({ path }, s) => [path, s]));
  }

  /** First values that come from the frozen weights. */
  async #prime(gpu: Gpu, kernels: Kernels, { sites, own = new Map(), given }: LaneSetup): Promise<void> {
    const tape = new Tape(gpu.software);
    const encoder = gpu.device.createCommandEncoder();
    const into = (trainable: Tensor, value: Tensor) =>
      Object.assign(value, { buffer: trainable.buffer as GPUBuffer, offset: trainable.offset });
    for (const site of this.def.prime ? sites : []) {
      if (Object.keys(this.def.trainable(site, this.settings)).every((name) => given?.trainable.has(`${site.path}.${name}`))) continue;
      const weight = site.weight.type === "f32" ? site.weight : tape.apply(unpack, { x: site.weight }, {});
      for (const [name, value] of Object.entries(this.def.prime?.(tape, weight) ?? {})) {
        if (value) into(this.tensor(`${site.path}.${name}`), value);
      }
    }
    for (const [name, copy] of this.own) {
      if (given?.trainable.has(name)) continue;
      const frozen = own.get(name) as Tensor;
      if (frozen.type !== "f32") into(copy, tape.apply(unpack, { x: frozen }, {}));
      else
        encoder.copyBufferToBuffer(frozen.buffer as GPUBuffer, frozen.offset, copy.buffer as GPUBuffer, copy.offset, 4 * numel(copy.shape));
    }
    gpu.device.queue.submit([encoder.finish()]);
    await runOnce(gpu, kernels, tape, []);
  }

  /** A trainable by name; throws when there is none. */
  tensor(name: string): Tensor {
    const found = this.trainables.tensors.get(name);
    if (!found) throw new Error(`The lane has no trainable "${name}"`);
    return found;
  }

  /** What is attached to a layer. `weights` may hold a copy of the trainables to use in place of the live ones. */
  attached({ path, in: inner, out }: Site, weights?: GPUBuffer): Attached | undefined {
    const stream = this.#sites.get(path);
    if (stream === undefined) return undefined;
    const { def, settings, seed, shared } = this;
    const names = Object.keys(def.trainable({ in: inner, out }, settings));
    const trainable = Object.fromEntries(names.map((name) => [name, at(this.tensor(`${path}.${name}`), weights)]));
    return { def, settings, shared, trainable, seed, stream };
  }

  /** The model with this lane's adapters in place. `way` overrules the choice by cost. */
  pass(tape: Tape, training: boolean, way?: Way): Pass {
    const chosenFor = (attached: Attached, site: SiteShape, x: Tensor) => way ?? cheaperWay(attached, site, x.shape[0] as number, training);
    const linear: Pass["linear"] = (site, x, sum) => {
      const attached = this.attached(site);
      const rest = { ...(site.bias && { bias: site.bias }), ...(sum && { add: sum }) };
      const frozen = (b: Tensor) => tape.apply(matmul, { a: x, b, ...rest }, { transB: true });
      if (!attached || attached.def.inner(site, this.settings) === 0) return frozen(site.weight);
      const chosen = chosenFor(attached, site, x);
      if (chosen === "weight") return frozen(mergedWeight(tape, attached, site, site.weight));
      if (chosen === "factors") return onFactors(tape, attached, site, site.weight, x, rest);
      const p = training ? dropoutOf(this.settings) : 0;
      const { seed, stream } = attached;
      const seen = p > 0 ? tape.apply(dropout, { x, clock: this.trainables.clock }, { p, seed, stream }) : x;
      return onActivations(tape, attached, site, site.weight, seen, frozen(site.weight));
    };
    const linears: Pass["linears"] = (sites, x) => {
      const [site] = sites as [Site];
      const all = sites.flatMap((one) => {
        const attached = this.attached(one);
        return attached && attached.def.inner(one, this.settings) > 0 ? [attached] : [];
      });
      const [first] = all;
      const chosen = first ? chosenFor(first, site, x) : "weight";
      const canBeOne = canStack(tape, sites, x) && chosen !== "activations" && all.length % sites.length === 0;
      const stacked = first && canBeOne ? stackedAttached(tape, all) : undefined;
      if (!canBeOne || (chosen === "factors" && !stacked)) return sites.map((one) => linear(one, x));
      const { weight, ...rest } = stackedSites(tape, sites);
      if (stacked && chosen === "factors") return tape.parts(onFactors(tape, stacked, site, weight, x, rest));
      const merged = () => tape.stack(sites.map((one, i) => mergedWeight(tape, all[i] as Attached, one, one.weight)));
      const b = stacked ? mergedWeight(tape, stacked, site, weight) : first ? merged() : weight;
      return tape.parts(tape.apply(matmul, { a: x, b, ...rest }, { transB: true }));
    };
    return { tape, linear, linears };
  }

  /** Whether the weight of a layer changes. */
  changes(site: Site): boolean {
    return this.own.has(`${site.path}.weight`) || (this.#sites.has(site.path) && this.def.inner(site, this.settings) > 0);
  }

  /**
   * Records W_eff − W (out, in) of a layer of the frozen model. `zeros` (out, in) stands in for the weight where ΔW can be had
   * without it, which loses no digits. `weights` may hold a copy of the trainables.
   */
  delta(tape: Tape, site: Site, zeros: Tensor, weights?: GPUBuffer): Tensor {
    const attached = this.attached(site, weights);
    if (attached && !attached.def.rowScale && !this.own.has(`${site.path}.weight`)) return withUpdate(tape, attached, site, zeros);
    const full = site.weight.type === "f32" ? site.weight : tape.apply(unpack, { x: site.weight }, {});
    return tape.apply(add, { a: this.effective(tape, site, weights), b: full }, { factor: -1 });
  }

  /** Records W_eff (out, in) of a layer of the frozen model. */
  effective(tape: Tape, site: Site, weights?: GPUBuffer): Tensor {
    const own = this.own.get(`${site.path}.weight`);
    if (own) return at(own, weights);
    const attached = this.attached(site, weights);
    if (!attached) throw new Error(`${site.path} is not adapted`);
    return mergedWeight(tape, attached, site, site.weight);
  }

  /** How the layers run, in words: "on the weight in 48 layers". */
  describe(sites: readonly Site[], rows: number): string {
    const ways = sites
      .filter((site) => this.changes(site))
      .map((site) => {
        const attached = this.own.has(`${site.path}.weight`) ? undefined : this.attached(site);
        return attached ? cheaperWay(attached, site, rows, true) : "weight";
      });
    const merged = ways.filter((way) => way !== "activations").length;
    if (ways.length === 0) return "in the model's own tensors";
    if (merged === ways.length) return "on the weight";
    return merged === 0 ? "on the activations" : `on the weight in ${merged} of ${ways.length} layers`;
  }

  destroy(): void {
    this.trainables.destroy();
    for (const { buffer } of Object.values(this.shared)) buffer?.destroy();
  }
}

/** Neighbours of one shape in one block, whose trainables of one name are to lie one after the other: they may be used as one. */
function rowsOf(sites: readonly Site[]): Site[][] {
  const rows: Site[][] = [];
  for (const site of sites) {
    const [first] = rows.at(-1) ?? [];
    const isNext = first && (["tower", "block", "in", "out"] as const).every((name) => first[name] === site[name]);
    if (isNext) rows.at(-1)?.push(site);
    else rows.push([site]);
  }
  return rows;
}

/** A trainable, or the same place of a copy of all trainables. */
const at = (live: Tensor, copy: GPUBuffer | undefined): Tensor => (copy ? tensor(live.shape, { buffer: copy, offset: live.offset }) : live);
