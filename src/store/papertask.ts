/** An analysis under way: started, stopped, and ended with the run that it is about. */
import type { Fault } from "../gpu/device.ts";
import { faultFrom } from "./engine.ts";
import { useRace } from "./race.ts";

export interface Task {
  readonly phase: "idle" | "working" | "stopped" | "done" | "failed";
  /** 0 … 1 */
  readonly share: number;
  readonly fault: Fault | null;
}

export const IDLE_TASK: Task = { phase: "idle", share: 0, fault: null };

type Work = (signal: AbortSignal, progress: (share: number) => void) => Promise<unknown>;

interface Tasks {
  /** Ends with "done", "stopped" or "failed"; one that is still working goes on instead. */
  start(work: Work): void;
  stop(): void;
}

/** `publish` shows the task; `forget` is called when another run begins, whose results are not these. */
export function taskOf(publish: (task: Task) => void, forget: () => void): Tasks {
  let working: AbortController | undefined;
  useRace.subscribe((race, before) => {
    if (race.config === before.config) return;
    working?.abort();
    working = undefined;
    forget();
    publish(IDLE_TASK);
  });
  const run = async (mine: AbortController, work: Work) => {
    let share = 0;
    const show = (task: Partial<Task>) => {
      if (working === mine) publish({ ...IDLE_TASK, share, ...task });
    };
    show({ phase: "working" });
    try {
      await work(mine.signal, (part) => {
        share = part;
        show({ phase: "working" });
      });
      show({ phase: "done", share: 1 });
    } catch (error) {
      if (mine.signal.aborted) show({ phase: "stopped" });
      else show({ phase: "failed", fault: faultFrom(error, "The run, and what was computed so far.", "Try again.") });
    }
    if (working === mine) working = undefined;
  };
  return {
    start(work) {
      if (working) return;
      working = new AbortController();
      void run(working, work);
    },
    stop: () => working?.abort(),
  };
}
