/** The way around the page: shown once to who wants it, and again from the page's menu. Remembered on this machine. */
import { create } from "zustand";
import { SAMPLES } from "../data/samples.ts";
import { loadSample, useImages } from "./images.ts";

const KEY = "tour";

interface Tour {
  /** Index of the stop; null while nobody is on the way. */
  readonly stop: number | null;
  /** It was never taken nor declined. */
  readonly isOffered: boolean;
}

export const useTour = create<Tour>()(() => ({ stop: null, isOffered: readSeen() === null }));

/** On the sample set, where there are no images yet. */
export function startTour(): void {
  const [sample] = SAMPLES;
  const { dataset, importing } = useImages.getState();
  if (!dataset && !importing && sample) void loadSample(sample.id);
  useTour.setState({ stop: 0, isOffered: false });
}

export function goTo(stop: number): void {
  useTour.setState({ stop });
}

/** At its end, or where one has had enough. */
export function endTour(): void {
  useTour.setState({ stop: null, isOffered: false });
  try {
    localStorage.setItem(KEY, "seen");
  } catch {
    // Storage may be forbidden; then it is offered again at the next visit.
  }
}

function readSeen(): string | null {
  try {
    return globalThis.localStorage?.getItem(KEY) ?? null;
  } catch {
    return null;
  }
}
