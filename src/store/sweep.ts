/** One setting at several values: what it may be, what is usual, and the races that follow from it. */
import type { Field } from "../adapters/adapter.ts";
import type { LaneConfig, RunConfig } from "../train/run.ts";
import { clampLane, clampTo, keepStrength, MAX_LANES, RATE, TARGETS } from "./config.ts";
import { findMethod } from "./methods.ts";
import type { SweepPoint } from "./record.ts";
import { type Study, seedsFrom, studyOf } from "./study.ts";

export type Setting = "rank" | "alpha" | "lr" | "targets";

export interface Sweep {
  readonly setting: Setting;
  /** One lane of the setup, or null for all that have the setting. */
  readonly lane: number | null;
  /** As the address has them: "16", "0.003", "q.v". */
  readonly values: readonly string[];
}

export const SETTINGS: Readonly<
  Record<Setting, { readonly title: string; readonly short: string; readonly usual: readonly (readonly string[])[] }>
> = {
  rank: {
    title: "Rank r",
    short: "r",
    usual: [
      ["1", "2", "4", "8", "16", "32"],
      ["2", "8", "32"],
      ["4", "16", "64"],
    ],
  },
  alpha: {
    title: "Alpha α",
    short: "α",
    usual: [
      ["8", "16", "32", "64", "128"],
      ["16", "64"],
    ],
  },
  lr: {
    title: "Learning rate",
    short: "lr",
    usual: [
      ["0.0003", "0.001", "0.003", "0.01"],
      ["0.001", "0.003"],
    ],
  },
  targets: { title: "Adapted layers", short: "layers", usual: [["q.v", "q.k.v.out", TARGETS.join(".")]] },
};
const MAX_VALUES = 12;

/** What a value of the adapted layers is called. */
export function titleOfValue(setting: string, value: string): string {
  if (setting !== "targets") return value;
  if (value === TARGETS.join(".")) return "all six";
  return value === "q.k.v.out" ? "all attention" : value.replaceAll(".", ", ");
}

/** "r 8": a point of a sweep in few words. */
export const describePoint = ({ setting, value }: SweepPoint): string =>
  `${Object.hasOwn(SETTINGS, setting) ? SETTINGS[setting as Setting].short : setting} ${titleOfValue(setting, value)}`;

export const startOf = (setting: Setting, lane: number | null = null): Sweep => ({
  setting,
  lane,
  values: SETTINGS[setting].usual[0] ?? [],
});

/** "1, 2, 4" as values in their order, each once; undefined where one of them cannot be. */
export function parseValues(setting: Setting, text: string): readonly string[] | undefined {
  const parts = [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
  if (parts.length === 0 || parts.length > MAX_VALUES) return undefined;
  const fits =
    setting === "targets" ? (part: string) => layersOf(part).length > 0 : (part: string) => Number(part) > 0 && Number(part) <= 1e6;
  if (!parts.every(fits)) return undefined;
  return setting === "targets" ? parts : parts.map((part) => String(Number(part)));
}

function layersOf(value: string): readonly string[] {
  const asked = value.split(".");
  return asked.every((name) => TARGETS.includes(name)) ? TARGETS.filter((name) => asked.includes(name)) : [];
}

/** "rank_1_2_4", and "rank@1_8_16" for the second lane alone. */
export function writeSweep({ setting, lane, values }: Sweep): string {
  return [lane === null ? setting : `${setting}@${lane}`, ...values].join("_");
}

/** Null for what is none. */
export function readSweep(text: string, lanes: number): Sweep | null {
  const [, name = "", at, rest = ""] = /^([a-z]+)(?:@(\d))?_(.+)$/.exec(text) ?? [];
  if (!Object.hasOwn(SETTINGS, name)) return null;
  const setting = name as Setting;
  const lane = at === undefined ? null : Number(at);
  const values = parseValues(setting, rest.replaceAll("_", " "));
  return values && (lane === null || lane < Math.min(lanes, MAX_LANES)) ? { setting, lane, values } : null;
}

/** What of a lane is swept; undefined where it has no such setting. */
function fieldIn({ method, adapter }: LaneConfig, setting: Setting): Field | undefined {
  if (setting === "lr" || setting === "targets") return RATE;
  // An imported adapter is as large as it is.
  return adapter === undefined ? findMethod(method)?.fields[setting] : undefined;
}

export const canSweep = (lane: LaneConfig, setting: Setting): boolean => fieldIn(lane, setting) !== undefined;

/**
 * The studies of a sweep, one for each value, in their order; without lanes that are not swept, except that a sweep of all lanes
 * races those that lack the setting once, with the first value. A new rank keeps α / r. Values past a method's range are left out.
 */
export function studiesOf({ setting, lane: only, values }: Sweep, config: RunConfig, seeds: number): readonly Study[] {
  return values.flatMap((value, index) => {
    const lanes = config.lanes.flatMap((lane, at) => {
      if (only !== null && at !== only) return [];
      const field = fieldIn(lane, setting);
      if (!field) return only === null && index === 0 ? [lane] : [];
      return withValue(lane, setting, field, value);
    });
    if (lanes.length === 0) return [];
    const targets = setting === "targets" ? { ...config.targets, image: layersOf(value) } : config.targets;
    return [studyOf({ ...config, lanes, targets }, seedsFrom(config.seed, seeds), { setting, value })];
  });
}

function withValue(lane: LaneConfig, setting: Setting, field: Field, value: string): LaneConfig[] {
  if (setting === "targets") return [lane];
  const number = Number(value);
  if (clampTo(field, number) !== number) return [];
  if (setting === "lr") return [clampLane({ ...lane, lr: number })];
  return [clampLane({ ...lane, settings: { ...lane.settings, ...keepStrength(lane, { [setting]: number }) } })];
}
