/** Where the time of a step goes: its launches in groups of the same kernel and the same shape. */
import type { Launch } from "../tensor/op.ts";
import type { Timed } from "../tensor/plan.ts";
import { byteLength, numel, owner } from "../tensor/tensor.ts";
import type { Race } from "../train/race.ts";
import type { Ceilings } from "./ceilings.ts";
import type { TowerName } from "./order.ts";

export interface Group {
  /** File and entry point: "matmul.tiled". */
  readonly kernel: string;
  readonly shape: string;
  /** What was set in the file, such as the sizes of tiles. */
  readonly variant: string;
  readonly launches: number;
  /** Of all its launches in one step, as are the others. */
  readonly ms: number;
  /** Products of matrices, as the kernel computes them; 0 where it multiplies none. */
  readonly flops: number;
  /** Bytes of the tensors that it reads or writes. */
  readonly bytes: number;
}

export interface Profile {
  readonly model: TowerName;
  readonly method: string;
  /** Milliseconds of the step, of all groups together, and between their launches: so many times what the device takes for it. */
  readonly stepMs: number;
  readonly ms: number;
  readonly between: number;
  /** From the longest to the shortest. */
  readonly groups: readonly Group[];
}

/** A kernel at one shape, held against what the device can do. */
export interface KernelRate {
  readonly model: TowerName;
  readonly kernel: string;
  readonly shape: string;
  readonly variant: string;
  /** Milliseconds of one launch. */
  readonly ms: number;
  /** 0 where it multiplies no matrices. */
  readonly gflops: number;
  readonly gbps: number;
  /** The time that the ceiling which binds it, arithmetic or memory, would take, over its own. Above 1: from a cache. */
  readonly share: number;
}

/** Spent on the profile of one step. */
const BUDGET_MS = 2000;
/** Browsers round the GPU's clock to 0.1 ms: the more repeats, the less that says. */
const MOST = 256;

/** Undefined without the GPU's clock (the feature "timestamp-query"). It trains: what the race holds afterwards is of no use. */
export async function profileStep(
  race: Race,
  model: TowerName,
  method: string,
  stepMs: number,
  between: number,
): Promise<Profile | undefined> {
  if (!race.gpu.features.has("timestamp-query")) return undefined;
  const repeats = Math.min(MOST, Math.max(1, Math.round(BUDGET_MS / stepMs)));
  const timed = await race.profile(repeats);
  const ms = timed.reduce((sum, one) => sum + one.ms, 0);
  return { model, method, stepMs, ms, between: between * timed.length, groups: grouped(timed) };
}

export function grouped(timed: readonly Timed[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { launch, ms } of timed) {
    const kernel = `${launch.shader}.${launch.entry}`;
    const shape = shapeOf(launch);
    const variant = Object.values(launch.knobs ?? {}).join("×");
    const key = `${kernel} ${shape} ${variant}`;
    const { launches, ms: before, flops, bytes } = groups.get(key) ?? { launches: 0, ms: 0, flops: 0, bytes: 0 };
    const sums = { launches: launches + 1, ms: before + ms, flops: flops + flopsOf(launch), bytes: bytes + bytesOf(launch) };
    groups.set(key, { kernel, shape, variant, ...sums });
  }
  return [...groups.values()].sort((a, b) => b.ms - a.ms);
}

/** Every kernel and shape of the profiles of one model, first those on which their steps spend the most time. */
export function kernelRates(model: TowerName, profiles: readonly Profile[], ceilings: Ceilings): readonly KernelRate[] {
  const merged = new Map<string, Group>();
  for (const group of profiles.filter((profile) => profile.model === model).flatMap(({ groups }) => groups)) {
    const key = `${group.kernel} ${group.shape} ${group.variant}`;
    const known = merged.get(key);
    const sum = (field: "launches" | "ms" | "flops" | "bytes") => group[field] + (known?.[field] ?? 0);
    merged.set(key, { ...group, launches: sum("launches"), ms: sum("ms"), flops: sum("flops"), bytes: sum("bytes") });
  }
  const groups = [...merged.values()].sort((a, b) => b.ms - a.ms);
  return groups.map((group) => {
    const { kernel, shape, variant, launches, ms } = group;
    return { model, kernel, shape, variant, ms: ms / launches, ...rate(group, ceilings) };
  });
}

/** GFLOP/s, GB/s and the share of the ceiling that binds it. */
export function rate(
  { ms, flops, bytes }: Pick<Group, "ms" | "flops" | "bytes">,
  { matmul, copy }: Ceilings,
): Pick<KernelRate, "gflops" | "gbps" | "share"> {
  // A launch that is shorter than the clock's step has no rate.
  if (!(ms > 0)) return { gflops: 0, gbps: 0, share: 0 };
  const [gflops, gbps] = [flops / ms / 1e6, bytes / ms / 1e6];
  return { gflops, gbps, share: Math.max(gflops / 1000 / matmul, gbps / copy) };
}

/** Explained share of the step. */
export const explained = ({ ms, between, stepMs }: Profile): number => (ms + between) / stepMs;

/** Matrices that a launch multiplies at once: attention has one for each head of each image, stacked layers one each. */
const together = ({ shader, groups, params: { results = 1, slices = 1, depth, k = 1 } }: Launch): number =>
  shader.startsWith("matmul") ? results * ((depth ?? k) / k) : (groups[2] ?? 1) / slices;

/** Floating-point operations of a launch's products of matrices. */
export function flopsOf(launch: Launch): number {
  const { shader, params } = launch;
  const { m = 0, n = 0, k = 0, large = 0, small = 0, rank = 0, bases = 0 } = params;
  if (/^(matmul|attention)/.test(shader)) return 2 * m * n * k * together(launch);
  return /^(randlora|ternary)/.test(shader) ? 2 * large * small * rank * bases * together(launch) : 0;
}

/** Read and written both. */
const IN_PLACE: Readonly<Record<string, readonly string[]>> = { "adamw.update": ["weight", "mean", "variance"] };

function bytesOf({ shader, entry, buffers }: Launch): number {
  // Who must bind a buffer that its kernel does not read binds another one again: each counts once.
  const once = [...new Set(Object.values(buffers).map(owner))];
  const again = (IN_PLACE[`${shader}.${entry}`] ?? []).flatMap((name) => buffers[name] ?? []);
  return [...once, ...again].reduce((sum, x) => sum + byteLength(x), 0);
}

function shapeOf(launch: Launch): string {
  const { overrides = {}, params, buffers } = launch;
  const { m, n, k, slices = 1, large, small, rank, bases } = params;
  const times = together(launch) > 1 ? `, ${together(launch)} together` : "";
  if (m && n) {
    const layout = k ? `${overrides.TRANS_A ? "T" : "N"}${overrides.TRANS_B ? "T" : "N"} ` : "";
    return `${layout}${m}×${n}${k ? `×${k}` : ""}${slices > 1 ? ` in ${slices} slices` : ""}${times}`;
  }
  if (large && small && rank) return `${large}×${small}, r ${rank}, ${bases} bases${times}`;
  const shapes = Object.values(buffers).map(({ shape }) => shape);
  return shapes.reduce((most, shape) => (numel(shape) > numel(most) ? shape : most)).join("×");
}
