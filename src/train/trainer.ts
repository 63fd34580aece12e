/** The training loop: an async generator of events that knows no worker, no page and no window. */
import type { Ranker } from "../analysis/ranker.ts";
import { adapterOf } from "./catalog.ts";
import type { Controls } from "./controls.ts";
import type { Race } from "./race.ts";
import type { LaneScore, LayerRank, RunConfig, RunEvent } from "./run.ts";
import { Stopwatch } from "./stopwatch.ts";

/** The GPU should never wait for the next chunk, nor a click for the end of one. */
const CHUNK_MS = 50;
/** Training goes on for at least this many times as long as an evaluation takes. */
const EVALUATION_SHARE = 3;
/** How often figures are read back and published. */
const PUBLISH_MS = 200;

/** Trains until the last step or until stopped. Figures that are not finite end the run with a "failed" event. */
export async function* train(race: Race, config: RunConfig, controls: Controls, ranker: Ranker): AsyncGenerator<RunEvent> {
  const watch = new Stopwatch(race);
  try {
    yield* loop(race, config, controls, ranker, watch);
  } finally {
    watch.destroy();
  }
}

async function* loop(race: Race, config: RunConfig, controls: Controls, ranker: Ranker, watch: Stopwatch): AsyncGenerator<RunEvent> {
  const every = Math.max(1, Math.round(config.steps / 10));
  const ranks = new Ranks(race, ranker);
  yield { type: "status", text: "Measuring the model before training" };
  let evaluated = performance.now();
  yield await validation(race, 0);
  let evaluationMs = performance.now() - evaluated;
  evaluated = performance.now();
  // An imported adapter has a rank before anything is trained.
  if (race.lanes.some(({ isFresh }) => !isFresh)) ranks.start(0);
  let step = 0;
  let published = 0;
  let lastEvaluated = 0;
  let chunk = 1;
  let lastPublish = performance.now();
  while (step < config.steps && !controls.stopped) {
    if (controls.allowance === 0) {
      yield { type: "paused", step };
      // A rank that becomes ready meanwhile is shown at once.
      while (controls.allowance === 0 && !controls.stopped) {
        await Promise.race([controls.wait(), ranks.settled]);
        yield* ranks.ready();
      }
      if (controls.stopped) break;
      if (controls.allowance === Number.POSITIVE_INFINITY) yield { type: "resumed", step };
      lastPublish = performance.now();
      watch.restart();
      continue;
    }
    const due = every - (step % every); // evaluations happen at multiples of `every`
    const run = Math.min(chunk, due, config.steps - step, controls.allowance);
    const ms = await watch.run(step + 1, run);
    step += run;
    controls.spend(run);
    // The first chunk waits for nothing, so its time says nothing.
    if (step > run) chunk = Math.max(1, Math.min(2 * chunk, Math.round((chunk * CHUNK_MS) / Math.max(ms, 1))));
    // On a slow adapter an evaluation may take longer than the steps between two of them: it waits until it is worth its time.
    const worthIt = performance.now() - evaluated > EVALUATION_SHARE * evaluationMs;
    const milestone = step === config.steps || (step % every === 0 && worthIt);
    if (milestone || controls.allowance === 0 || performance.now() - lastPublish > PUBLISH_MS) {
      const event = await figures(race, published + 1, step, watch, config.batch);
      published = step;
      lastPublish = performance.now();
      yield event;
      const failure = notFinite(event, race);
      if (failure) {
        yield failure;
        return;
      }
    }
    if (milestone) {
      const start = performance.now();
      yield await validation(race, step);
      evaluated = performance.now();
      evaluationMs = evaluated - start;
      lastEvaluated = step;
      ranks.start(step);
    }
    yield* ranks.ready();
  }
  if (published < step) {
    const event = await figures(race, published + 1, step, watch, config.batch);
    yield event;
    const failure = notFinite(event, race);
    if (failure) {
      yield failure;
      return;
    }
  }
  if (lastEvaluated < step) yield await validation(race, step);
  const { test } = race.setup.split;
  if (test.length > 0) {
    yield { type: "status", text: "Measuring on the test images" };
    const lanes = await scores(race, step, test);
    // The model as it was is still there, so that knowing this did not hold up the first step.
    const isKnown = config.head.kind === "text" && race.lanes.every(({ isFresh }) => isFresh);
    yield { type: "test", step, lanes, before: isKnown ? (await race.evaluate(-1, test)).accuracy : null };
  }
  yield { type: "status", text: "Measuring the rank of the updates" };
  yield* ranks.last(step);
  const fingerprints = await Promise.all(race.lanes.map((_, lane) => race.fingerprint(lane)));
  yield { type: "done", step, stopped: controls.stopped, fingerprints };
}

