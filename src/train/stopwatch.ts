/** Runs steps in chunks, keeps the queue short, and measures what each lane costs. */
import type { Race } from "./race.ts";

/**
 * With timestamp queries every lane's own GPU time is read once per chunk. Without them the lanes' shares of the wall time
 * are unknown, and each is given the same.
 */
export class Stopwatch {
  readonly #race: Race;
  readonly #queries: GPUQuerySet | undefined;
  readonly #resolved: GPUBuffer | undefined;
  readonly #staging: GPUBuffer | undefined;
  #ahead: Promise<void> = Promise.resolve();
  #since = performance.now();
  #steps = 0;
  #laneMs: number[];
  #samples = 0;

  constructor(race: Race) {
    this.#race = race;
    const { device, features } = race.gpu;
    this.#laneMs = race.lanes.map(() => 0);
    if (!features.has("timestamp-query")) return;
    const count = 2 * race.lanes.length;
    this.#queries = device.createQuerySet({ type: "timestamp", count });
    this.#resolved = device.createBuffer({
      label: "timestamps",
      size: 8 * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#staging = device.createBuffer({ label: "timestamps", size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  /** Steps `first` … `first + count - 1`; resolves when the chunk before has run, so that one is always queued. Returns its milliseconds. */
  async run(first: number, count: number): Promise<number> {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      const last = i === count - 1;
      this.#race.step(first + i, last ? this.#marks() : undefined);
    }
    this.#steps += count;
    const before = this.#ahead;
    this.#ahead = Promise.race([this.#sample(), this.#race.gpu.fault]);
    this.#ahead.catch(() => undefined); // seen when it is awaited, by the next chunk
    await before;
    return performance.now() - start;
  }

  /** Milliseconds per step of each lane, and of the clock on the wall, since the last call. Waits for nothing. */
  read(): { readonly msPerStep: readonly number[]; readonly wallMs: number } {
    const now = performance.now();
    const wallMs = (now - this.#since) / Math.max(1, this.#steps);
    const msPerStep = this.#laneMs.map((ms) => (this.#samples ? ms / this.#samples : wallMs / this.#laneMs.length));
    this.restart();
    return { msPerStep, wallMs };
  }

  restart(): void {
    this.#since = performance.now();
    this.#steps = 0;
    this.#samples = 0;
    this.#laneMs = this.#laneMs.map(() => 0);
  }

  #marks(): ((lane: number) => GPUComputePassTimestampWrites) | undefined {
    const querySet = this.#queries;
    return querySet && ((lane) => ({ querySet, beginningOfPassWriteIndex: 2 * lane, endOfPassWriteIndex: 2 * lane + 1 }));
  }

  async #sample(): Promise<void> {
    const [queries, resolved, staging] = [this.#queries, this.#resolved, this.#staging];
    if (!queries || !resolved || !staging || staging.mapState !== "unmapped") return this.#race.gpu.device.queue.onSubmittedWorkDone();
    const { device } = this.#race.gpu;
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(queries, 0, queries.count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, staging.size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const ticks = new BigInt64Array(staging.getMappedRange().slice(0));
    staging.unmap();
    this.#laneMs = this.#laneMs.map((ms, lane) => ms + Number((ticks[2 * lane + 1] as bigint) - (ticks[2 * lane] as bigint)) / 1e6);
    this.#samples++;
  }

  destroy(): void {
    this.#queries?.destroy();
    this.#resolved?.destroy();
    this.#staging?.destroy();
  }
}
