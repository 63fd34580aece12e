/** Several ways to run one problem, of which the fastest depends on the device: how a choice among them is remembered. */
import type { Gpu } from "../gpu/device.ts";
import { shader } from "../gpu/shader.ts";
import type { Given, Launch, Recorder } from "./op.ts";
import { tensor } from "./tensor.ts";

/** A problem that can be run in several ways, to be measured. */
export interface Trial {
  /** Names of the variants; the first is the one to take while nothing has been measured. */
  readonly names: readonly string[];
  /** Records the problem once by variant `which`, an index into `names`. */
  record(r: Recorder, which: number, given: Given): void;
}

/** What is known of the choice for a problem on a device: its key, and the name of the fastest variant once that was measured. */
export interface Choice {
  readonly key: string;
  readonly fastest: string | undefined;
}

/** Kernels' texts are part of a key: a tape is handed this, so that who counts and draws needs none of them. */
export const choicesOf =
  ({ tuned }: Pick<Gpu, "tuned">) =>
  (problem: string, trial: Trial): Choice => {
    const key = choiceKey(problem, trial);
    return { key, fastest: tuned.get(key) };
  };

/**
 * The name of a choice: the problem, and a digest of all that its variants would launch, with the text of the kernels. So a choice
 * is forgotten when a kernel, a variant or the list of them changes.
 */
export function choiceKey(problem: string, { names, record }: Trial): string {
  const launched = names.map((name, which) => {
    const launches: Launch[] = [];
    const r: Recorder = {
      software: false,
      out: (shape, type = "f32") => tensor(shape, { type }),
      run: (launch) => launches.push(launch),
      pick: (_problem, variants) => variants[0] as (typeof variants)[number],
    };
    record(r, which, (shape, type = "f32") => tensor(shape, { type }));
    return [name, launches.map(({ buffers: _, ...program }) => [digestOf(program.shader), program])];
  });
  return `${problem} #${digest(JSON.stringify(launched)).toString(16)}`;
}

/** By text: there are few texts, and a race asks for them a thousand times. */
const digests = new Map<string, number>();
function digestOf(name: string): number {
  const { code } = shader(name);
  const known = digests.get(code) ?? digest(code);
  digests.set(code, known);
  return known;
}

/** FNV-1a of 32 bits. */
function digest(text: string): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  return sum >>> 0;
}
