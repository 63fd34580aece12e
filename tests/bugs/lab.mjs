/** Bugs in the lab, told as in `kernels.mjs`. */
const test = (name) => ({ file: "tests/lab.test.ts", name });

export const lab = [
  ["lab: nobody looks at the guards", "src/lab/guarded.ts", "word === CANARY_BITS", "word >= 0", test("fails a row past the end")],
  [
    "lab: outputs begin as zeros",
    "src/lab/guarded.ts",
    "new Float32Array(n).fill(Number.NaN)",
    "new Float32Array(n)",
    test("a row that nobody writes"),
  ],
  ["lab: a variant that is wrong is not tried", "src/lab/verify.ts", "variants = verdict.variants;", "", test("tries every variant")],
  ["lab: dx of the first layers is counted", "src/lab/arithmetic.ts", "needed = trained;", "needed = true;", test("the model counts")],
  ["lab: a group counts one launch", "src/lab/profile.ts", "launches: launches + 1", "launches: 1", test("put launches")],
  ["lab: a ratio is upside down", "tests/bench/readme.ts", "(ours / theirs)", "(theirs / ours)", test("the tables between the markers")],
];
