/** Bugs in the paper's analyses, told as in `kernels.mjs`. */
const test = (file, name) => ({ file: `tests/${file}.test.ts`, name });
const directions = test("paper", "shared directions");
const cka = test("paper", "CKA");

export const paper = [
  ["φ is divided by the larger set", "src/analysis/subspace.ts", "/ Math.min(i + 1, j + 1)", "/ Math.max(i + 1, j + 1)", directions],
  ["directions below the dust count", "src/analysis/subspace.ts", "DUST ** 2 * (squares[0] as number)", "0", directions],
  [
    "amplification forgets half of a corner",
    "src/analysis/subspace.ts",
    "(j < k ? (inside[j * count + k] as number) ** 2 : 0)",
    "0",
    directions,
  ],
  ["HSIC is biased", "src/analysis/cka.ts", "if (i === j) continue;", "", cka],
  ["HSIC counts the rows once", "src/analysis/cka.ts", "(2 * rows)", "rows", cka],
  ["a constant is compared by its rounding", "src/analysis/cka.ts", "Math.abs(value) <= dust ? 0 : value", "value", cka],
  [
    "features are those of the first token alone",
    "src/train/representation.ts",
    'kind: "mean"',
    'kind: "row"',
    test("insight", "features are the mean"),
  ],
  [
    "the tap of the MLP holds the whole stream",
    "src/models/encoder.ts",
    "mlp`, added(y, middle)",
    "mlp`, y",
    test("insight", "features are the mean"),
  ],
  [
    "the surface has the first head",
    "src/train/landscape.ts",
    "...lane.own.keys(), ...head.keys()",
    "...lane.own.keys()",
    test("landscape", "at its corners"),
  ],
  [
    "a summand of weight 0 spoils the place",
    "shaders/combine.wgsl",
    "HAS_B == 1 && weights[1] != 0",
    "HAS_B == 1",
    test("landscape", "a lane of NaN"),
  ],
  [
    "the plane's second axis is not upright",
    "src/analysis/plane.ts",
    "Math.max(0, vv - x * x)",
    "Math.max(0, vv)",
    test("landscape", "is NumPy's"),
  ],
  ["a long history loses its first moment", "src/store/ranks.ts", "index % 2 === 0", "index % 2 === 1", test("paper", "history of ranks")],
];
