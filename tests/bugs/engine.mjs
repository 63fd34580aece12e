/** Bugs in methods, tape, optimiser and training, told as in `kernels.mjs`. */
const test = (file, name = "") => ({ file: `tests/${file}.test.ts`, name });
const op = (name, kind = "") => test("ops", `/${name}\\.ref\\.ts ${kind}`);
const formulas = test("formulas");
const adapters = test("adapters");
const optimizer = test("optimizer", "AdamW|learning rate");
const plainLoop = test("train", "plain loop");

export const engine = [
  // RandLoRA and LoRA.
  [
    "randlora: dγ without its gain",
    "shaders/randlora.wgsl",
    "dgamma[b * p.small + j + i] = p.gain * v[i]",
    "dgamma[b * p.small + j + i] = v[i]",
    formulas,
  ],
  ["randlora: dλ with twice its gain", "shaders/randlora.wgsl", "= p.gain * sum[i]", "= 2 * p.gain * sum[i]", formulas],
  ["randlora on CPUs: dλ without its gain", "shaders/randlora_direct.wgsl", "= p.gain * dot(", "= dot(", formulas],
  [
    "randlora's op: dλ and dγ are swapped",
    "src/ops/randlora.ts",
    "return { lambda: dlambda, gamma: dgamma }",
    "return { lambda: dgamma, gamma: dlambda }",
    op("randlora"),
  ],
  [
    "randlora: first values of λ and γ are swapped",
    "src/adapters/randlora.ts",
    "lambda: new Float32Array(rank * bases),\n      gamma: new Float32Array(bases * small(layer)).fill(",
    "gamma: new Float32Array(bases * small(layer)),\n      lambda: new Float32Array(rank * bases).fill(",
    formulas,
  ],
  [
    "randlora: columns are paired by the rank",
    "shaders/randlora.wgsl",
    "(c / p.bases) * p.stride_a + j] * gamma[(c % p.bases)",
    "(c % p.rank) * p.stride_a + j] * gamma[(c / p.rank)",
    formulas,
  ],
  [
    "randlora on CPUs: columns are paired by the rank",
    "shaders/randlora_direct.wgsl",
    "let c = k * p.bases + b;\n      let scaled",
    "let c = b * p.rank + k;\n      let scaled",
    formulas,
  ],
  [
    "expand: columns are paired by the rank",
    "shaders/expand.wgsl",
    "y[i] = lambda[c] * a[(c / p.bases) * p.stride + j] * gamma[(c % p.bases)",
    "y[i] = lambda[c] * a[(c % p.rank) * p.stride + j] * gamma[(c / p.rank)",
    formulas,
  ],
  ["randlora: a tall layer is not transposed", "src/ops/randlora.ts", "[inner, 1] : [1, inner]", "[inner, 1] : [inner, 1]", formulas],
  [
    "factors: the transposed flag is ignored on activations",
    "src/adapters/adapter.ts",
    "{ a: x, b: down }, { transB: !transposed }",
    "{ a: x, b: down }, { transB: true }",
    adapters,
  ],
  ["randlora: the bases come from seed 0", "src/adapters/randlora.ts", "MX, seed, variant", "MX, seed: 0, variant", adapters],
  ["randlora: the gain is α", "src/adapters/randlora.ts", "{ gain: alpha / rank }", "{ gain: alpha }", adapters],
  ["lora: the gain is α", "src/adapters/lora.ts", "gain: alpha / rank }", "gain: alpha }", formulas],
  [
    "lora: B does not begin at zero",
    "src/adapters/lora.ts",
    "new Float32Array(layer.out * rank)",
    "new Float32Array(layer.out * rank).fill(1e-6)",
    adapters,
  ],
  ["match stops a step too early", "src/adapters/adapter.ts", "value <= max; value++", "value < max / 4; value++", adapters],
  ["lane: all layers draw the same", "src/train/lane.ts", "uniform(seed, s + 1, index)", "uniform(seed, 1, index)", adapters],

  // The tape and its plan.
  ["tape: frozen weights get gradients too", "src/tensor/tape.ts", "x?.needsGrad === true]", "x !== undefined]", test("tape")],
  ["attention: all gradients, needed or not", "src/ops/attention.ts", "if (need.k) r.run", "r.run", test("tape")],
  ["plan: a slab is given away one launch too early", "src/tensor/plan.ts", "other.to < life.from", "other.to <= life.from", test("plan")],

  // AdamW and the schedule.
  ["adamw: no bias correction of the mean", "shaders/adamw.wgsl", "(m / hyper[1])", "m", optimizer],
  ["adamw: no bias correction of the variance", "shaders/adamw.wgsl", "sqrt(v / hyper[2])", "sqrt(v)", optimizer],
  [
    "adamw: decay is coupled to the gradient",
    "shaders/adamw.wgsl",
    "let g = gradient[i] * stats_in[0];",
    "let g = gradient[i] * stats_in[0] + p.decay * weight[i];",
    optimizer,
  ],
  ["adamw: the clip is ignored", "shaders/adamw.wgsl", "factor = p.clip / norm;", "factor = 1.0;", optimizer],
  ["adamw: a step with NaN is taken", "shaders/adamw.wgsl", " || stats_in[1] > 0", "", test("optimizer", "leaves weights")],
  [
    "adamw: the norm misses the last workgroup",
    "src/train/optimizer.ts",
    "Math.ceil(n / CHUNK)",
    "Math.max(1, Math.floor(n / CHUNK))",
    optimizer,
  ],
  ["schedule: a step late", "src/train/schedule.ts", "(step - 1 - rise)", "(step - rise)", optimizer],
  [
    "race: the learning rate is that of the next step",
    "src/train/race.ts",
    "learningRate(lane.config.lr, step, config)",
    "learningRate(lane.config.lr, step + 1, config)",
    plainLoop,
  ],

  // Lanes, batches, evaluation, events.
  [
    "race: lanes see different batches",
    "src/train/race.ts",
    "this.#steps[l]?.encode(encoder, timestamps?.(l));",
    "this.#load(this.#trainBatch, this.#batchOf(step - 1 + l));\n      const own = backbone.gpu.device.createCommandEncoder();\n      this.#steps[l]?.encode(own, timestamps?.(l));\n      backbone.gpu.device.queue.submit([own.finish()]);",
    test("train", "same lane twice"),
  ],
  ["race: batches begin at the second", "src/train/race.ts", "this.#batchOf(step - 1)", "this.#batchOf(step)", plainLoop],
  [
    "race: evaluation counts padding rows",
    "src/train/race.ts",
    "accuracy: correct / images.length",
    "accuracy: correct / (size * Math.ceil(images.length / size))",
    test("race", "one image at a time"),
  ],
  [
    "race: evaluation scores the first batch again",
    "src/train/race.ts",
    "images.subarray(first, first + size)",
    "images.subarray(0, size)",
    test("race", "one image at a time"),
  ],
  [
    "race: evaluation changes the training batch",
    "src/train/race.ts",
    "write(backbone.gpu, this.#testBatch.count.buffer as GPUBuffer, 0, new Uint32Array([some.length]))",
    "write(backbone.gpu, this.#trainBatch.count.buffer as GPUBuffer, 0, new Uint32Array([some.length]))",
    test("race", "nothing that trains"),
  ],
  ["race: smoothing is not passed on", "src/train/race.ts", "config.labelSmoothing", "0", test("race", "first loss")],
  [
    "record: evaluation smooths its labels",
    "src/train/record.ts",
    "{ smoothing: 0 }",
    "{ smoothing: 0.1 }",
    test("race", "one image at a time"),
  ],
  [
    "race: the ring does not wrap",
    "src/train/race.ts",
    "((first + i - 1) % RING)",
    "Math.min(first + i - 1, RING - 1)",
    test("race", "ring"),
  ],
  ["memory: the bases are not counted", "src/train/lane.ts", "sum + (buffer?.size ?? 0)", "sum", test("race", "memory")],
  ["trainer: a single step never ends", "src/train/trainer.ts", "controls.spend(run);", "", test("train", "begins paused")],
  [
    "trainer: a published step is told again",
    "src/train/trainer.ts",
    "published = step;",
    "published = step - 1;",
    test("train", "tells its story"),
  ],
  ["trainer: NaN goes on", "src/train/trainer.ts", "(n) => n > 0", "(n) => n > 1e9", test("train", "not finite")],
];
