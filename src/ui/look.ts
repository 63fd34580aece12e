/** How a lane looks and is called, the same everywhere: one colour and one dash per method, never colour alone. */
import { findMethod } from "../store/methods.ts";
import type { LaneConfig } from "../train/run.ts";

export interface Look {
  /** "LoRA", or "LoRA r 8" beside another LoRA. */
  readonly name: string;
  /** "LoRA r 32" */
  readonly label: string;
  readonly color: string;
  /** As SVG's stroke-dasharray. */
  readonly dash: string;
}

const METHODS: Readonly<Record<string, { readonly color: string; readonly dash: string }>> = {
  lora: { color: "var(--lora)", dash: "none" },
  randlora: { color: "var(--randlora)", dash: "7 3" },
  vera: { color: "var(--vera)", dash: "2 3" },
  nola: { color: "var(--nola)", dash: "9 3 2 3" },
  dora: { color: "var(--dora)", dash: "12 4" },
  full: { color: "var(--full)", dash: "none" },
  probe: { color: "var(--probe)", dash: "4 4" },
};
const OTHER = { color: "var(--probe)", dash: "4 2 1 2" };
/** For the second, third … lane of one method. */
const AGAIN = ["", "2 4", "10 3 2 3", "5 5"];

const SYMBOLS: Readonly<Record<string, string>> = { rank: "r", alpha: "α" };

export function symbolOf(setting: string): string {
  return SYMBOLS[setting] ?? setting;
}

export function titleOf(method: string): string {
  return findMethod(method)?.title ?? method;
}

export function looksOf(lanes: readonly LaneConfig[]): readonly Look[] {
  return lanes.map((lane, index) => {
    const alike = lanes.filter(({ method }) => method === lane.method).length;
    const before = lanes.slice(0, index).filter(({ method }) => method === lane.method).length;
    const { color, dash } = METHODS[lane.method] ?? OTHER;
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
