/**
 * Puts a bench and PyTorch's times of the same steps into one file, from which README's tables are made:
 *   npm run bench -- merge NAME BENCH.json PYTORCH.txt …
 * writes tests/bench/results/NAME.json. PYTORCH.txt is what a program printed that times PEFT's steps, eager and compiled, a line each:
 *   clip-b32  lora32    B=  64 fp32 +compile    43.70 ms (min 43.50)  trainable 5.309M  peak 2872 MiB loss 4.612
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { METHODS } from "../../src/lab/order.ts";
import { mib, peakBytes, type Report, type Row } from "../../src/lab/report.ts";

/** A line of PyTorch's. */
export interface Timed {
  readonly model: string;
  readonly method: string;
  readonly batch: number;
  readonly compiled: boolean;
  readonly ms: number;
  readonly peakMib: number;
}

/** As PyTorch's lines call the methods. */
const NAMES: Readonly<Record<string, string>> = { ft: "full", lora32: "lora", dora32: "dora", randlora: "randlora", vera256: "vera" };
const LINE = /^(\S+)\s+(\w+)\s+B=\s*(\d+)\s+fp32\s*(\+compile)?\s+([\d.]+) ms .*\bpeak (\d+) MiB/;

/** The lines in f32, and the one that names the versions. */
export function readPytorch(text: string): { readonly times: readonly Timed[]; readonly versions: string | undefined } {
  const times = text.split("\n").flatMap((line): Timed[] => {
    const [, model, name = "", batch, compiled, ms, peak] = LINE.exec(line.trim()) ?? [];
    const method = NAMES[name];
    if (!model || !method) return [];
    return [{ model, method, batch: Number(batch), compiled: compiled !== undefined, ms: Number(ms), peakMib: Number(peak) }];
  });
  return { times, versions: /^torch .*$/m.exec(text)?.[0] };
}

/** One row for each step of a method that PEFT has. Throws where the two were run with batches of different sizes. */
export function mergeRows({ steps }: Pick<Report, "steps">, times: readonly Timed[]): readonly Row[] {
  const known: readonly string[] = METHODS;
  return steps
    .filter(({ method }) => known.includes(method))
    .map((step): Row => {
      const of = (compiled: boolean): Timed | undefined => {
        const found = times.findLast((time) => time.model === step.model && time.method === step.method && time.compiled === compiled);
        if (found && found.batch !== step.batch)
          throw new Error(`${step.model}, ${step.method}: a batch of ${step.batch} here, of ${found.batch} in PyTorch`);
        return found;
      };
      const [eager, compiled] = [of(false), of(true)];
      return {
        model: step.model,
        method: step.method,
        ours_ms: Number(step.ms.toFixed(3)),
        peft_ms: eager?.ms ?? null,
        peft_compiled_ms: compiled?.ms ?? null,
        peak_mib: mib(peakBytes(step)),
        peft_peak_mib: eager?.peakMib ?? null,
      };
    });
}

export default function merge([name, bench, ...texts]: string[]): void {
  if (!name || !bench || texts.length === 0) throw new Error("usage: npm run bench -- merge NAME BENCH.json PYTORCH.txt …");
  const report = JSON.parse(readFileSync(bench, "utf8")) as Report;
  const { times, versions } = readPytorch(texts.map((file) => readFileSync(file, "utf8")).join("\n"));
  if (times.length === 0) throw new Error(`${texts.join(", ")}: no line with a time in fp32`);
  const merged: Report = { ...report, ...(versions && { pytorch: versions }), rows: mergeRows(report, times) };
  const file = `tests/bench/results/${name}.json`;
  mkdirSync("tests/bench/results", { recursive: true });
  writeFileSync(file, `${JSON.stringify(merged, null, 1)}\n`);
  console.log(`${file}: ${merged.rows?.length} rows`);
}
