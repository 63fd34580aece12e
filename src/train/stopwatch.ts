/** Runs steps in chunks, keeps the queue short, and measures what each lane costs. */
import { Clock } from "../tensor/pace.ts";
import type { Race } from "./race.ts";

/**
 * With timestamp queries every lane's own GPU time is read once per chunk. Without them the lanes' shares of the wall time
 * are unknown, and each is given the same.
 */
export class Stopwatch {
  readonly #race: Race;
  readonly #clock: Clock | undefined;
  #ahead: Promise<void> = Promise.resolve();
  #since = performance.now();
  #steps = 0;
  #laneMs: number[];
  #samples = 0;

  constructor(race: Race) {
    this.#race = race;
    this.#laneMs = race.lanes.map(() => 0);
    this.#clock = race.gpu.features.has("timestamp-query") ? new Clock(race.gpu) : undefined;
  }

  /** Steps `first` … `first + count - 1`; resolves when the chunk before has run, so that one is always queued. Returns its milliseconds. */
  async run(first: number, count: number): Promise<number> {
    const start = performance.now();
    const clock = this.#clock?.free ? this.#clock : undefined;
    for (let i = 0; i < count; i++) this.#race.step(first + i, i === count - 1 ? clock : undefined);
    this.#steps += count;
    const before = this.#ahead;
    this.#ahead = Promise.race([clock ? this.#sample(clock) : this.#race.gpu.device.queue.onSubmittedWorkDone(), this.#race.gpu.fault]);
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

  async #sample({ laps }: Clock): Promise<void> {
    const ms = await laps;
    this.#laneMs = this.#laneMs.map((sum, lane) => sum + (ms[lane] as number));
    this.#samples++;
  }

  destroy(): void {
    this.#clock?.destroy();
  }
}
