/** How a lane looks and is called, the same everywhere: one colour and one dash per method, never colour alone. */
import { findMethod } from "../store/methods.ts";
import type { LaneConfig } from "../train/run.ts";
import { plain } from "./numbers.ts";

export interface Look {
  /** "LoRA", or "LoRA r 8" beside another LoRA. */
  readonly name: string;
  /** "LoRA r 32" */
  readonly label: string;
  readonly color: string;
  /** As SVG's stroke-dasharray. */
  readonly dash: string;
}

/** A method that this version does not have. */
const UNKNOWN = { light: "#66696d", dark: "#a6abb0", dash: "4 2 1 2" };
/** For the second, third … lane of one method. */
const AGAIN = ["", "2 4", "10 3 2 3", "5 5"];

/** "r 32", "sparse": a setting as short as its label allows. */
export function settingText(method: string, name: string, value: number): string {
  const field = findMethod(method)?.fields[name];
  const label = field?.label ?? name;
  const symbol = label.split(" ").at(-1) ?? label;
  return field?.choices?.[value] ?? `${symbol.length <= 3 ? symbol : label} ${plain(value)}`;
}

/** Of a method's first lane. */
export function lookOf(method: string): Pick<Look, "color" | "dash"> {
  const { light, dark, dash } = findMethod(method)?.mark ?? UNKNOWN;
  return { color: `light-dark(${light}, ${dark})`, dash };
}

export function titleOf(method: string): string {
  return findMethod(method)?.title ?? method;
}

export function looksOf(lanes: readonly LaneConfig[]): readonly Look[] {
  return lanes.map((lane, index) => {
    const alike = lanes.filter(({ method }) => method === lane.method).length;
    const before = lanes.slice(0, index).filter(({ method }) => method === lane.method).length;
    const { color, dash } = lookOf(lane.method);
    const label = labelOf(lane);
    const twin = lanes.slice(0, index).filter((other) => labelOf(other) === label).length;
    const name = alike > 1 ? label + (twin > 0 ? ` (${twin + 1})` : "") : titleOf(lane.method);
    return { name, label: twin > 0 ? name : label, color, dash: before > 0 ? (AGAIN[before] ?? dash) : dash };
  });
}

function labelOf({ method, settings }: LaneConfig): string {
  const { rank } = settings;
  return rank === undefined ? titleOf(method) : `${titleOf(method)} r ${rank}`;
}
