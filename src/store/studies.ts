/** What the Train button starts: races under one seed after another, and of a sweep one setting after another. */
import { create } from "zustand";
import type { Judgement, Measured } from "../analysis/judge.ts";
import { deliberate } from "../analysis/jury.ts";
import type { Dataset } from "../data/dataset.ts";
import { writeAddress } from "./address.ts";
import { pauseRace, resetRace, resumeRace, startRace, stepRace, stopRace, useRace } from "./race.ts";
import { type DataSummary, factsOf, type RunRecord, resultOf, summarize, type Tested, testedOf } from "./record.ts";
import { type Kept, keepRun, useRuns } from "./runs.ts";
import { saveJson } from "./runsfile.ts";
import { describeRun, type Frame, recordOf } from "./runsmade.ts";
import { useSetup } from "./setup.ts";
import { counted, fieldOf, nextRace, nextSeed, placeOf, reduceStudy, type Study, type StudyAction } from "./study.ts";
import { measuredNow, measuredOver } from "./verdict.ts";

export interface Judged {
  /** By lane of the study. */
  readonly judgement: Judgement;
  readonly part: Tested["part"];
  /** Of races that came to their end; 0 while the first is measured along the way. */
  readonly seeds: number;
}

interface Studies {
  /** All that was started at once: one, or of a sweep one for every value. */
  readonly plan: readonly Study[];
  /** The one that is on, or was last. */
  readonly at: number;
  /** Whether races follow one another by themselves. */
  readonly running: boolean;
  readonly judged: Judged | null;
}

export const useStudies = create<Studies>()(() => ({ plan: [], at: 0, running: false, judged: null }));

/** The study on the page; undefined before there is one. */
export const useStudy = (): Study | undefined => useStudies(({ plan, at }) => plan[at]);

/** "seed 3 of 3": whose weights the engine holds, and answers with; null where there is but one. */
export function useSeedPlace(): string | null {
  const study = useStudy();
  const seed = useRace((race) => race.config?.seed);
  return study && seed !== undefined ? placeOf(study, seed) : null;
}

let images: Dataset | undefined;
let paused = false;
/** One for every study of the plan that has a result. */
let frames = new Map<number, Promise<Frame>>();
/** Runs are written one after the other, so that none overtakes what it is to replace. */
let writing = Promise.resolve();
let summary: { readonly of: Dataset; readonly data: Promise<DataSummary> } | undefined;

/** `kept`: by study, the run of an earlier visit that it goes on with. */
export function startStudies(
  plan: readonly Study[],
  dataset: Dataset,
  { hold = false, kept = new Map<number, RunRecord>() }: { readonly hold?: boolean; readonly kept?: ReadonlyMap<number, RunRecord> } = {},
): void {
  images = dataset;
  paused = hold;
  frames = new Map(Array.from(kept, ([at, record]) => [at, Promise.resolve(record)]));
  summary = undefined;
  useStudies.setState({ plan, at: 0, running: true, judged: null });
  advance();
}

export function pauseStudies(): void {
  paused = true;
  pauseRace();
}

export function resumeStudies(): void {
  paused = false;
  resumeRace();
}

export function stepStudies(): void {
  paused = true;
  stepRace();
}

/** What has ended stays; the race that is on is measured where it stands. */
export function stopStudies(): void {
  useStudies.setState({ running: false });
  stopRace();
}

export function resetStudies(): void {
  useStudies.setState({ plan: [], at: 0, running: false, judged: null });
  resetRace();
}

/** Starts the next race of the plan, if there is one. */
function advance(): void {
  const { plan } = useStudies.getState();
  const at = plan.findIndex((study) => nextSeed(study) !== undefined);
  const race = at < 0 ? undefined : nextRace(plan[at] as Study);
  if (!race || !images) {
    useStudies.setState({ running: false });
    return;
  }
  useStudies.setState({ at });
  startRace(race.config, images, paused);
}

function change(action: StudyAction): void {
  useStudies.setState(({ plan, at }) => ({ plan: plan.map((study, index) => (index === at ? reduceStudy(study, action) : study)) }));
}

/** Follows the races: keeps what each leaves, starts the next, and has it all judged. */
export function followStudies(): void {
  useRace.subscribe((race, before) => {
    if (race.phase !== before.phase && race.phase === "done") queueMicrotask(ended);
    if (race.phase !== before.phase && race.phase === "failed") queueMicrotask(failed);
    if (race.answers !== before.answers) judgeNow();
  });
}

