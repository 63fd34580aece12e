/** What the person at the page wants; `train` looks at it between chunks of steps. */
export class Controls {
  #paused: boolean;
  #stopped = false;
  #single = 0;
  #held = 0;
  #wake: () => void = () => undefined;

  constructor(paused = false) {
    this.#paused = paused;
  }

  get stopped(): boolean {
    return this.#stopped;
  }
  /** Steps that may run now: 0 while paused. */
  get allowance(): number {
    if (this.#stopped || this.#held > 0) return 0;
    return this.#paused ? this.#single : Number.POSITIVE_INFINITY;
  }
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.#wake();
  }
  /** One step, then paused. */
  step(): void {
    this.#paused = true;
    this.#single++;
    this.#wake();
  }
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }
  /** No step begins while `work` runs: what it reads belongs to one moment. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#held++;
    try {
      return await work();
    } finally {
      this.#held--;
      this.#wake();
    }
  }
  spend(steps: number): void {
    this.#single = Math.max(0, this.#single - steps);
  }
  /** Resolves when something may run again, or the run is stopped. */
  async wait(): Promise<void> {
    while (this.allowance === 0 && !this.#stopped) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
