/** Bugs in kernels and their ops. Each names a file, a text that stands in it once, what replaces it, and the tests that must fail. */
const test = (file, name = "") => ({ file: `tests/${file}.test.ts`, name });
const op = (name, kind = "") => test("ops", `/${name}\\.ref\\.ts ${kind}`);
const GPU = "for a GPU";

export const kernels = [
  // Missing barriers.
  [
    "matmul: tiles are read before they are stored",
    "shaders/matmul.wgsl",
    "workgroupBarrier();\n    // The next tiles",
    "// The next tiles",
    op("matmul", GPU),
  ],
  [
    "matmul: tiles are stored before they were read",
    "shaders/matmul.wgsl",
    "workgroupBarrier(); // all have read",
    "// all have read",
    op("matmul", GPU),
  ],
  [
    "group_sum: no barrier after the store",
    "shaders/lib/group_sum.wgsl",
    "partial[lane] = v;\n  workgroupBarrier();",
    "partial[lane] = v;",
    op("layernorm"),
  ],
  ["group_sum: no barrier between rounds", "shaders/lib/group_sum.wgsl", "    workgroupBarrier();\n  }", "  }", op("layernorm")],
  [
    "group_sum: no barrier before the next sum",
    "shaders/lib/group_sum.wgsl",
    "workgroupBarrier(); // the previous",
    "// the previous",
    op("layernorm"),
  ],
  [
    "attention: keys are read before they are stored",
    "shaders/attention.wgsl",
    "    workgroupBarrier();\n    for (var j",
    "    for (var j",
    op("attention", GPU),
  ],
  [
    "attention: keys are stored before they were read",
    "shaders/attention.wgsl",
    "workgroupBarrier(); // the tile before",
    "// the tile before",
    op("attention", GPU),
  ],
  [
    "attention's dk: no barrier after the load",
    "shaders/attention_backward.wgsl",
    "row_centre[j] = centre[at];\n    }\n    workgroupBarrier();",
    "row_centre[j] = centre[at];\n    }",
    op("attention", GPU),
  ],
  [
    "randlora's projection: parts are summed before they are stored",
    "shaders/randlora.wgsl",
    "    workgroupBarrier();\n    if (col == 0)",
    "    if (col == 0)",
    test("tiles", "randlora in tiles"),
  ],
  [
    "randlora's projection: no barrier after the load",
    "shaders/randlora.wgsl",
    "      workgroupBarrier();\n      multiply_tiles(&g",
    "      multiply_tiles(&g",
    op("randlora", GPU),
  ],
  [
    "randlora's merge: no barrier before the load",
    "shaders/randlora.wgsl",
    "var sums: array<vec4f, 4>;\n  for (var c = 0u; c < p.rank * p.bases; c += DEPTH) {\n    workgroupBarrier();",
    "var sums: array<vec4f, 4>;\n  for (var c = 0u; c < p.rank * p.bases; c += DEPTH) {",
    op("randlora", GPU),
  ],
  [
    "cross entropy: no barrier before the argmax",
    "shaders/crossentropy.wgsl",
    "place[lane] = at;\n  workgroupBarrier();",
    "place[lane] = at;",
    test("saved"),
  ],

  // Dropped bounds checks.
  [
    "matmul_direct: rows and columns past the end are written",
    "shaders/matmul_direct.wgsl",
    "if (m >= p.m || n + c >= p.n) { return; }",
    "",
    op("matmul"),
  ],
  ["matmul: columns past the end are written", "shaders/matmul.wgsl", "if (n >= p.n) { continue; }", "", op("matmul", GPU)],
  [
    "elementwise: numbers past the end are written",
    "shaders/elementwise.wgsl",
    "if (i >= p.n) { return; }\n  y[i] = a[i] +",
    "y[i] = a[i] +",
    op("add"),
  ],
  [
    "layernorm: a row past the end is written",
    "shaders/layernorm.wgsl",
    "if (row >= p.rows) { return; }\n  let start = row * p.d;\n  var sum",
    "let start = row * p.d;\n  var sum",
    op("layernorm"),
  ],
  [
    "randlora: dγ past the end is written",
    "shaders/randlora.wgsl",
    "if (b < p.bases && j + i < p.small) { dgamma",
    "if (b < p.bases) { dgamma",
    op("randlora"),
  ],
  [
    "attention's dk: the last query is left out",
    "shaders/attention_backward.wgsl",
    "if (first + j >= p.tokens) { break; }\n      if (CAUSAL && first + j < t) { continue; }\n      var products = vec4f();\n      var grads",
    "if (first + j + 1 >= p.tokens) { break; }\n      if (CAUSAL && first + j < t) { continue; }\n      var products = vec4f();\n      var grads",
    op("attention"),
  ],
  [
    "attention's dv: the softmax of another image",
    "shaders/attention_backward.wgsl",
    "row_softmax[j] = softmax[group.y * p.tokens + min(",
    "row_softmax[j] = softmax[group.y * (p.tokens - 1) + min(",
    op("attention"),
  ],
  [
    "attention: an image has one token more",
    "shaders/lib/heads.wgsl",
    "(image_head / p.heads) * p.tokens + t",
    "(image_head / p.heads) * (p.tokens + 1) + t",
    op("attention"),
  ],
  ["attention: columns of the next head are counted", "shaders/lib/heads.wgsl", "if (HEAD % 4 == 0)", "if (HEAD > 0)", op("attention")],
  [
    "attention's dq: the scale is left out",
    "shaders/attention_backward.wgsl",
    "(dp - middle.y) * p.scale",
    "(dp - middle.y)",
    op("attention"),
  ],

  // = for +=.
  ["layernorm: the prior gradient is ignored", "shaders/layernorm.wgsl", "if (ADD) { v += prior[start + i]; }", "", op("layernorm")],
  [
    "layernorm's op: the prior gradient is not passed",
    "src/ops/layernorm.ts",
    "ADD: Number(prior.x !== undefined)",
    "ADD: 0",
    test("tape", "absorb"),
  ],
  ["matmul: add replaces the product", "shaders/matmul.wgsl", "v += add[", "v = add[", op("matmul", GPU)],
  ["matmul_direct: add replaces the product", "shaders/matmul_direct.wgsl", "sum += add[", "sum = add[", op("matmul")],
  ["reduce: add replaces the slices", "shaders/reduce.wgsl", "sum += add[i]", "sum = add[i]", test("tiles", "slices of k")],
  [
    "tape: a second gradient replaces the first",
    "src/tensor/tape.ts",
    "known ? this.#sum(known, dx) : dx",
    "known && dx ? dx : dx",
    test("tape"),
  ],
];
