/** The whole of it: kernels against their definitions, ceilings, training steps, and where their time goes. */
import type { Gpu } from "../gpu/device.ts";
import { Kernels } from "../gpu/kernel.ts";
import { forgetGuesses, tune } from "../tensor/tuning.ts";
import type { Backbone } from "../train/backbone.ts";
import { adapterOf } from "../train/catalog.ts";
import { type Agreement, agreement } from "./agreement.ts";
import { measureCeilings } from "./ceilings.ts";
import { type Order, TOWERS, type TowerName } from "./order.ts";
import { kernelRates, profileStep } from "./profile.ts";
import type { Report } from "./report.ts";
import { measureStep } from "./steps.ts";
import { lanesOf, openRace, openTower, problemsOf, recordSteps } from "./towers.ts";
import { oracles, verifyOp } from "./verify.ts";

/** What is being done, how much of all is done (0 … 1), and what has been found so far. */
export type Tell = (what: string, done: number, report: Report) => void;

/** Past this no case of an op is tried in more than one variant. */
const VERIFY_MS = 20_000;
/** For the variants that a race had no time to measure. */
const TUNE_MS = 30_000;
/** Compilers tell of every kernel; nobody reads as fast. */
const QUIET_MS = 100;

/**
 * Carries an order out. `open` gives a device, and after one was lost or ran out of memory another; `runtime` says what runs it. What
 * fails is in the report under `failures`, and what can go on goes on; only a missing device is thrown.
 */
export async function runLab(open: () => Promise<Gpu>, runtime: string, order: Order, tell: Tell): Promise<Report> {
  const bench = new Bench(open);
  const { gpu } = await bench.ready();
  const { name, id, software, features } = gpu;
  let report: Report = {
    format: "fullrank-bench",
    version: 1,
    date: new Date().toISOString(),
    runtime,
    device: { name, id, software, features: [...features].sort() },
    order,
    verified: [],
    steps: [],
    agreements: [],
    profiles: [],
    kernels: [],
    failures: [],
  };
  const parts = partsOf(order);
  const whole = parts.reduce((sum, { weight }) => sum + weight, 0);
  let done = 0;
  for (const part of parts) {
    let told = 0;
    let reached = 0;
    let failed = false; // what its device had still under way then counts no more
    const say = (detail: string, share: number) => {
      reached = Math.max(reached, share);
      if (performance.now() - told < QUIET_MS) return;
      told = performance.now();
      tell(`${part.doing}${detail && `: ${detail}`}`, (done + part.weight * reached) / whole, report);
    };
    say("", 0);
    try {
      const here = await bench.ready();
      const keep = (found: Partial<Report>) => {
        if (!failed) report = { ...report, ...found };
      };
      await Promise.race([part.work({ here, bench, say, keep, report: () => report }), here.gpu.fault]);
    } catch (error) {
      failed = true;
      const why = error instanceof Error ? error.message : String(error);
      report = { ...report, failures: [...report.failures, { what: part.name, why }] };
      bench.close(); // the error may be that of a lost device
    }
    done += part.weight;
  }
  bench.close();
  return report;
}

interface Part {
  /** In the progress, and in the report where it fails. */
  readonly doing: string;
  readonly name: string;
  /** Of the whole progress. */
  readonly weight: number;
  work(place: Place): Promise<void>;
}

/** Where a part works. */
interface Place {
  readonly here: Here;
  readonly bench: Bench;
  /** Tells what it is at, and the share of it that is done. */
  say(detail: string, share: number): void;
  keep(found: Partial<Report>): void;
  report(): Report;
}

