/** Bugs in the page itself, told as in `kernels.mjs`. */
const test = (suite, name) => ({ file: `tests/${suite}.test.ts`, name });

export const page = [
  [
    "page: workers are not confined",
    "src/store/outside.ts",
    "confineWorkers(new URL(confined, import.meta.url).href);",
    "",
    test("policy", "refused another host"),
  ],
  [
    "page: a copy may hold files of two versions",
    "src/sw.ts",
    '{ integrity, cache: "no-cache" }',
    '{ cache: "no-cache" }',
    test("offline", "a newer version"),
  ],
  ["page: a new version takes over other tabs", "src/sw.ts", "if (open.length > 1) return false;", "", test("offline", "a newer version")],
  ["page: charts are fetched at once", "src/ui/race/panel.tsx", "if (hasImages) void import", "void import", test("shell", "the shell")],
  [
    "page: a change that is not kept yet can be left behind",
    "src/store/leaving.ts",
    " || isKeeping()",
    "",
    test("kept", "the browser asks"),
  ],
  [
    "page: a race can be left behind",
    "src/store/leaving.ts",
    'phase === "starting" || phase === "training"',
    'phase === "failed"',
    test("runs", "two seeds"),
  ],
  [
    "page: what is kept is removed without asking",
    "src/ui/machine/storage.tsx",
    "onClick={() => setAsks(true)}",
    "onClick={onRemove}",
    test("storage", "every shelf"),
  ],
  [
    "warnings: a learning rate is judged without α and r",
    "src/store/warnings.ts",
    "const strength = lane.lr * gain;",
    "const strength = lane.lr * 2;",
    test("warnings", "judged by"),
  ],
  [
    "warnings: a class with one image counts as held out",
    "src/data/split.ts",
    "Math.min(wanted, left - 1)",
    "Math.min(wanted, left)",
    test("data", "the test set is the same"),
  ],
  [
    "page: a damaged model is found out when training begins",
    "src/train/open.ts",
    "for (const name of weights) await checkHeader(files.get(top + name), name);",
    "",
    test("page", "cut off"),
  ],
  ["page: towers stand mixed", "src/ui/race/layers.tsx", "Number(isText(a)) - Number(isText(b)) || ", "", test("page", "name their tower")],
];
