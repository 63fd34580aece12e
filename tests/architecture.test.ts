/** Holds the project to its own rules, and shows for every rule a text that breaks it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Files, importsOf, limits, missingCases, rules } from "./architecture.ts";

const root = join(import.meta.dirname, "..");

function read(folder: string): [string, string][] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(tsx?|wgsl|css)$/.test(entry.name))
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll("\\", "/"),
    )
    .map((path) => [path, readFileSync(join(root, path), "utf8")]);
}

const project: Files = new Map([
  ...["src", "shaders", "tests"].flatMap(read),
  ["ARCHITECTURE.md", readFileSync(join(root, "ARCHITECTURE.md"), "utf8")],
]);

test("there is a project to check", () => {
  expect([...project.keys()]).toEqual(expect.arrayContaining(["src/gpu/shader.ts", "src/ops/op.ts", "shaders/elementwise.wgsl"]));
});

test.each(Object.entries(rules))("%s", (_name, rule) => {
  expect(rule(project)).toEqual([]);
});

const oracles = import.meta.glob<{ default: { cases: Parameters<typeof missingCases>[1] } }>("/src/ops/*.ref.ts", { eager: true });
test.each(Object.entries(oracles))("%s tries the sizes at which kernels break", (path, { default: oracle }) => {
  expect(missingCases(path, oracle.cases)).toEqual([]);
});

const lines = (n: number): string => "\n".repeat(n);
const buffer = (i: number, name: string): string => `@group(0) @binding(${i}) var<storage, read> ${name}: array<f32>;  // (n)`;
const kernel = (names: readonly string[]): string =>
  `${names.map((name, i) => buffer(i + 1, name)).join("\n")}
//! use sum
@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) id: vec3u) { let row = id.a; y = first() + total(); }
fn first() -> f32 { return ${names.slice(1).join("[0] + ")}[0]; }
fn unreached() -> f32 { return ${names[0]}[0]; }`;
const letters = (n: number): string[] => [..."abcdefghijklmnop"].slice(0, n);

/** Rule, file, text, and what of the complaint must be said; without a complaint the text keeps the rule. */
const samples: [keyof typeof rules, string, string, string?][] = [
  ["importsPointDown", "src/gpu/a.ts", `import { t } from "../tensor/tensor.ts";`, "gpu may not import tensor"],
  ["importsPointDown", "src/gpu/a.ts", `import type { T } from "../tensor/tensor.ts";`, "gpu may not import tensor"],
  ["importsPointDown", "src/ops/a.ts", `export * from "../train/run.ts";`, "ops may not import train"],
  ["importsPointDown", "src/models/a.ts", `import lora from "../adapters/lora.ts";`, "models may not import adapters"],
  ["importsPointDown", "src/adapters/a.ts", `const m = await import("../models/clip.ts");`, "adapters may not import models"],
  ["importsPointDown", "src/adapters/a.ts", `const all = import.meta.glob(["../models/*.ts"]);`, "adapters may not import models"],
  ["importsPointDown", "src/train/a.ts", `import { run } from "../store/run.ts";`, "train may not import store"],
  ["importsPointDown", "src/train/a.ts", `import { create } from "zustand";`, `the engine imports "zustand"`],
  ["importsPointDown", "src/analysis/a.ts", `import "react";`, `the engine imports "react"`],
  ["importsPointDown", "src/store/a.ts", `import { App } from "../ui/App.tsx";`, "store may not import ui"],
  ["importsPointDown", "src/store/a.ts", `import { openGpu } from "../gpu/device.ts";`, "store may not import gpu"],
  ["importsPointDown", "src/store/a.ts", `import { type Fault, openGpu } from "../gpu/device.ts";`, "store may not import gpu"],
  ["importsPointDown", "src/store/a.ts", `import type { Fault } from "../gpu/device.ts";`],
  ["importsPointDown", "src/store/a.ts", `new Worker(new URL("../train/worker.ts", import.meta.url));`],
  ["importsPointDown", "src/ui/run/A.tsx", `import { matmul } from "../../ops/matmul.ts";`, "ui may not import ops"],
  ["importsPointDown", "src/ui/lab/A.tsx", `import { matmul } from "../../ops/matmul.ts";`, "ui may not import ops"],
  ["importsPointDown", "src/ui/lab/A.tsx", `import { asText } from "../../lab/report.ts";`],
  ["importsPointDown", "src/store/lab.ts", `new Worker(new URL("../lab/worker.ts", import.meta.url));`],
  ["importsPointDown", "src/ui/a.tsx", `import type { Report } from "../lab/report.ts";`, "ui may not import lab"],
  ["importsPointDown", "src/train/a.ts", `import { asText } from "../lab/report.ts";`, "train may not import lab"],
  ["importsPointDown", "src/lab/a.ts", `import { useSetup } from "../store/setup.ts";`, "lab may not import store"],
  ["importsPointDown", "src/ops/a.ts", `// import { run } from "../train/run.ts";`],
  ["importsPointDown", "src/tools/a.ts", "", "not a room"],
  ["engineHasNoPage", "src/train/a.ts", "window.alert(1);", "the engine uses window"],
  ["engineHasNoPage", "src/train/a.ts", "const document = 1; // window.alert"],
  ["oraclesStayInTests", "src/train/a.ts", `import add from "../ops/add.ref.ts";`, "imports the oracle"],
  ["oraclesStayInTests", "src/ui/lab/A.tsx", `const all = import.meta.glob("/src/ops/*.ref.ts");`, "imports the oracle"],
  ["oraclesStayInTests", "src/lab/a.ts", `const all = import.meta.glob("/src/ops/*.ref.ts");`],
  ["filesAreShort", "src/gpu/a.ts", lines(limits.ts + 1), "301 lines"],
  ["filesAreShort", "src/gpu/a.ts", lines(limits.ts)],
  ["filesAreShort", "shaders/a.wgsl", lines(limits.wgsl + 1), "201 lines"],
  ["filesAreShort", "ARCHITECTURE.md", lines(limits.architecture + 1), "151 lines"],
  ["namesSaySomething", "src/gpu/utils.ts", "", "the file's name says nothing"],
  ["namesSaySomething", "src/common/a.ts", "", "the file's name says nothing"],
  ["namesSaySomething", "src/gpu/bufferPool.ts", "", "one lower-case word"],
  ["namesSaySomething", "src/gpu/a.ts", "class BufferManager {}", `says "rManager"`],
  ["namesSaySomething", "src/gpu/a.ts", "// a few helpers", `says "helpers"`],
  ["namesSaySomething", "src/gpu/cross_entropy.ref.ts", "// the base weights"],
  ["shadersKeepTheContract", "shaders/a.wgsl", "const N = $" + "{n};", "not interpolated"],
  ["shadersKeepTheContract", "shaders/a.wgsl", "@group(0) @binding(1) var<storage, read> x: array<f32>;", `"x" has no shape comment`],
  [
    "shadersKeepTheContract",
    "shaders/a.wgsl",
    "@group(0) @binding(1) var<storage, read> x: array<f32>; // the input",
    `"x" has no shape comment`,
  ],
  ["shadersKeepTheContract", "shaders/a.wgsl", "@group(1) @binding(1) var<storage, read> x: array<f32>; // (n)", "not of the form"],
  ["shadersKeepTheContract", "shaders/a.wgsl", "@group(0) @binding(3) var<uniform> p: Params;", "binding 0"],
  ["shadersKeepTheContract", "shaders/a.wgsl", buffer(1, "x")],
  ["kernelsBindFewBuffers", "shaders/a.wgsl", kernel(letters(9)), "forward binds 9 buffers"],
  ["kernelsBindFewBuffers", "shaders/a.wgsl", kernel(letters(8))],
  ["opsHaveOracles", "src/ops/a.ts", "", "no oracle"],
  ["opsHaveOracles", "src/ops/op.ts", ""],
  ["testsAlwaysRun", "tests/a.test.ts", `test.skip("later", later);`, "skip"],
  ["testsAlwaysRun", "tests/a.test.ts", `describe.each(all).only("one", one);`, "only"],
  ["testsAlwaysRun", "tests/a.test.ts", `test("a stream can skip", run);`],
];

