/** The runs of the table in Node, with Dawn: methods of one set, amount and seed as lanes of one race. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parsePreprocess } from "../../../src/data/preprocess.ts";
import { splitDataset } from "../../../src/data/split.ts";
import type { Gpu } from "../../../src/gpu/device.ts";
import { Kernels } from "../../../src/gpu/kernel.ts";
import { Backbone } from "../../../src/train/backbone.ts";
import { Race } from "../../../src/train/race.ts";
import { modelFiles } from "../../model.ts";
import { type Amount, configOf, datasetOf, type Method, nameOf, type Plan, type Prepared, type Result, ZERO_SHOT } from "./plan.ts";

export interface OurOptions {
  readonly dir: string;
  readonly sets: readonly string[];
  readonly amounts: readonly Amount[];
  readonly methods: readonly string[];
  readonly seeds: readonly number[];
  /** After this no race is begun. */
  readonly seconds: number;
}

/** Steps that are queued before they are waited for. */
const AHEAD = 25;
const LAST = 20;

/** Runs what has no result yet. */
export async function runOurs(gpu: Gpu, { dir, sets, amounts, methods, seeds, seconds }: OurOptions): Promise<void> {
  const plan = JSON.parse(readFileSync(join(dir, "plan.json"), "utf8")) as Plan;
  const preprocess = parsePreprocess(JSON.parse(readFileSync("public/models/clip-tiny/preprocessor_config.json", "utf8")));
  const backbone = new Backbone(gpu, new Kernels(gpu), modelFiles());
  const out = join(dir, "ours");
  mkdirSync(out, { recursive: true });
  const start = performance.now();
  for (const set of sets) {
    const prepared = JSON.parse(readFileSync(join(dir, `${set}.json`), "utf8")) as Prepared;
    const dataset = datasetOf(prepared, gunzipSync(readFileSync(join(dir, `${set}.bin.gz`))));
    for (const seed of seeds)
      for (const amount of amounts) {
        const missing = methods.filter((method) => !existsSync(join(out, nameOf({ set, amount, method, seed }))));
        for (const head of ["text", "linear"] as const) {
          const ids = missing.filter((id) => plan.methods[id]?.head === head);
          if (ids.length === 0) continue;
          if (performance.now() - start > 1000 * seconds) return console.log("Time is up; the same command goes on.");
          const began = performance.now();
          const config = configOf(
            prepared,
            ids.map((id) => plan.methods[id] as Method),
            amount,
            seed,
            plan.steps[amount],
            0,
          );
          // The splits are those that were prepared, whatever share was tested on.
          const { train } = splitDataset(dataset, { ...config, test: prepared.share });
          const split = { train, validation: new Uint32Array(), test: Uint32Array.from(prepared.test) };
          const race = await Race.open({ backbone, config, dataset, split, preprocess, onStatus: () => undefined });
          const write = (method: string, parameters: number, loss: number, predicted: Uint32Array) => {
            const hits = Array.from(predicted, (label, i) => Number(label === prepared.labels[prepared.test[i] as number])).join("");
            const result: Result = { set, amount, method, seed, parameters, loss, hits };
            writeFileSync(join(out, nameOf(result)), JSON.stringify(result));
            const right = hits.replaceAll("0", "").length;
            console.log(`${set} ${amount} ${method} ${seed}: ${((100 * right) / hits.length).toFixed(1)} %, loss ${loss.toFixed(3)}`);
          };
          if (head === "text" && seed === 0 && amount === "all") {
            const { loss, answers } = await race.evaluate(-1, split.test);
            write(ZERO_SHOT, 0, loss, answers.predicted);
          }
          for (let step = 1; step <= config.steps; step++) {
            race.step(step);
            if (step % AHEAD === 0) await race.figures(0, step, step);
          }
          for (const [lane, id] of ids.entries()) {
            const figures = await race.figures(lane, Math.max(1, config.steps - LAST + 1), config.steps);
            const loss = figures.reduce((sum, figure) => sum + figure.loss, 0) / figures.length;
            const { answers } = await race.evaluate(lane, split.test);
            write(id, race.lanes[lane]?.parameters ?? 0, loss, answers.predicted);
          }
          race.destroy();
          console.log(`${((performance.now() - began) / 1000).toFixed(1)} s`);
        }
      }
  }
}
