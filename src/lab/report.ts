/** What was measured, as JSON and as text. */
import type { Agreement } from "./agreement.ts";
import type { Ceilings } from "./ceilings.ts";
import { type Order, TOWERS, type TowerName } from "./order.ts";
import { explained, type Group, type KernelRate, type Profile } from "./profile.ts";
import type { Step } from "./steps.ts";
import type { Deviation, VerifiedOp } from "./verify.ts";

export interface Report {
  readonly format: "fullrank-bench";
  readonly version: 1;
  /** ISO 8601 */
  readonly date: string;
  /** What ran it: a browser's user agent, or "Node.js/22". */
  readonly runtime: string;
  readonly device: {
    readonly name: string;
    readonly id: string;
    readonly software: boolean;
    readonly features: readonly string[];
  };
  readonly order: Order;
  readonly verified: readonly VerifiedOp[];
  /** Of the kernels that were chosen for this device, at the sizes of the steps. */
  readonly agreements: readonly Agreement[];
  readonly ceilings?: Ceilings;
  readonly steps: readonly Step[];
  readonly profiles: readonly Profile[];
  readonly kernels: readonly KernelRate[];
  /** What could not be measured, and why. */
  readonly failures: readonly { readonly what: string; readonly why: string }[];
  /** Beside PyTorch and PEFT, where that has been measured too. */
  readonly rows?: readonly Row[];
  /** The versions of those. */
  readonly pytorch?: string;
}

/** A step here and under PEFT, of one batch. */
export interface Row {
  readonly model: TowerName;
  readonly method: string;
  readonly ours_ms: number;
  readonly peft_ms: number | null;
  readonly peft_compiled_ms: number | null;
  readonly peak_mib: number;
  readonly peft_peak_mib: number | null;
}

/** How the verification went. */
export interface Verification {
  readonly ops: number;
  readonly cases: number;
  readonly runs: number;
  readonly left: number;
  readonly wrong: readonly { readonly op: string; readonly case: string; readonly failure: string }[];
  /** The case that used up most of its tolerance. */
  readonly worst: ({ readonly op: string; readonly case: string } & Deviation) | undefined;
}

export function verification({ verified }: Pick<Report, "verified">): Verification {
  const all = verified.flatMap(({ op, cases }) => cases.map((checked) => ({ op, ...checked })));
  const worst = all.reduce<(typeof all)[number] | undefined>(
    (most, one) => (most && share(most.worst) >= share(one.worst) ? most : one),
    undefined,
  );
  return {
    ops: verified.length,
    cases: all.length,
    runs: all.reduce((sum, { runs }) => sum + runs, 0),
    left: all.reduce((sum, { left }) => sum + left, 0),
    wrong: all.flatMap(({ op, case: name, failure }) => (failure === undefined ? [] : [{ op, case: name, failure }])),
    worst: worst && { op: worst.op, case: worst.case, ...worst.worst },
  };
}

const share = ({ error, tolerance }: Deviation): number => error / tolerance;

/** "Chrome 156", "Firefox 141", "Safari 26", "Node.js 22": as short as a user agent can be said. */
export function runtimeName(agent: string): string {
  const [, name, version] = /(Node\.js|Firefox|Edg|Chrome|Version)\/(\d+)/.exec(agent.replace(/Chrome(\/\S+.*Edg)/, "$1")) ?? [];
  if (!name) return agent;
  return `${name === "Edg" ? "Edge" : name === "Version" ? "Safari" : name}${version ? ` ${version}` : ""}`;
}

export const peakBytes = ({ weights, activations, lanes }: Step): number => weights + activations + lanes;
export const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** Four significant digits at most, and no more than three after the point. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
  return value.toFixed(digits);
}
export const percent = (value: number | undefined): string => (value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);

/** What a group does in a second, in the unit of what binds it. */
export const speed = ({ gflops, gbps }: Pick<KernelRate, "gflops" | "gbps">): string =>
  gflops > 0 ? `${figure(gflops >= 1000 ? gflops / 1000 : gflops)} ${gflops >= 1000 ? "TFLOP/s" : "GFLOP/s"}` : `${figure(gbps)} GB/s`;

