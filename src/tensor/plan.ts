/** A Plan replays a recorded tape: pipelines, bind groups and one arena, all made once. A step allocates nothing. */
import { checked, type Gpu } from "../gpu/device.ts";
import { type Kernels, packAll, type Slice } from "../gpu/kernel.ts";
import { readback, storage } from "../gpu/memory.ts";
import { shader } from "../gpu/shader.ts";
import type { Launch } from "./op.ts";
import type { Tape } from "./tape.ts";
import { byteLength, isPacked, owner, type Tensor } from "./tensor.ts";

interface Dispatch {
  readonly launch: Launch;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** A launch, and how long it took. */
export interface Timed {
  readonly launch: Launch;
  readonly ms: number;
}

/** Launches whose times fit one query set. */
const PROFILED = 2048;

/** When a tensor is alive: from the launch that writes it first to the last one that touches it. */
interface Life {
  readonly tensor: Tensor;
  readonly from: number;
  to: number;
}

/**
 * Buffers that all plans of one device share; plans run one after the other, so that what one leaves behind the next may
 * overwrite. It is a set of slabs and not one buffer, because a dispatch may not read and write the same GPUBuffer through
 * two bindings, however far apart their ranges lie.
 */
export class Arena {
  readonly #gpu: Gpu;
  readonly #kernels: Kernels;
  #slabs: GPUBuffer[] = [];
  #params: GPUBuffer[] = [];

  constructor(gpu: Gpu, kernels: Kernels) {
    this.#gpu = gpu;
    this.#kernels = kernels;
  }

  /** Bytes on the GPU. */
  get bytes(): number {
    return this.#slabs.reduce((sum, slab) => sum + slab.size, 0);
  }

  /**
   * Places the tensors of every tape and binds their launches. Plans made by an earlier call die with their slabs, so all
   * that are needed together are made together. `onProgress` counts compiled launches.
   */
  async plan(tapes: readonly Tape[], onProgress: (done: number, all: number) => void = () => undefined): Promise<Plan[]> {
    const layouts = tapes.map((tape) => layOut(tape.launches));
    const slabCount = Math.max(0, ...layouts.map(({ sizes }) => sizes.length));
    const all = tapes.reduce((sum, tape) => sum + tape.launches.length, 0);
    let done = 0;
    return checked(this.#gpu, "Setting up the step", async () => {
      this.destroy();
      this.#slabs = Array.from({ length: slabCount }, (_, i) =>
        storage(this.#gpu, Math.max(...layouts.map(({ sizes }) => sizes[i] ?? 0)), `arena ${i}`),
      );
      const plans: Plan[] = [];
      for (const [i, tape] of tapes.entries()) {
        for (const [tensor, slab] of (layouts[i] as Layout).places) tensor.buffer = this.#slabs[slab];
        plans.push(await this.#bind(tape.launches, () => onProgress(++done, all)));
      }
      return plans;
    });
  }

