/** One suite for every op: drop a `.wgsl`, a `.ts` and a `.ref.ts` in, and it is tested. */
import { describe, expect, test } from "vitest";
import { Kernels } from "../src/gpu/kernel.ts";
import { oracles, verifyCase } from "../src/lab/verify.ts";
import { gpu } from "./gpu.ts";

const kernels = new Kernels(gpu);

describe.each(Object.entries(oracles))("%s", (_file, oracle) => {
  describe.each([
    ["for a CPU adapter", true],
    ["for a GPU", false],
  ])("%s", (_which, software) => {
    test.each(oracle.cases.map((c) => [c.name, c] as const))("%s", async (_name, c) => {
      const { failure } = await verifyCase(gpu, kernels, oracle, c, software);
      expect(failure).toBeUndefined();
    });
  });
});

test("every op has an oracle", () => {
  const ops = Object.keys(import.meta.glob(["/src/ops/*.ts", "!/src/ops/*.ref.ts", "!/src/ops/op.ts"]));
  for (const path of ops) expect(oracles).toHaveProperty([path.replace(".ts", ".ref.ts")]);
});
