/** A Plan replays a recorded tape: pipelines, bind groups and one arena, all made once. A step allocates nothing. */
import { checked, type Gpu } from "../gpu/device.ts";
import { type Kernels, packAll, type Slice } from "../gpu/kernel.ts";
import { storage } from "../gpu/memory.ts";
import { shader } from "../gpu/shader.ts";
import type { Launch } from "./op.ts";
import { Clock, Pace, submit } from "./pace.ts";
import type { Tape } from "./tape.ts";
import { byteLength, isPacked, placeOf, storageOf, type Tensor } from "./tensor.ts";

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

/** One recorded step, ready to be run as often as wanted. */
export class Plan {
  readonly pace: Pace;
  readonly #dispatches: readonly Dispatch[];

  constructor(dispatches: readonly Dispatch[]) {
    this.#dispatches = dispatches;
    this.pace = new Pace(dispatches.length);
  }

  get length(): number {
    return this.#dispatches.length;
  }

  /** Queues it by itself, split where it is long; `after` may add to the last submission. */
  submit(gpu: Gpu, after?: (encoder: GPUCommandEncoder) => void): void {
    submit(gpu, [this], undefined, after);
  }

  /** Launches `first` … `end - 1` in one pass. Who submits them by himself answers for the length of the submission. */
  encode(encoder: GPUCommandEncoder, timestamps?: GPUComputePassTimestampWrites, first = 0, end = this.length): void {
    const pass = encoder.beginComputePass(timestamps ? { timestampWrites: timestamps } : undefined);
    let current: GPUComputePipeline | undefined;
    for (let i = first; i < end; i++) {
      const { launch, pipeline, bindGroup } = this.#dispatches[i] as Dispatch;
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
    const clock = new Clock(gpu);
    clock.start(this.length);
    for (const [i, { launch, pipeline, bindGroup }] of this.#dispatches.entries()) {
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass({ timestampWrites: clock.marks(i) });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      for (let n = 0; n < repeats; n++) pass.dispatchWorkgroups(...launch.groups);
      pass.end();
      if (i === this.length - 1) clock.stop(encoder);
      gpu.device.queue.submit([encoder.finish()]);
    }
    const ms = await clock.read();
    clock.destroy();
    return this.#dispatches.map(({ launch }, i) => ({ launch, ms: (ms[i] as number) / repeats }));
  }
}

function sliceOf(tensor: Tensor, what: string): Slice {
  const { buffer, offset } = placeOf(tensor);
  if (!buffer) throw new Error(`${what} is read, but nothing has written it`);
  return { buffer, offset, size: byteLength(tensor) };
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
      const tensor = storageOf(bound);
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