describe("every rule can fail", () => {
  const library: [string, string] = ["shaders/lib/sum.wgsl", `${buffer(12, "hidden")}\nfn total() -> f32 { return hidden[0]; }`];
  test.each(samples.map((sample) => [sample[0], sample[3] ?? "a text that keeps it", sample] as const))(
    "%s: %s",
    (rule, _what, [, path, text, complaint]) => {
      const found = rules[rule](new Map([[path, text], library]));
      if (complaint === undefined) expect(found).toEqual([]);
      else expect(found).toEqual([expect.stringContaining(complaint)]);
    },
  );
  test("and has a sample that shows it", () => {
    expect(new Set(samples.filter(([, , , complaint]) => complaint).map(([rule]) => rule))).toEqual(new Set(Object.keys(rules)));
  });
  test("oracles", () => {
    expect(missingCases("a", [{ name: "plain", shapes: { x: [8, 64] } }])).toHaveLength(3);
    expect(
      missingCases("a", [
        { name: "plain", shapes: { x: [1, 1] } },
        { name: "odd", shapes: { x: [7] }, offset: { x: 0 } },
      ]),
    ).toEqual([expect.stringContaining("ill-conditioned")]);
    const whole = [
      { name: "smallest", shapes: { x: [1] } },
      { name: "odd", shapes: { x: [7, 65] }, offset: { x: 1000 } },
    ];
    expect(missingCases("a", whole)).toEqual([]);
  });
});

test("imports are found however they are written", () => {
  const text = `import a, { b } from "./a.ts";\nimport {\n  type C,\n  type D,\n} from './c.ts';\nexport type { E } from "./e.ts";\nexport { f } from "./f.ts";`;
  expect(importsOf(text)).toEqual([
    { from: "./a.ts", type: false },
    { from: "./c.ts", type: true },
    { from: "./e.ts", type: true },
    { from: "./f.ts", type: false },
  ]);
  expect(importsOf(`import.meta.glob<{ default: X }>("/shaders/**/*.wgsl", { query: "?raw" })`)).toEqual([
    { from: "/shaders/**/*.wgsl", type: false },
  ]);
  expect(importsOf(`import.meta.glob(["./*.ts", "!./*.ref.ts"])`)).toEqual([{ from: "./*.ts", type: false }]);
});