function partsOf({ models, methods, batch, verify, profile }: Order): Part[] {
  const checks = Object.values(oracles).map((oracle): Part => {
    const name = `${oracle.op.name} against its definition`;
    return {
      doing: `Checking ${name}`,
      name,
      weight: 1,
      async work({ here: { gpu, kernels }, keep, report }) {
        const verified = await verifyOp(gpu, kernels, oracle, performance.now() + VERIFY_MS);
        keep({ verified: [...report().verified, verified] });
      },
    };
  });
  const ceilings: Part = {
    doing: "Finding the ceilings",
    name: "The ceilings",
    weight: 5,
    work: async ({ here: { gpu, kernels }, keep }) => keep({ ceilings: await measureCeilings(gpu, kernels) }),
  };
  const steps = models.flatMap((model) => methods.map((method) => stepPart(model, method, { batch, verify, profile })));
  return [...(verify ? checks : []), ceilings, ...steps];
}

/** The problem of a choice's key, which ends in a digest of its kernels. */
const nameOf = (key: string): string => key.replace(/ #\w+$/, "");

function stepPart(model: TowerName, method: string, { batch, verify, profile }: Pick<Order, "batch" | "verify" | "profile">): Part {
  const lanes = lanesOf(model, method);
  const name = `${lanes.map((lane) => adapterOf(lane.method).title).join(" and ")} on ${TOWERS[model].title}`;
  return {
    doing: `Training ${name}`,
    name,
    weight: 10,
    async work({ bench, say, keep, report }) {
      const backbone = await bench.tower(model);
      const open = () => openRace(backbone, lanes, batch, (text, share = 0) => say(text, share / 2));
      const { gpu, kernels } = backbone;
      let race = await open();
      // Someone who waits for a race is not kept waiting for the last variant; here nothing is left to a guess.
      forgetGuesses(gpu);
      if (await tune(gpu, kernels, recordSteps(race), { budget: TUNE_MS })) {
        race.destroy();
        race = await open();
      }
      try {
        const { ceilings, steps, profiles, agreements } = report();
        if (verify) {
          say("Comparing its kernels", 0.5);
          const fresh = [...problemsOf(race)].filter(([key]) => !agreements.some(({ problem }) => problem === nameOf(key)));
          const more: Agreement[] = [];
          for (const [key, trial] of fresh) more.push(await agreement(gpu, kernels, nameOf(key), trial, gpu.tuned.get(key) ?? ""));
          keep({ agreements: [...agreements, ...more] });
        }
        say("Training", 0.6);
        const step = await measureStep(race, model, ceilings?.matmul);
        keep({ steps: [...steps, step] });
        if (!profile) return;
        say("Timing every kernel", 0.75);
        const found = await profileStep(race, model, method, step.ms, ceilings?.between ?? 0);
        if (!found) return;
        const all = [...profiles, found];
        const of = new Set(all.map((one) => one.model));
        keep({ profiles: all, kernels: ceilings ? [...of].flatMap((one) => kernelRates(one, all, ceilings)) : [] });
      } finally {
        race.destroy();
      }
    },
  };
}

/** A device, and what is compiled for it. */
interface Here {
  readonly gpu: Gpu;
  readonly kernels: Kernels;
}

/** A device with at most one model on it, opened when they are needed. */
class Bench {
  readonly #open: () => Promise<Gpu>;
  #here: Here | undefined;
  #tower: { readonly name: TowerName; readonly backbone: Backbone } | undefined;

  constructor(open: () => Promise<Gpu>) {
    this.#open = open;
  }

  async ready(): Promise<Here> {
    if (!this.#here) {
      const gpu = await this.#open();
      this.#here = { gpu, kernels: new Kernels(gpu) };
    }
    return this.#here;
  }

  async tower(name: TowerName): Promise<Backbone> {
    const { gpu, kernels } = await this.ready();
    if (this.#tower?.name !== name) {
      this.#tower?.backbone.destroy();
      this.#tower = { name, backbone: openTower(gpu, kernels, name) };
    }
    return this.#tower.backbone;
  }

  close(): void {
    this.#here?.gpu.close();
    this.#here = undefined;
    this.#tower = undefined;
  }
}
