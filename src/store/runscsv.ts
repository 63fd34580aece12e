/** Kept runs as tables for a spreadsheet: every cell is text or a number, and none is a formula. */
import { judge } from "../analysis/judge.ts";
import { balancedAccuracy } from "../analysis/resample.ts";
import { hasDiverged, hitsIn, type RunRecord } from "./record.ts";
import { meanRank } from "./run.ts";
import { counted } from "./study.ts";
import { measuredOver } from "./verdict.ts";

type Cell = string | number | null | undefined;

/** A cell that begins like a formula would be run by spreadsheets; a quote in front keeps it text. */
export function csvCell(value: Cell): string {
  if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value))) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[\s]*[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180. */
const toCsv = (rows: readonly (readonly Cell[])[]): string => `${rows.map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;

const FIGURES = [
  ...["run", "name", "date", "data", "data_digest", "classes", "model", "gpu", "swept", "value"],
  ...["seed", "lane", "method", "settings", "lr", "targets", "steps", "batch", "outcome", "step", "part", "images", "correct"],
  ...["accuracy", "balanced_accuracy", "loss", "mean_accuracy", "mean_low", "mean_high", "effective_rank", "stable_rank"],
  ...["above_1_percent", "parameters", "exported_form", "exported_bytes", "ms_per_step", "memory_bytes", "fingerprint"],
];

/** One row for every run, lane and seed, with all figures. */
export function figuresCsv(records: readonly RunRecord[]): string {
  return toCsv([FIGURES, ...records.flatMap(figureRows)]);
}

function figureRows(record: RunRecord): Cell[][] {
  const { config, data, device, sweep, tested } = record;
  const measured = measuredOver(tested, counted(record));
  const judged = measured ? judge(measured).lanes : [];
  return record.results.flatMap(({ seed, step, stopped, lanes }) =>
    lanes.map((lane, index): Cell[] => {
      const { method = "", settings = {}, lr = 0 } = config.lanes[index] ?? {};
      const facts = record.lanes[index];
      const own = hasDiverged(lane) ? undefined : lane;
      const score = own?.score;
      const rank = own && meanRank({ rank: { step, layers: own.layers } });
      const over = judged[index];
      const { image } = config.targets;
      return [
        ...[record.id, record.name, record.date, data.name, data.digest, data.classes.length, config.model, device.gpu],
        ...[sweep?.setting, sweep?.value, seed, index + 1, method, textOf(settings), lr],
        ...[typeof image === "string" ? image : image.join(" "), config.steps, config.batch],
        ...[hasDiverged(lane) ? "diverged" : stopped ? "stopped" : "done", hasDiverged(lane) ? lane.diverged : step],
        ...[tested?.part, score?.answers.predicted.length, score?.correct, score?.accuracy],
        score && tested ? balancedAccuracy(hitsIn(score.answers, tested), tested.labels) : null,
        ...[score?.loss, over?.accuracy, over?.low, over?.high, rank?.effective, rank?.stable, rank?.above],
        ...[facts?.parameters, facts?.exported.form, facts?.exported.bytes, own?.msPerStep],
        facts?.memory ? facts.memory.trainable + facts.memory.optimizer + facts.memory.frozen : null,
        own?.fingerprint,
      ];
    }),
  );
}

const textOf = (settings: Readonly<Record<string, number>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join("; ");

/** One row for every run, seed, lane and step that is kept of the curves. */
export function curvesCsv(records: readonly RunRecord[]): string {
  const head = ["run", "name", "seed", "lane", "method", "step", "batch_loss", "smoothed_loss", "validation_loss", "validation_accuracy"];
  const rows = records.flatMap((record) =>
    record.results.flatMap(({ seed, points, validations }) =>
      record.config.lanes.flatMap(({ method }, lane) => {
        const steps = [...new Set([...points, ...validations].map(({ step }) => step))].sort((a, b) => a - b);
        const byStep = new Map(points.map((point) => [point.step, point]));
        const measured = new Map(validations.map(({ step, lanes }) => [step, lanes[lane]]));
        return steps.map((step): Cell[] => {
          const [point, held] = [byStep.get(step), measured.get(step)];
          return [record.id, record.name, seed, lane + 1, method, step, point?.raw[lane], point?.smooth[lane], held?.loss, held?.accuracy];
        });
      }),
    ),
  );
  return toCsv([head, ...rows]);
}
