/** Bugs in methods, lanes and heads, told as in `kernels.mjs`. */
const test = (file, name = "") => ({ file: `tests/${file}.test.ts`, name });
const op = (name) => test("ops", `/${name}\\.ref\\.ts `);
const formula = (method) => test("formulas", `^${method} by its paper`);
const dropped = (method) => test("formulas", `^${method} with dropout`);
const packedWeights = test("half", "on weights in half precision");
const ownTensors = test("methods", "model's own tensors");

export const methods = [
  [
    "full fine-tuning: what can run in a stack is not trained",
    "src/train/head.ts",
    "new Tape(true); // which runs",
    "new Tape(false); // which runs",
    test("methods", "of CLIP-tiny"),
  ],
  // DoRA.
  ["dora: the norm is not detached", "src/adapters/dora.ts", "detach(merged)", "merged", test("adapters", "^dora .*central difference")],
  [
    "dora: the magnitude does not begin as the norm",
    "src/adapters/dora.ts",
    "  prime: (tape, weight) => ({ magnitude: tape.apply(rownorm, { x: weight }, {}) }),\n",
    "",
    test("adapters", "^dora .*frozen model at first"),
  ],
  [
    "dora on activations: the bias is scaled too",
    "src/train/way.ts",
    "const frozen = tape.apply(matmul, { a: x, b: weight }, { transB: true });",
    "const frozen = base;",
    formula("dora"),
  ],
  [
    "dora on activations: what is frozen is not scaled",
    "src/train/way.ts",
    "{ x: update(frozen), gamma: scale, add: tape.apply(add, { a: base, b: frozen }, { factor: -1 }) }",
    "{ x: tape.apply(add, { a: update(frozen), b: frozen }, { factor: -1 }), gamma: scale, add: base }",
    dropped("dora"),
  ],
  [
    "adapter: a weight is merged though its input drops",
    "src/train/way.ts",
    '  if (training && dropoutOf(settings) > 0) return "activations";\n',
    "",
    test("formulas", "with dropout"),
  ],

  // VeRA, rsLoRA, NoLA, RandLoRA's ablations, the hybrid.
  ["vera: λ_d begins at zero", "src/adapters/vera.ts", ".fill(initial)", ".fill(0)", test("adapters", "^vera overfits")],
  [
    "vera: B is drawn before A",
    "src/adapters/vera.ts",
    "const A = kaiming(generator, rank * inner, inner);\n    return { basisA: { shape: [rank, inner], data: A }, basisB: { shape: [out, rank], data: kaiming(generator, out * rank, rank) } };",
    "const B = kaiming(generator, out * rank, rank);\n    return { basisA: { shape: [rank, inner], data: kaiming(generator, rank * inner, inner) }, basisB: { shape: [out, rank], data: B } };",
    test("methods", "VeRA's pair"),
  ],
  ["vera: λ_b is left out", "src/adapters/vera.ts", "up: tape.apply(rowscale, { x: B, scale: b }, {})", "up: B", formula("vera")],
  ["rslora: the gain is that of LoRA", "src/adapters/rslora.ts", "alpha / Math.sqrt(rank)", "alpha / rank", formula("rslora")],
  ["nola: the sum begins with nothing", "src/adapters/nola.ts", "bound: 1, start });", "bound: 1, start: 0 });", formula("nola")],
  ["nola: both factors draw the same", "src/adapters/nola.ts", "stream: 2 * stream + 1", "stream: 2 * stream", formula("nola")],
  ["nola: the gain is α", "src/adapters/nola.ts", "gain: alpha / rank }", "gain: alpha }", formula("nola")],
  [
    "mix: the backward pass draws others",
    "src/ops/mix.ts",
    "buffers: { dy, dc: parts },\n      params: { ...params,",
    "buffers: { dy, dc: parts },\n      params: { ...params, stream: params.stream + 1,",
    op("mix"),
  ],
  [
    "nolavit: the drawn numbers are as large as those of NoLA",
    "src/adapters/nolavit.ts",
    "bound: 1 / Math.sqrt(width * rank)",
    "bound: 1",
    formula("nolavit"),
  ],
  [
    "lane: all layers draw the same on the GPU",
    "src/train/lane.ts",
    "trainable, seed, stream };",
    "trainable, seed, stream: 0 };",
    test("methods", "NoLA's differ"),
  ],
  [
    "lane: every seed draws the same on the GPU",
    "src/train/lane.ts",
    "trainable, seed, stream };",
    "trainable, seed: 0, stream };",
    test("methods", "another seed draws others"),
  ],
  ["randlora-a: bases have a third of the variance", "src/adapters/randloraa.ts", "bound: Math.sqrt(3)", "bound: 1", formula("randloraa")],
  [
    "randlora-a: A is drawn as B was",
    "src/adapters/randloraa.ts",
    "shape: [rank, small(layer)], stream: 1,",
    "shape: [rank, small(layer)], stream: 0,",
    formula("randloraa"),
  ],
  ["randlora-b: no base is left out", "src/adapters/randlorab.ts", "d / (2 * rank)", "d / rank", formula("randlorab")],
  [
    "hybrid: LoRA's part is missing on activations",
    "src/adapters/hybrid.ts",
    "    { up: parts.trainable.b, down: parts.trainable.a, gain: settings.alpha / settings.rank },\n",
    "",
    formula("hybrid"),
  ],
  [
    "hybrid: RandLoRA's part is missing in the merge",
    "src/adapters/hybrid.ts",
    "add: rest.merge(parts, weight, layer, ofRest(settings))",
    "add: weight",
    formula("hybrid"),
  ],
  ["hybrid: RandLoRA's part has LoRA's α", "src/adapters/hybrid.ts", "basisAlpha: alpha, bases }", "alpha, bases }", formula("hybrid")],

  // Dropout.
  ["dropout: every step has the first one's mask", "shaders/dropout.wgsl", "u32(clock[3])", "u32(clock[3] * 0)", dropped("lora")],
  [
    "dropout: the backward pass has another mask",
    "src/ops/dropout.ts",
    "masked(r, dy, clock, cfg)",
    "masked(r, dy, clock, { ...cfg, stream: cfg.stream + 1 })",
    op("dropout"),
  ],
  ["dropout: what is left is not scaled up", "src/ops/dropout.ts", "scale: 1 / (1 - p)", "scale: 1", op("dropout")],
  ["dropout: p is kept, not dropped", "shaders/dropout.wgsl", "draw < p.threshold", "draw >= p.threshold", op("dropout")],
  [
    "lane: evaluation drops too",
    "src/train/lane.ts",
    "training ? dropoutOf(this.settings) : 0",
    "dropoutOf(this.settings)",
    dropped("lora"),
  ],

  // Methods that train the model's own tensors.
  [
    "full: the frozen tensors themselves are the lane's",
    "src/train/lane.ts",
    "[name, this.tensor(name)]));",
    "[name, own.get(name) as Tensor]));",
    test("adapters", "^full overfits"),
  ],
  ["full: its tensors begin at zero", "src/train/lane.ts", "    gpu.device.queue.submit([encoder.finish()]);\n", "", ownTensors],
  ["full: what no logit comes from is trained", "src/train/outline.ts", "made && used.has(made) && ", "made && ", ownTensors],
  [
    "full: the text tower is trained unasked",
    "src/train/outline.ts",
    '(tower === "image" || trainsTexts(targets))',
    "tower !== undefined",
    ownTensors,
  ],
  [
    "bitfit: gains and weights are trained",
    "src/adapters/bitfit.ts",
    'name.endsWith(".bias")',
    "/\\.(bias|weight)$/.test(name)",
    ownTensors,
  ],
  [
    "lane: ΔW of full fine-tuning is W",
    "src/train/lane.ts",
    "return tape.apply(add, { a: this.effective(tape, site, weights), b: full }, { factor: -1 });",
    "return this.effective(tape, site, weights);",
    formula("full"),
  ],
  [
    "lane: ΔW is formed on the frozen weight",
    "src/train/lane.ts",
    "withUpdate(tape, attached, site, zeros)",
    "withUpdate(tape, attached, site, site.weight)",
    formula("lora"),
  ],
  [
    "lane: the layers' own values are drawn, not those given",
    "src/train/lane.ts",
    "const data = given?.trainable.get(`",
    "const data = first[name] ?? given?.trainable.get(`",
    test("formulas", "PEFT"),
  ],

  [
    "full: words of packed tensors are copied as numbers",
    "src/train/lane.ts",
    'if (frozen.type !== "f32") into(copy,',
    'if (frozen.type === "u32") into(copy,',
    packedWeights,
  ],
  [
    "adapter: a packed weight is merged as it lies",
    "src/train/way.ts",
    'const full = weight.type === "f32" ?',
    'const full = weight.type !== "u32" ?',
    packedWeights,
  ],

  // Heads.
  ["temperature: the scale is no exponent", "shaders/temperature.wgsl", "y[i] = exp(scale[0])", "y[i] = scale[0]", op("temperature")],
  ["temperature: its gradient is that of a factor", "shaders/temperature.wgsl", "= exp(scale[0]) * total", "= total", op("temperature")],
];
