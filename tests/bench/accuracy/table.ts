/** Both sides' results as tables for README, and whether they agree. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AMOUNTS, type Plan, type Prepared, type Result, ZERO_SHOT } from "./plan.ts";

export interface Difference {
  /** Ours less theirs, in points, and the half width of its 95 % interval. */
  readonly points: number;
  readonly half: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
/** Of one value: 0. */
const deviation = (values: readonly number[]): number =>
  values.length < 2 ? 0 : Math.sqrt(values.reduce((sum, v) => sum + (v - mean(values)) ** 2, 0) / (values.length - 1));
/** Student's t, 97.5 %, by degrees of freedom 1 … 9. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

const rightOf = (hits: string): number[] => Array.from(hits, Number);
const accuracyOf = ({ hits }: Result): number => 100 * mean(rightOf(hits));

/**
 * Of runs on the same test images, paired by seed. Two things make the difference vary, and the interval has room for both: seeds (t over
 * the differences by seed), and the choice of test images (normal, over the differences by image, each the mean over seeds).
 */
export function difference(ours: readonly Result[], theirs: readonly Result[]): Difference | undefined {
  const pairs = ours.flatMap((one) => {
    const other = theirs.find(({ seed }) => seed === one.seed);
    return other ? [[rightOf(one.hits), rightOf(other.hits)] as const] : [];
  });
  const [first] = pairs;
  if (!first) return undefined;
  const bySeed = pairs.map(([a, b]) => 100 * (mean(a) - mean(b)));
  const byImage = first[0].map((_, i) => 100 * mean(pairs.map(([a, b]) => (a[i] as number) - (b[i] as number))));
  const seeds = ((STUDENT[bySeed.length - 2] ?? 0) * deviation(bySeed)) / Math.sqrt(bySeed.length);
  const images = (1.96 * deviation(byImage)) / Math.sqrt(byImage.length);
  return { points: mean(bySeed), half: Math.hypot(seeds, images) };
}

const one = (value: number): string => (Math.abs(value) < 0.05 ? "0.0" : value.toFixed(1));
const spread = (results: readonly Result[]): string => {
  if (results.length === 0) return "–";
  const values = results.map(accuracyOf);
  return `${one(mean(values))}${values.length > 1 ? ` ± ${one(deviation(values))}` : ""}${values.length === 3 || values.length === 1 ? "" : ` (${values.length})`}`;
};
const signed = (value: number): string => `${value >= 0.05 ? "+" : value <= -0.05 ? "−" : ""}${one(Math.abs(value))}`;
const differs = ({ points, half }: Difference): boolean => Math.abs(points) > half;
const told = (found: Difference | undefined): string => {
  if (!found) return "–";
  const text = `${signed(found.points)} ± ${one(found.half)}`;
  return differs(found) ? `**${text}**` : text;
};
const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** Markdown: a table for each set, then how many differences exclude 0. */
export function tables(plan: Plan, sets: ReadonlyMap<string, Prepared>, ours: readonly Result[], theirs: readonly Result[]): string {
  const lines: string[] = [];
  const all: Difference[] = [];
  for (const [id, { title, classes, test }] of sets) {
    lines.push(`**${title}**, ${classes.length} classes, ${test.length} test images`, "");
    lines.push(
      row([
        "",
        "trained",
        ...AMOUNTS.flatMap((amount) => [amount === "all" ? "all images, here" : `${amount}-shot, here`, "PEFT", "difference"]),
      ]),
    );
    lines.push(row(["---", ...Array.from({ length: 1 + 3 * AMOUNTS.length }, () => "---:")]));
    for (const method of [ZERO_SHOT, ...Object.keys(plan.methods)]) {
      const of = (results: readonly Result[], amount: string) =>
        results
          .filter((result) => result.set === id && result.method === method && result.amount === amount)
          .toSorted((a, b) => a.seed - b.seed);
      const found = AMOUNTS.map((amount) => [of(ours, amount), of(theirs, amount)] as const);
      const [parameters] = found.flat(2).map((result) => result.parameters);
      if (parameters === undefined) continue;
      const cells = found.flatMap(([a, b]) => {
        const apart = difference(a, b);
        if (apart && method !== ZERO_SHOT) all.push(apart);
        return [spread(a), spread(b), told(apart)];
      });
      lines.push(row([plan.methods[method]?.title ?? "before training", parameters.toLocaleString("en"), ...cells]));
    }
    lines.push("");
  }
  const beyond = all.filter(differs).length;
  const whole = mean(all.map(({ points }) => points));
  const half = (1.96 * deviation(all.map(({ points }) => points))) / Math.sqrt(all.length);
  if (all.length > 0)
    lines.push(
      `${all.length} differences, on average ${signed(whole)} ± ${one(half)} points; ${beyond} of their 95 % intervals exclude 0 (bold), where chance alone gives up to about ${Math.ceil(0.05 * all.length)}.`,
    );
  return lines.join("\n");
}

export function printTable(dir: string, plan: Plan): void {
  const read = (side: string): Result[] => {
    const folder = join(dir, side);
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
    return names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Result);
  };
  const sets = new Map(plan.sets.map((id) => [id, JSON.parse(readFileSync(join(dir, `${id}.json`), "utf8")) as Prepared]));
  console.log(tables(plan, sets, read("ours"), read("peft")));
}