  destroy(): void {
    for (const buffer of [...this.#slabs, ...this.#params]) buffer.destroy();
    this.#slabs = [];
    this.#params = [];
  }

  async #bind(launches: readonly Launch[], compiled: () => void): Promise<Plan> {
    const params = packAll(
      this.#gpu,
      launches.map((launch) => ({ source: shader(launch.shader), params: launch.params })),
    );
    if (params[0]) this.#params.push(params[0].buffer);
    const pipelines = await Promise.all(
      launches.map(async (launch) => {
        const pipeline = await this.#kernels.pipeline(launch);
        compiled();
        return pipeline;
      }),
    );
    return new Plan(
      launches.map((launch, i) => {
        const pipeline = pipelines[i] as GPUComputePipeline;
        const slices = Object.fromEntries(
          Object.entries(launch.buffers).map(([name, tensor]) => [name, sliceOf(tensor, `${launch.shader}.${name}`)]),
        );
        return { launch, pipeline, bindGroup: this.#kernels.bind(pipeline, launch, slices, params[i]) };
      }),
    );
  }
}

/** One recorded step, ready to be encoded as often as wanted. */
export class Plan {
  readonly #dispatches: readonly Dispatch[];

  constructor(dispatches: readonly Dispatch[]) {
    this.#dispatches = dispatches;
  }

  get length(): number {
    return this.#dispatches.length;
  }

  /** Queues it by itself; `after` may add to the submission. */
  submit({ device }: Gpu, after: (encoder: GPUCommandEncoder) => void = () => undefined): void {
    const encoder = device.createCommandEncoder();
    this.encode(encoder);
    after(encoder);
    device.queue.submit([encoder.finish()]);
  }

  encode(encoder: GPUCommandEncoder, timestamps?: GPUComputePassTimestampWrites): void {
    const pass = encoder.beginComputePass(timestamps ? { timestampWrites: timestamps } : undefined);
    let current: GPUComputePipeline | undefined;
    for (const { launch, pipeline, bindGroup } of this.#dispatches) {
      if (pipeline !== current) pass.setPipeline(pipeline);
      current = pipeline;
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...launch.groups);
    }
    pass.end();
  }

  /**
   * Milliseconds of every launch by the GPU's own clock, in order. Each is run `repeats` times in a pass of its own, because browsers
   * round that clock. It runs the step: what a step changes is changed. Throws without the feature "timestamp-query".
   */
  async profile(gpu: Gpu, repeats = 1): Promise<readonly Timed[]> {
    if (!gpu.features.has("timestamp-query")) throw new Error("This GPU or browser has no clock for kernels (timestamp-query).");
    const { device } = gpu;
    const timed: Timed[] = [];
    for (let first = 0; first < this.#dispatches.length; first += PROFILED) {
      const some = this.#dispatches.slice(first, first + PROFILED);
      const querySet = device.createQuerySet({ type: "timestamp", count: 2 * some.length });
      const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
      const resolved = device.createBuffer({ label: "timestamps", size: 16 * some.length, usage });
      for (const [i, { launch, pipeline, bindGroup }] of some.entries()) {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass({
          timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
        });
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
        for (let n = 0; n < repeats; n++) pass.dispatchWorkgroups(...launch.groups);
        pass.end();
        if (i === some.length - 1) encoder.resolveQuerySet(querySet, 0, 2 * some.length, resolved, 0);
        device.queue.submit([encoder.finish()]);
      }
      const ticks = new BigInt64Array(await readback(gpu, resolved, 0, resolved.size));
      querySet.destroy();
      resolved.destroy();
      some.forEach(({ launch }, i) => {
        timed.push({ launch, ms: Number((ticks[2 * i + 1] as bigint) - (ticks[2 * i] as bigint)) / 1e6 / repeats });
      });
    }
    return timed;
  }
}

function sliceOf(tensor: Tensor, what: string): Slice {
  if (!tensor.buffer) throw new Error(`${what} is read, but nothing has written it`);
  return { buffer: tensor.buffer, offset: tensor.offset, size: byteLength(tensor) };
}

interface Layout {
  /** Bytes, descending. */
  readonly sizes: readonly number[];
  /** The slab of each tensor. */
  readonly places: ReadonlyMap<Tensor, number>;
}

/**
 * Greedy by size: the largest tensors first, each into the first slab in which nothing else is alive at the same time.
 * A transformer's tensors come in few sizes, so little is lost. Throws when a launch reads what no launch wrote.
 */
export function layOut(launches: readonly Launch[]): Layout {
  const lives = lifetimes(launches);
  lives.sort((a, b) => byteLength(b.tensor) - byteLength(a.tensor) || a.from - b.from);
  const slabs: { size: number; lives: Life[] }[] = [];
  const places = new Map<Tensor, number>();
  for (const life of lives) {
    let index = slabs.findIndex((slab) => slab.lives.every((other) => other.to < life.from || life.to < other.from));
    if (index < 0) index = slabs.push({ size: byteLength(life.tensor), lives: [] }) - 1;
    slabs[index]?.lives.push(life);
    places.set(life.tensor, index);
  }
  return { sizes: slabs.map(({ size }) => size), places };
}

function lifetimes(launches: readonly Launch[]): Life[] {
  const lives = new Map<Tensor, Life>();
  launches.forEach((launch, at) => {
    const { bindings } = shader(launch.shader);
    for (const [name, bound] of Object.entries(launch.buffers)) {
      const tensor = owner(bound);
      if (isPacked(tensor) && !/<(u32|vec[24]u)>/.test(bindings.get(name)?.type ?? "")) {
        const stored = `"${name}", ${tensor.label || "a tensor"}, is stored as ${tensor.type}`;
        throw new Error(`${launch.shader}.${launch.entry} reads no packed numbers, but ${stored}; unpack it first`);
      }
      if (tensor.buffer) continue; // it has a home of its own: a weight, a batch, a trainable
      const life = lives.get(tensor);
      if (life) life.to = at;
      else if (bindings.get(name)?.access === "read")
        throw new Error(`${launch.shader}.${launch.entry} reads "${name}", which no launch has written`);
      else lives.set(tensor, { tensor, from: at, to: at });
    }
  });
  return [...lives.values()];
}
