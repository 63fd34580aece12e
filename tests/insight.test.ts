/** Analyses of a race on the toy, from the GPU to their numbers. */
import { describe, expect, test } from "vitest";
import { openAnalyst } from "../src/analysis/analyst.ts";
import { frobenius, leadingDirections } from "../src/analysis/subspace.ts";
import { overlaps } from "../src/train/overlap.ts";
import { PaperDesk } from "../src/train/paper.ts";
import type { Race } from "../src/train/race.ts";
import { LANES, openRace, toyConfig } from "./toy.ts";

const FULL = { method: "full", settings: {}, lr: 1e-3 };
const PROBE = { method: "probe", settings: {}, lr: 1e-2 };

/** A race after some steps. */
async function trainedRace(steps: number, lanes: Race["setup"]["config"]["lanes"] = [...LANES, FULL]): Promise<Race> {
  const race = await openRace(toyConfig({ lanes, steps: 20, warmup: 0 }));
  for (let step = 1; step <= steps; step++) race.step(step);
  return race;
}

describe("shared directions of a race", () => {
  test("every changed layer once, with the directions of the ΔW of the snapshot", async () => {
    const race = await trainedRace(6, [...LANES, FULL, PROBE]);
    race.snapshot();
    race.step(7); // what comes after the snapshot is not in it
    const found = [];
    for await (const part of overlaps(race, openAnalyst())) found.push(part);
    expect(found.map(({ layer }) => layer.path)).toEqual(race.sites.map(({ path }) => path));
    expect(found.every(({ all }) => all === race.sites.length)).toBe(true);
    for (const { layer } of found) {
      const [weight, lora, randlora, full, probe] = layer.counts;
      expect([weight, lora, probe]).toEqual([12, 2, 0]);
      expect(randlora).toBeGreaterThan(6);
      expect(full).toBeGreaterThan(6);
      expect(layer.pairs).toHaveLength(10);
    }
    for await (const { site, delta } of race.deltas(0)) {
      const { layer } = found.find(({ layer: { path } }) => path === site.path)!;
      const norm = Math.hypot(...leadingDirections(delta, site.out, site.in, 64).sigma);
      expect(Math.abs(norm - frobenius(delta))).toBeLessThan(1e-5 * norm);
      expect(layer.amplifications[0]).toHaveLength(2);
    }
    expect(race.taken).toBe(6);
    race.destroy();
  });

  test("the desk answers layer by layer, says of which step, and stops when it is told to", async () => {
    const race = await trainedRace(3);
    const desk = new PaperDesk(race);
    const parts = [];
    for await (const part of desk.answer({ type: "overlap", id: 1 })) parts.push(part as Extract<typeof part, { type: "overlap" }>);
    expect(parts.map(({ more }) => more)).toEqual([...Array<boolean>(race.sites.length - 1).fill(true), false]);
    expect(parts.every(({ step }) => step === 3)).toBe(true);
    const some = desk.answer({ type: "overlap", id: 2 });
    await some.next();
    desk.cancel(2);
    await expect(some.next()).rejects.toThrow(/abort/i);
    race.destroy();
  });

  test("before the first step there is nothing to compare but the frozen weight, also for full fine-tuning", async () => {
    const race = await trainedRace(0);
    const desk = new PaperDesk(race);
    for await (const part of desk.answer({ type: "overlap", id: 1 })) {
      if (part.type === "overlap") expect(part.layer.counts).toEqual([12, 0, 0, 0]);
    }
    race.destroy();
    const heads = await trainedRace(1, [PROBE]);
    await expect(new PaperDesk(heads).answer({ type: "overlap", id: 1 }).next()).rejects.toThrow("changes a weight matrix");
    heads.destroy();
  });
});