type StepsEvent = Extract<RunEvent, { type: "steps" }>;

async function figures(race: Race, first: number, last: number, watch: Stopwatch, batch: number): Promise<StepsEvent> {
  const lanes = await Promise.all(race.lanes.map((_, lane) => race.figures(lane, first, last)));
  const { msPerStep, wallMs } = watch.read();
  return {
    type: "steps",
    steps: Array.from({ length: last - first + 1 }, (_, i) => first + i),
    losses: lanes.map((all) => all.map(({ loss }) => loss)),
    accuracies: lanes.map((all) => all.map(({ accuracy }) => accuracy)),
    gradNorms: lanes.map((all) => all.map(({ gradNorm }) => gradNorm)),
    notFinite: lanes.map((all) => all.map((figure) => figure.notFinite)),
    msPerStep,
    imagesPerSecond: (1000 * batch * race.lanes.length) / wallMs,
  };
}

/** The step that broke, if one did: its update was not applied, so the weights before it are still there. */
function notFinite({ steps, notFinite: counts }: StepsEvent, race: Race): RunEvent | undefined {
  for (const [lane, bad] of counts.entries()) {
    const at = bad.findIndex((n) => n > 0);
    if (at < 0) continue;
    const { config } = race.lanes[lane] as (typeof race.lanes)[number];
    const step = steps[at] as number;
    return {
      type: "failed",
      lane,
      step,
      fault: {
        kind: "nan",
        what: `${adapterOf(config.method).title} produced numbers that are not finite at step ${step}.`,
        kept: `The weights of step ${step - 1}, all curves, your images and your settings.`,
        todo: `Train again with a learning rate of ${(config.lr / 3).toPrecision(1)} or half the α.`,
      },
    };
  }
  return undefined;
}

async function validation(race: Race, step: number): Promise<RunEvent> {
  return { type: "validation", step, lanes: await scores(race, step, race.setup.split.validation) };
}

async function scores(race: Race, step: number, images: Uint32Array): Promise<readonly LaneScore[]> {
  const all: LaneScore[] = [];
  let fresh: LaneScore | undefined;
  for (const [index, lane] of race.lanes.entries()) {
    // Before the first step most ΔW are zero, and all heads are alike: one such lane's score is everyone's.
    const isFresh = step === 0 && lane.isFresh;
    const score = (isFresh && fresh) || (await race.evaluate(index, images));
    if (isFresh) fresh = score;
    all.push(score);
  }
  return all;
}

/** Ranks are computed beside the training: what is ready is published, and a snapshot is skipped while one is under way. */
class Ranks {
  readonly #race: Race;
  readonly #ranker: Ranker;
  readonly #done: RunEvent[] = [];
  #busy: Promise<void> | undefined;
  #failure: unknown;
  #latest = -1;

  constructor(race: Race, ranker: Ranker) {
    this.#race = race;
    this.#ranker = ranker;
  }

  start(step: number): void {
    if (this.#busy !== undefined) return;
    this.#latest = step;
    this.#busy = this.#measure(step)
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#busy = undefined;
      });
  }

  /** Resolves when the measurement under way is over; never when there is none. */
  get settled(): Promise<void> {
    return this.#busy ?? new Promise(() => undefined);
  }

  *ready(): Generator<RunEvent> {
    if (this.#failure) throw this.#failure;
    yield* this.#done.splice(0);
  }

  /** The ranks at the end of the run, whatever was skipped before. */
  async *last(step: number): AsyncGenerator<RunEvent> {
    await this.#busy;
    if (this.#latest !== step) this.start(step);
    await this.#busy;
    yield* this.ready();
  }

  async #measure(step: number): Promise<void> {
    this.#race.snapshot();
    for (const lane of this.#race.lanes.keys()) {
      const waiting: Promise<LayerRank>[] = [];
      for await (const { site, delta } of this.#race.deltas(lane)) {
        const { path, block, target } = site;
        const measured = this.#ranker.rank(delta, site.out, site.in).then((metrics) => ({ path, block, target, ...metrics }));
        // A run that fails closes the ranker before all are awaited, which tells of it.
        measured.catch(() => undefined);
        waiting.push(measured);
      }
      this.#done.push({ type: "rank", step, lane, layers: await Promise.all(waiting) });
    }
  }
}
