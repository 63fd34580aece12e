/** Questions of the page about the run that need the GPU for a while: asked one by one, answered in parts, and taken back at will. */
import { type Analyst, openAnalyst } from "../analysis/analyst.ts";
import { planeOf, type Shares } from "../analysis/plane.ts";
import { InputError } from "./input.ts";
import { Landscape, type Vertices } from "./landscape.ts";
import { overlaps } from "./overlap.ts";
import type { FromWorker, PaperQuestion } from "./protocol.ts";
import type { Race } from "./race.ts";
import { likenesses, spreadOver } from "./representation.ts";

/** Inputs without which HSIC cannot be estimated. */
const LEAST = 4;

/** Those about one run; they end with it. */
export class PaperDesk {
  readonly #race: Race;
  readonly #asked = new Map<number, AbortController>();
  #analyst: Analyst | undefined;
  #measuring: Promise<unknown> | undefined;
  /** The plane that was asked for last. */
  #surface: { readonly id: number; readonly landscape: Landscape } | undefined;

  constructor(race: Race) {
    this.#race = race;
  }

  /** All parts of the answer; the last one says that there are no more. Throws the signal's reason once `cancel` was called. */
  async *answer(question: PaperQuestion): AsyncGenerator<FromWorker> {
    const controller = new AbortController();
    this.#asked.set(question.id, controller);
    try {
      for await (const part of this.#parts(question)) {
        controller.signal.throwIfAborted();
        yield part;
      }
    } finally {
      this.#asked.delete(question.id);
    }
  }

  cancel(id: number): void {
    this.#asked.get(id)?.abort();
  }

  close(): void {
    for (const controller of this.#asked.values()) controller.abort();
    this.#analyst?.close();
    this.#surface?.landscape.destroy();
    this.#surface = undefined;
  }

  #parts(question: PaperQuestion): AsyncGenerator<FromWorker> {
    this.#analyst ??= openAnalyst();
    switch (question.type) {
      case "overlap":
        return this.#overlap(question.id, this.#analyst);
      case "likeness":
        return this.#likeness(question.id, question.images, this.#analyst);
      case "plane":
        return this.#plane(question.id, question.vertices);
      case "heights":
        return this.#heights(question.id, question.plane, question.shares);
    }
  }

  async *#overlap(id: number, analyst: Analyst): AsyncGenerator<FromWorker> {
    const race = this.#race;
    // Before anything was ranked there is no moment yet: now is one.
    if (race.taken === undefined) race.snapshot();
    let done = 0;
    for await (const { layer, all } of overlaps(race, analyst)) {
      done++;
      yield { type: "overlap", id, step: race.taken ?? 0, layer, done, all, more: done < all };
    }
    if (done === 0) throw new InputError("No method of this race changes a weight matrix.", "Add one that does, such as LoRA.");
  }

  async *#likeness(id: number, wanted: number, analyst: Analyst): AsyncGenerator<FromWorker> {
    const race = this.#race;
    const images = spreadOver(race.setup.split.validation, wanted);
    if (images.length < LEAST)
      throw new InputError(
        `There are ${images.length} validation images; CKA needs ${LEAST}, and says little below a hundred.`,
        "Hold out a larger share, or add images.",
      );
    let done = 0;
    for await (const { step, half, all } of likenesses(race, images, analyst)) {
      done++;
      yield { type: "likeness", id, step, images: images.length, half, done, all, more: done < all };
    }
  }

  async *#plane(id: number, vertices: Vertices): AsyncGenerator<FromWorker> {
    const before = this.#surface?.landscape;
    this.#surface = undefined;
    // What is still being measured on it ends first: a buffer must not go while it is in use.
    await this.#measuring?.catch(() => undefined);
    before?.destroy();
    const landscape = await Landscape.open(this.#race, vertices);
    this.#surface = { id, landscape };
    const plane = { ...planeOf(await landscape.products()), vertices, images: landscape.images.length };
    yield { type: "plane", id, step: landscape.step, plane, done: 1, all: 1, more: false };
  }

  async *#heights(id: number, plane: number, shares: readonly Shares[]): AsyncGenerator<FromWorker> {
    for (const [at, one] of shares.entries()) {
      if (this.#surface?.id !== plane) throw new InputError("The weights of this surface are gone.", "Measure it anew.");
      const { landscape } = this.#surface;
      const measuring = landscape.at(one);
      this.#measuring = measuring;
      const height = await measuring;
      yield { type: "heights", id, step: landscape.step, height, done: at + 1, all: shares.length, more: at + 1 < shares.length };
    }
  }
}
