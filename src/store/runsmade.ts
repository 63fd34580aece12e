/** From a study to the run that is kept, and what its summary says. */
import { deliberate } from "../analysis/jury.ts";
import { findMethod } from "./methods.ts";
import { type DataSummary, FORMAT, hasDiverged, keyOf, type RunRecord, VERSION } from "./record.ts";
import { bytesOf, type Kept, type LaneSummary, type RunSummary } from "./runs.ts";
import { counted, type Study } from "./study.ts";
import { figuresOf } from "./studyfigures.ts";
import { describePoint } from "./sweep.ts";
import { measuredOver } from "./verdict.ts";

/** What stays the same while a run's results come in. */
export type Frame = Pick<RunRecord, "id" | "name" | "date" | "pinned" | "address" | "data" | "device" | "memory">;

const MOST_NAME = 80;

/** "LoRA, RandLoRA on EuroSAT"; what tells the runs of a sweep apart comes first, as long names are cut: "r 8: LoRA on EuroSAT". */
export function describeRun({ config, sweep }: Pick<Study, "config" | "sweep">, { name }: Pick<DataSummary, "name">): string {
  const methods = [...new Set(config.lanes.map(({ method }) => findMethod(method)?.title ?? method))].join(", ");
  return `${sweep ? `${describePoint(sweep)}: ` : ""}${methods} on ${name}`.slice(0, MOST_NAME);
}

export async function recordOf(study: Study, frame: Frame): Promise<Kept> {
  const { config, seeds, sweep, tested, results, facts } = study;
  const lanes = facts.map((known) => known ?? { parameters: 0, way: "", exported: { form: "peft" as const, bytes: 0 }, memory: null });
  const { id, name, date, pinned, address, data, device, memory } = frame;
  const record: RunRecord = {
    format: FORMAT,
    version: VERSION,
    ...{ id, name, date, pinned, config, seeds, sweep, address, data, device, memory, lanes, tested, results },
  };
  return { record, summary: await summaryOf(record) };
}

export async function summaryOf(record: RunRecord): Promise<RunSummary> {
  const { id, name, date, pinned, config, data, seeds, sweep, tested, results } = record;
  const measured = measuredOver(tested, counted(record));
  const judgement = measured && (await deliberate(measured));
  const figures = figuresOf(counted(record), record.lanes);
  return {
    ...{ id, name, date, pinned, sweep },
    key: keyOf(config, data.digest),
    data: data.name,
    classes: data.classes.length,
    images: data.counts.reduce((sum, { train, validation, test }) => sum + train + validation + test, 0),
    model: config.model,
    batch: config.batch,
    steps: config.steps,
    seeds: results.filter(({ stopped }) => !stopped).map(({ seed }) => seed),
    asked: seeds.length,
    part: tested?.part ?? "test",
    lanes: config.lanes.map(
      (lane, index): LaneSummary => ({
        config: lane,
        parameters: record.lanes[index]?.parameters ?? 0,
        msPerStep: figures[index]?.msPerStep ?? null,
        judged: judgement?.lanes[index] ?? null,
        diverged: results.filter(({ lanes }) => hasDiverged(lanes[index])).length,
      }),
    ),
    bytes: bytesOf(record),
  };
}
