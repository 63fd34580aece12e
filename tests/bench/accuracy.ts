/**
 * Test accuracies here and in PyTorch with PEFT, on the same images, splits, batches and views, by the recipe of CLIP-tiny's reference:
 *   npm run -s bench -- accuracy data  [from=FOLDER] [test=0.3] [seeds=3] [sets=…] [steps=N]    prepares the sets, in a browser (CHROME)
 *   npm run -s bench -- accuracy ours  [seconds=N] [sets=…] [amounts=all,16] [methods=…] [seeds=0,1,2]
 *   python3 tests/bench/reference.py [--seconds N] [--sets …] [--amounts …] [--methods …] [--seeds …]    PEFT, with a CUDA GPU
 *   npm run -s bench -- accuracy table
 * All take dir=FOLDER (--dir), which is .cache/accuracy. FOLDER has eurosat-mini.zip, clothing-mini.zip, sign-digits-mini.zip,
 * fashion-mnist-mini/ and fashion-mnist/ (MNIST's four files); what is missing is left out. `ours` and PEFT keep one file for each run
 * and begin none after so many seconds; started again they go on.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { prepareData } from "./accuracy/data.ts";
import { runOurs } from "./accuracy/ours.ts";
import { AMOUNTS, type Amount, chosen, METHODS, options, type Plan, SETS } from "./accuracy/plan.ts";
import { printTable } from "./accuracy/table.ts";

const DIR = ".cache/accuracy";

export default async function accuracy([what = "", ...args]: string[]): Promise<void> {
  const preparedIn = (dir: string) => JSON.parse(readFileSync(join(dir, "plan.json"), "utf8")) as Plan;
  if (what === "data") {
    const { from, dir, sets, seeds, steps, test } = options(args, {
      from: "public/data",
      dir: DIR,
      sets: "",
      seeds: "3",
      steps: "",
      test: "0.3",
    });
    const count = steps === "" ? undefined : Number(steps);
    await prepareData({ from, dir, sets: chosen(sets, Object.keys(SETS)), seeds: Number(seeds), steps: count, test: Number(test) });
  } else if (what === "ours") {
    const given = options(args, { dir: DIR, sets: "", amounts: "", methods: "", seeds: "", seconds: "540" });
    const plan = preparedIn(given.dir);
    // A device is opened by this import, and the other programs need none.
    const { gpu } = await import("../gpu.ts");
    console.log(gpu.name);
    await runOurs(gpu, {
      dir: given.dir,
      sets: chosen(given.sets, plan.sets),
      amounts: chosen(given.amounts, AMOUNTS) as readonly Amount[],
      methods: chosen(given.methods, Object.keys(METHODS)),
      seeds: chosen(
        given.seeds,
        Array.from({ length: plan.seeds }, (_, seed) => String(seed)),
      ).map(Number),
      seconds: Number(given.seconds),
    });
  } else if (what === "table") {
    const { dir } = options(args, { dir: DIR });
    printTable(dir, preparedIn(dir));
  } else throw new Error("accuracy is one of data, ours, table; see tests/bench/accuracy.ts");
}
