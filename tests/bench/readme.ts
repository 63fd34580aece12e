/**
 * Writes the tables of README.md that stand between markers anew, from what was measured:
 *   npm run bench -- readme [tests/bench/results/h200.json]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { TOWERS } from "../../src/lab/order.ts";
import { figure, mib, peakBytes, percent, type Report, runtimeName, speed } from "../../src/lab/report.ts";
import { adapterOf } from "../../src/train/catalog.ts";

const titleOf = (method: string): string =>
  method
    .split("+")
    .map((id) => adapterOf(id).title)
    .join(" and ");
const ratio = (ours: number, theirs: number | null): string => (theirs === null ? "–" : (ours / theirs).toFixed(2));
const cell = (value: number | null, write: (value: number) => string): string => (value === null ? "–" : write(value));
const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** What stands between the markers of each name. */
const BLOCKS: Readonly<Record<string, (report: Report) => readonly string[]>> = {
  rows({ rows = [], device, runtime, ceilings, pytorch, order, date }) {
    if (rows.length === 0) throw new Error("There are no rows: `npm run bench -- merge` makes them.");
    const best = ceilings
      ? `, which copies ${figure(ceilings.copy)} GB/s and multiplies ${speed({ gflops: 1000 * ceilings.matmul, gbps: 0 })}`
      : "";
    return [
      `${device.name} in ${runtimeName(runtime)}${best}; beside ${pytorch ?? "PyTorch and PEFT"}, f32 without TF32, ${order.batch} images a step, ${date.slice(0, 10)}:`,
      "",
      row(["", "ms/step", "PEFT", "ratio", "compiled", "ratio", "peak MiB", "PEFT", "ratio"]),
      row(["---", ...Array.from({ length: 8 }, () => "---:")]),
      ...rows.map(({ model, method, ours_ms, peft_ms, peft_compiled_ms, peak_mib, peft_peak_mib }) =>
        row([
          `${TOWERS[model].title}, ${titleOf(method)}`,
          figure(ours_ms),
          cell(peft_ms, figure),
          ratio(ours_ms, peft_ms),
          cell(peft_compiled_ms, figure),
          ratio(ours_ms, peft_compiled_ms),
          String(peak_mib),
          cell(peft_peak_mib, String),
          ratio(peak_mib, peft_peak_mib),
        ]),
      ),
    ];
  },
  steps: ({ steps }) => [
    row(["", "ms/step", "images/s", "of the best matmul", "GPU memory"]),
    row(["---", "---:", "---:", "---:", "---:"]),
    ...steps.map((step) =>
      row([
        `${TOWERS[step.model].title}, ${titleOf(step.method)}`,
        figure(step.ms),
        figure(step.imagesPerSecond),
        percent(step.mfu),
        `${mib(peakBytes(step))} MiB`,
      ]),
    ),
  ],
};

/** The text with every block between `<!-- bench NAME -->` and `<!-- /bench -->` made anew. Throws on a name it does not know, and where one is missing. */
export function fill(readme: string, report: Report): string {
  const seen = new Set<string>();
  const filled = readme.replace(/(<!-- bench (\w+) -->\n)[\s\S]*?(<!-- \/bench -->)/g, (_all, begin: string, name: string, end: string) => {
    const block = BLOCKS[name];
    if (!block) throw new Error(`README has a place for "${name}", which there is not.`);
    seen.add(name);
    return `${begin}${block(report).join("\n")}\n${end}`;
  });
  for (const name of Object.keys(BLOCKS)) if (!seen.has(name)) throw new Error(`README has no place for "${name}".`);
  return filled;
}

export default function readme([file = "tests/bench/results/h200.json"]: string[]): void {
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  writeFileSync("README.md", fill(readFileSync("README.md", "utf8"), report));
}