function ended(): void {
  const { plan, at, running } = useStudies.getState();
  const race = useRace.getState();
  const study = plan[at];
  if (!study || race.phase !== "done") return;
  const field = fieldOf(study);
  change({ type: "ended", result: resultOf(race, race.points, field), tested: testedOf(race), facts: factsOf(race, field) });
  keep(at);
  judgeNow();
  if (running && !race.stopped) advance();
  else useStudies.setState({ running: false });
}

function failed(): void {
  const { plan, at, running } = useStudies.getState();
  const { fault } = useRace.getState();
  const study = plan[at];
  const lane = study && fault && fault.lane !== null ? fieldOf(study).present[fault.lane] : undefined;
  const many = study !== undefined && (study.seeds.length > 1 || study.sweep !== null);
  // One lane of one race is what the page reports. Of many it is a result, and the others go on without it.
  if (!running || !many || fault?.kind !== "nan" || lane === undefined) {
    useStudies.setState({ running: false });
    return;
  }
  const results = study.results.length;
  change({ type: "diverged", lane, step: fault.step ?? 0 });
  if (useStudies.getState().plan[at]?.results.length !== results) keep(at);
  advance();
}

/** Writes the run as far as it has come. */
function keep(at: number): void {
  const study = useStudies.getState().plan[at];
  if (!study) return;
  const framing = frameOf(study, at);
  if (framing === undefined) return;
  writing = writing.then(async () => {
    const frame = await framing;
    // It may have been named or pinned since.
    const { name, pinned } = useRuns.getState().list?.find(({ id }) => id === frame.id) ?? frame;
    await keepRun(await recordOf(study, { ...frame, name, pinned }));
  });
  writing = writing.catch((error: unknown) => useRuns.setState({ problem: `This run could not be kept: ${String(error)}` }));
}

/** Made once for a study, by the first of its races that leaves something. */
function frameOf(study: Study, at: number): Promise<Frame> | undefined {
  const { split, dataset, gpu, software, memory } = useRace.getState();
  const known = frames.get(at);
  if (known !== undefined) return known;
  // A race that failed at its first step leaves a split too.
  if (split && dataset && summary?.of !== dataset) summary = { of: dataset, data: summarize(dataset, split) };
  if (!summary) return undefined;
  const { match, sample } = useSetup.getState();
  const address = writeAddress({ config: study.config, match: match && !study.sweep, sample, seeds: study.seeds.length, sweep: null });
  const date = new Date().toISOString();
  const frame = summary.data.then((data) => ({
    id: crypto.randomUUID(),
    name: describeRun(study, data),
    date,
    pinned: false,
    address,
    data,
    device: { gpu, software, browser: navigator.userAgent },
    memory: memory && { weights: memory.weights, activations: memory.activations },
  }));
  frames.set(at, frame);
  return frame;
}

/** The run on the page as it stands, for the person to take; the race that is on counts as stopped here. */
async function currentRun(): Promise<Kept | undefined> {
  const { plan, at } = useStudies.getState();
  const race = useRace.getState();
  const study = plan[at];
  if (!study) return undefined;
  const field = fieldOf(study);
  const under = race.phase === "training" || race.phase === "paused" || (race.phase === "failed" && race.lanes.length > 0);
  const result = { ...resultOf(race, race.points, field), stopped: true };
  const now = under ? reduceStudy(study, { type: "ended", result, tested: testedOf(race), facts: factsOf(race, field) }) : study;
  const frame = await frameOf(now, at);
  return frame && recordOf(now, frame);
}

export async function exportRun(): Promise<void> {
  const kept = await currentRun();
  if (kept) saveJson(kept.record);
}

let judging = 0;

/** Of the results that have come to their end, or while there are none of the race as it stands. */
function judgeNow(): void {
  const { plan, at } = useStudies.getState();
  const race = useRace.getState();
  const study = plan[at];
  const mine = ++judging;
  if (!study) return;
  const results = counted(study);
  const over = results.length > 0 ? measuredOver(study.tested, results) : null;
  const now = over ? null : race.step > 0 ? measuredNow(race) : null;
  const measured: Measured | null = over ?? (now && { ...now, lanes: fieldOf(study).out.size > 0 ? spread(study, now.lanes) : now.lanes });
  const part = over ? study.tested?.part : race.answers?.part;
  if (!measured || !part) return;
  void deliberate(measured).then((judgement) => {
    if (mine === judging) useStudies.setState({ judged: { judgement, part, seeds: over ? results.length : 0 } });
  });
}

function spread(study: Study, lanes: Measured["lanes"]): Measured["lanes"] {
  const { present } = fieldOf(study);
  return study.config.lanes.map((_, lane) => lanes[present.indexOf(lane)] ?? [null]);
}
