/** CKA of the lanes, as far as it was computed. */
import { create } from "zustand";
import type { HalfLikeness } from "../train/representation.ts";
import { IDLE_TASK, type Task, taskOf } from "./papertask.ts";
import { askRace } from "./race.ts";

interface LikenessState {
  readonly task: Task;
  readonly halves: readonly HalfLikeness[];
  readonly step: number;
  readonly images: number;
}

const NONE = { halves: [], step: 0, images: 0 };
export const useLikeness = create<LikenessState>()(() => ({ task: IDLE_TASK, ...NONE }));

const tasks = taskOf(
  (task) => useLikeness.setState({ task }),
  () => useLikeness.setState(NONE),
);

interface Found {
  readonly half: HalfLikeness;
  readonly step: number;
  readonly images: number;
  readonly done: number;
  readonly all: number;
}

export function compareActivations(wanted: number): void {
  tasks.start(async (signal, progress) => {
    useLikeness.setState(NONE);
    const take = ({ half, step, images, done, all }: Found) => {
      useLikeness.setState(({ halves }) => ({ halves: [...halves, half], step, images }));
      progress(done / all);
    };
    await askRace({ type: "likeness", images: wanted }, { signal, onPart: take });
  });
}

export const stopActivations = () => tasks.stop();

/** CKA of two members, lanes by their index and then the model before training, in each block; NaN where there is none. */
export function ckaLine(
  halves: readonly HalfLikeness[],
  half: HalfLikeness["half"],
  a: number,
  b: number,
): readonly { readonly block: number; readonly value: number }[] {
  return halves
    .filter((one) => one.half === half)
    .map(({ block, table }) => ({ block, value: table[a * Math.sqrt(table.length) + b] ?? Number.NaN }))
    .sort((one, other) => one.block - other.block);
}
