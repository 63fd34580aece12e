/** Bugs in several seeds, their statistics, kept runs and sweeps, told as in `kernels.mjs`. */
const test = (file, name = "") => ({ file: `tests/${file}.test.ts`, name });
const seeds = (name) => test("seeds", name);
const studies = (name) => test("studies", name);
const kept = (name) => test("runfiles", name);

export const runs = [
  [
    "runs: what is opened stays below the fold",
    "src/ui/runs/detail.tsx",
    "heading.current?.focus({ preventScroll: true });",
    "",
    test("runs", "two seeds"),
  ],
  [
    "sweep: the best of many is believed as if it were one of two",
    "src/store/sweeping.ts",
    "holm(values).filter",
    "values.map((p) => p / 40).filter",
    test("runfiles", "is compared with every other"),
  ],
  [
    "sweep: points are compared that were measured on other images",
    "src/store/sweeping.ts",
    "imagesOf(record) === images && ",
    "",
    test("runfiles", "stands alone"),
  ],
  [
    "compare: seeds are taken for as certain as one",
    "src/analysis/compare.ts",
    "p: seeds > 1 ? Math.max(flipped, twoSided(difference / error, freedom)) : flipped",
    "p: flipped",
    seeds("^two methods over several seeds noise"),
  ],
  [
    "resample: the spread of a few seeds comes out too small",
    "src/analysis/resample.ts",
    "Math.max(1, hits.length - 1)",
    "hits.length",
    seeds("of two seeds that disagree|of several seeds"),
  ],
  [
    "holm: every p is corrected as if it were the smallest",
    "src/analysis/compare.ts",
    "p * (values.length - rank)",
    "p * values.length",
    seeds("corrected as Holm"),
  ],
  [
    "study: a lane that has diverged races again",
    "src/store/study.ts",
    "filter((lane) => !out.has(lane))",
    "filter(() => true)",
    studies("go on without a lane"),
  ],
  [
    "record: the seed tells runs apart, so that no sweep finds its own",
    "src/store/record.ts",
    "const { seed: _, ...rest } = config;",
    "const { ...rest } = config;",
    studies("the seed is no part"),
  ],
  ["csv: a formula runs", "src/store/runscsv.ts", "=+\\-@\\t\\r", "+\\t\\r", kept("a cell")],
  [
    "report: text is taken for markup",
    "src/store/runsreport.ts",
    'return typeof value === "object" ? value.map(({ text }) => text).join("") : escapeHtml(String(value));',
    'return typeof value === "object" ? value.map(({ text }) => text).join("") : String(value);',
    kept("escapes all text"),
  ],
];
