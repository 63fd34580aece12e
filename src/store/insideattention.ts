/** Where every lane looks in one image, asked of the engine. */
import { create } from "zustand";
import type { Fault } from "../gpu/device.ts";
import type { AttentionMaps } from "../train/attention.ts";
import { faultFrom } from "./engine.ts";
import { askRace, useRace } from "./race.ts";

/** An image that is looked into. */
export interface Looked {
  readonly name: string;
  /** (size, size, 3) as the model sees it. */
  readonly pixels: Uint8Array;
  readonly size: number;
}

interface State {
  readonly looked: Looked | null;
  /** Of `looked`, after a step. */
  readonly answer: { readonly step: number; readonly maps: AttentionMaps } | null;
  readonly busy: boolean;
  readonly fault: Fault | null;
}

const EMPTY: State = { looked: null, answer: null, busy: false, fault: null };
export const useAttention = create<State>()(() => EMPTY);

useRace.subscribe((race, before) => {
  if (race.config !== before.config) useAttention.setState(EMPTY);
});

export async function lookInto(looked: Looked): Promise<void> {
  useAttention.setState(({ looked: before, answer }) => ({
    ...{ looked, busy: true, fault: null },
    // Until the new answer is there, the old one stays if it is of the same image.
    answer: before?.pixels === looked.pixels ? answer : null,
  }));
  const isWanted = () => useAttention.getState().looked === looked;
  try {
    const { step, maps } = await askRace({ type: "attention", pixels: looked.pixels });
    if (isWanted()) useAttention.setState({ answer: { step, maps }, busy: false });
  } catch (error) {
    if (isWanted()) useAttention.setState({ busy: false, fault: faultFrom(error, "The run and your images.", "Try another image.") });
  }
}
