/** The last loss surface outlives a reload in the tab's own storage: its weights do not. */
import type { Height } from "../train/landscape.ts";
import type { Surface } from "./paperplane.ts";

const KEY = "fullrank-surface";

export const isHeights = (height: Height | null): height is Height => height !== null;

/** NaN and the infinities have no place in JSON. */
const write = (_key: string, value: unknown): unknown => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
const read = (key: string, value: unknown): unknown =>
  (key === "loss" || key === "accuracy") && typeof value === "string" ? Number(value) : value;

export function keepSurface(surface: Surface | null): void {
  try {
    if (surface) sessionStorage.setItem(KEY, JSON.stringify(surface, write));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Where nothing may be kept, or no more, the surface is gone with the page.
  }
}

/** Null when there is none, or nothing that can be read. */
export function recallSurface(): Surface | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null", read) as Surface | null;
    return found && Array.isArray(found.heights) && Array.isArray(found.corners) && found.plane && found.lanes ? found : null;
  } catch {
    return null;
  }
}