const groupName = ({ kernel, shape, variant }: Pick<Group, "kernel" | "shape" | "variant">): string =>
  `${kernel} ${shape}${variant ? ` [${variant}]` : ""}`;

const KERNELS_SHOWN = 30;
const GROUPS_SHOWN = 15;

/** All of it for a terminal or a bug report. */
export function asText(report: Report): string {
  const { device, ceilings, steps, profiles, kernels, failures, order } = report;
  const lines = [
    `${device.name}; ${runtimeName(report.runtime)}; ${report.date.slice(0, 10)}${device.software ? "; a software adapter" : ""}`,
  ];
  const section = (title: string, rows: readonly (readonly string[])[]) => {
    if (rows.length > 0) lines.push("", title, ...columns(rows));
  };
  if (report.verified.length > 0) {
    const { ops, cases, runs, wrong, worst } = verification(report);
    lines.push("", `kernels against their definitions: ${wrong.length} of ${cases} cases of ${ops} ops are wrong, in ${runs} runs`);
    if (worst)
      lines.push(
        `  worst: ${worst.op}, ${worst.case}, ${worst.what}: ${worst.error.toExponential(1)} of ${worst.tolerance.toExponential(1)}`,
      );
    for (const one of wrong) lines.push(`  WRONG ${one.op}, ${one.case}: ${one.failure}`);
  }
  if (report.agreements.length > 0) {
    const apart = report.agreements.filter(({ failure }) => failure !== undefined);
    const most = Math.max(...report.agreements.map(({ error }) => error));
    lines.push(
      `  at the sizes of the steps ${report.agreements.length} problems by two kernels: ${apart.length} disagree, the most by ${most.toExponential(1)}`,
    );
    for (const { problem, variant, failure } of apart) lines.push(`  WRONG ${problem}, ${variant}: ${failure}`);
  }
  if (ceilings) {
    const { copy, matmul, side, between } = ceilings;
    lines.push(
      "",
      `copy ${figure(copy)} GB/s (read and written); best matmul ${speed({ gflops: 1000 * matmul, gbps: 0 })} at ${side}³; ${figure(1000 * between)} µs between launches`,
    );
  }
  const head = ["model", "method", "trained", "ms/step", "images/s", "MFU", "peak MiB", "how"];
  section(`training steps, batch ${order.batch}`, [
    ...(steps.length > 0 ? [head] : []),
    ...steps.map((step) => [
      step.model,
      step.method,
      String(step.parameters),
      figure(step.ms),
      figure(step.imagesPerSecond),
      percent(step.mfu),
      String(mib(peakBytes(step))),
      step.way,
    ]),
  ]);
  for (const model of order.models) {
    const own = kernels.filter((kernel) => kernel.model === model);
    if (own.length === 0) continue;
    section(`kernels of ${TOWERS[model].title}: the ${Math.min(KERNELS_SHOWN, own.length)} of ${own.length} that cost most`, [
      ["a launch", "rate", "of its ceiling", "kernel"],
      ...own
        .slice(0, KERNELS_SHOWN)
        .map((kernel) => [`${figure(1000 * kernel.ms)} µs`, speed(kernel), percent(kernel.share), groupName(kernel)]),
    ]);
  }
  for (const profile of profiles) {
    const { model, method, ms, between, stepMs, groups } = profile;
    section(
      `profile of ${model}, ${method}: ${figure(ms)} ms in kernels and ${figure(between)} ms between them explain ${percent(explained(profile))} of the step's ${figure(stepMs)} ms`,
      [
        ...groups
          .slice(0, GROUPS_SHOWN)
          .map((group) => [`${figure(group.ms)} ms`, percent(group.ms / ms), `${group.launches}×`, groupName(group)]),
      ],
    );
  }
  for (const { what, why } of failures) lines.push("", `${what} could not be measured: ${why}`);
  return lines.join("\n");
}

/** Cells under one another; those that begin with a digit stand on the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  return rows.map((row) =>
    `  ${row.map((cell, c) => (/^[\d–]/.test(cell) ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0))).join("  ")}`.trimEnd(),
  );
}
