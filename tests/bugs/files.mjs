/** Bugs in models, half precision, formats and the ways in and out, told as in `kernels.mjs`. */
const test = (file, name = "") => ({ file: `tests/${file}.test.ts`, name });
const op = (name) => test("ops", `/${name}\\.ref\\.ts `);
const formats = (name) => test("formats", name);
const backbones = (name) => test("backbones", name);
const handover = (name) => test("handover", name);
const folders = handover("as a PEFT folder comes back");
const misfits = handover("that does not fit is refused");
const drawnAgain = handover("draws them from its seed");
const padded = handover("stands for another method");
const merged = handover("merged is a checkpoint");
const asOnnx = handover("as ONNX gives");
const texts = handover("class prompts");
const sets = (name) => test("imports", name);

export const files = [
  // Models.
  [
    "encoder: LayerScale is skipped",
    "src/models/encoder.ts",
    "gamma ? pass.tape.apply(layerscale, { x: layer(pass, x), gamma, add }, {}) : layer(pass, x, add)",
    "layer(pass, x, add)",
    backbones("^DINOv2 computes"),
  ],
  [
    "layerscale: the residual stream is scaled too",
    "shaders/layerscale.wgsl",
    "add[i] + gamma[i % p.d] * x[i]",
    "gamma[i % p.d] * (add[i] + x[i])",
    op("layerscale"),
  ],
  [
    "tokens: registers have the first positions",
    "shaders/tokens.wgsl",
    "} else if (t > p.bare) {\n    v += positions[(t - p.bare) * p.d",
    "} else if (t < p.t - p.bare) {\n    v += positions[t * p.d",
    op("tokens"),
  ],
  ["tokens: positions' gradients ignore the registers", "shaders/tokens.wgsl", "select(i + p.bare * p.d, i, i < p.d)", "i", op("tokens")],
  [
    "deit: the distillation token comes first",
    "src/models/vit.ts",
    "cls, positions, ...(extra && { extra }) }",
    "cls: extra ?? cls, positions, ...(extra && { extra: cls }) }",
    backbones("^DeiT"),
  ],
  [
    "deit: the distillation token has no position",
    "src/ops/tokens.ts",
    "extra: count, bare: t - rows }",
    "extra: count, bare: count }",
    backbones("^DeiT"),
  ],
  [
    "dinov2: registers are in the mean",
    "src/models/dinov2.ts",
    'kind: "both", from: first',
    'kind: "both", from: 1',
    backbones("^DINOv2 with registers"),
  ],
  [
    "dinov2: positions for registers are not antialiased",
    "src/models/dinov2.ts",
    "registers > 0));",
    "false));",
    backbones("^DINOv2 with registers"),
  ],
  [
    "bicubic: Pillow's slope in place of PyTorch's",
    "src/models/bicubic.ts",
    "cubic(at - i, -0.75)",
    "cubic(at - i, -0.5)",
    backbones("position table"),
  ],
  [
    "dinov2: SwiGLU's width is not a multiple of 8",
    "src/models/dinov2.ts",
    "8 * Math.ceil(Math.trunc((inner * 2) / 3) / 8)",
    "Math.trunc((inner * 2) / 3)",
    test("models"),
  ],
  [
    "pool: mean and class token are swapped",
    "shaders/pool.wgsl",
    "ROW && i % width() < p.d",
    "ROW && (!MEAN || i % width() >= p.d)",
    op("pool"),
  ],
  [
    "swiglu: its halves are swapped",
    "shaders/swiglu.wgsl",
    "x[at] * gates(x[at]).x * x[at + p.d]",
    "x[at + p.d] * gates(x[at + p.d]).x * x[at]",
    op("swiglu"),
  ],
  [
    "clip: a linear head reads the class token",
    "src/models/clip.ts",
    'kind: "mean", from: 1',
    'kind: "row"',
    backbones("^CLIP's vision tower"),
  ],
  ["clip: texts see what follows", "src/models/clip.ts", "text, NAMES, true)", "text, NAMES)", backbones("^CLIP, images and texts")],

  // Half precision and signs.
  ["half: bfloat16 is cut, not rounded", "src/tensor/half.ts", ": rounded(bits, 16));", ": bits >>> 16);", test("half")],
  ["half: float16's bias is one too large", "src/tensor/half.ts", "size - (112 << 23)", "size - (111 << 23)", test("half")],
  [
    "half: a packed table is read from its first halves",
    "shaders/embed.wgsl",
    "number_of(half_table[i / 2], i)",
    "number_of(half_table[i / 2], 0)",
    op("embed"),
  ],
  ["weights: BF16 is taken for F16", "src/train/weights.ts", 'BF16: "bf16"', 'BF16: "f16"', test("half", "weight of a checkpoint")],
  [
    "weights: what f16 cannot hold becomes infinite",
    "src/train/weights.ts",
    " && fitsF16(numbers)",
    "",
    test("half", "weight of a checkpoint"),
  ],
  [
    "safetensors: bfloat16 is shifted by one bit too few",
    "src/formats/safetensors.ts",
    "brain.getUint16(2 * i, true) << 16",
    "brain.getUint16(2 * i, true) << 15",
    formats("safetensors"),
  ],
  [
    "bases: signs of sparse ones are swapped",
    "src/tensor/random.ts",
    "u < below ? 2 : u > above ? 1 : 0",
    "u < below ? 1 : u > above ? 2 : 0",
    test("random", "sparse"),
  ],

  // ONNX.
  ["onnx: matmul multiplies the weight as it lies", "src/ops/matmul.ts", "transB: Number(transB)", "transB: 0", test("onnx", "^matmul")],
  [
    "onnx: the tanh form of gelu for the exact one",
    "src/ops/gelu.ts",
    'kind === "exact" ? g.node("Erf"',
    'kind === "quick" ? g.node("Erf"',
    test("onnx", "^gelu"),
  ],
  ["onnx: swiglu's halves are swapped", "src/ops/swiglu.ts", "const gate = half(0);", "const gate = half(d);", test("onnx", "^swiglu")],
  [
    "onnx: attention's scores are not scaled",
    "src/ops/attention.ts",
    "g.floats([1 / Math.sqrt(head)])",
    "g.floats([1])",
    test("onnx", "^attention"),
  ],

  // Formats.
  [
    "safetensors: tensors may overlap",
    "src/formats/safetensors.ts",
    "if (begin < covered) throw",
    "if (begin < 0) throw",
    formats("safetensors"),
  ],
  [
    "safetensors: bytes may belong to no tensor",
    "src/formats/safetensors.ts",
    "if (begin > covered) throw",
    "if (begin < 0) throw",
    formats("safetensors"),
  ],
  ["safetensors: NaN is a weight", "src/formats/safetensors.ts", "if (fits) continue;", "continue;", formats("checkpoint")],
  [
    "pattern: it may end before the name does",
    "src/formats/pattern.ts",
    "reach(begin, 1, false)[text.length] === 1",
    "reach(begin, 1, false).includes(1)",
    formats("target_modules"),
  ],
  [
    "pattern: it may begin after the name does",
    "src/formats/pattern.ts",
    "reach(begin, 1, false)[text.length]",
    "reach(begin, 1, true)[text.length]",
    formats("target_modules"),
  ],
  ["target: a name may be the end of another", "src/formats/target.ts", "path.endsWith(`.", "path.endsWith(`", formats("target_modules")],
  [
    "peft: copies of the bases are not compared",
    "src/formats/peft.ts",
    "if (first && !isSame(first, entry))",
    "if (first && first.shape.length === 0)",
    formats("PEFT folders"),
  ],
  [
    "merged: what is untouched becomes float32",
    "src/formats/merged.ts",
    "tensors.set(full, entry);",
    "tensors.set(full, { shape: entry.shape, data: original.tensor(name, entry.shape) });",
    formats("merged model"),
  ],
  ["merged: a bare encoder stays bare", "src/formats/merged.ts", "isBare ? prefix + name : name", "name", formats("merged model")],
  ["merged: the base's own head stays", "src/formats/merged.ts", "pattern.test(known)))", 'pattern.test("")))', formats("merged model")],
  [
    "merged: config.json keeps its element type",
    "src/formats/merged.ts",
    'return [name, "float32"]',
    "return [name, value]",
    formats("merged model"),
  ],
  // Image sets.
  [
    "sets: val is trained on",
    "src/data/paths.ts",
    '  val: "validation",',
    '  val: "train",',
    test("sources", "folders named after a part"),
  ],
  ["sets: Fortran's order is read as C's", "src/data/arrays.ts", "if (!array.fortran) return", "return", sets("NumPy's npz and npy")],
  ["sets: CIFAR's planes are taken for pixels", "src/data/cifar.ts", ', order: "planes" };', " };", sets("CIFAR-10 and CIFAR-100")],
  ["sets: EMNIST lies on its side", "src/data/idx.ts", '/emnist/i.test(hint) ? "columns" : undefined', "undefined", sets("MNIST")],
  [
    "sets: every row group is the first",
    "src/data/parquet.ts",
    "imageAt(latest, group, row)",
    "imageAt(latest, 0, row)",
    sets("parquet by datasets"),
  ],
  ["sets: a tar's extended names are not read", "src/data/tar.ts", 'fields.get("path") ?? ', "", sets("tar.gz, with names")],
  [
    "sets: a table's file is found by its name alone",
    "src/data/tables.ts",
    "have[alike] === wanted[alike]",
    "false",
    sets("in each folder"),
  ],
  [
    "sets: damage in a zip is not seen",
    "src/data/unzip.ts",
    "if (crc === member.crc) return blob;",
    "return blob;",
    test("sources", "corrupt zips"),
  ],
  [
    "sets: gzip may grow without end",
    "src/data/spill.ts",
    "if (size > most) throw",
    "if (size < 0) throw",
    test("spoiled", "gzip and zip bombs"),
  ],
  [
    "decode: WebP lies as it was held",
    "src/data/decode.ts",
    'format === "WebP" ? takeTurn(bytes) : [bytes, 1]',
    "[bytes, 1] as const",
    test("pillow"),
  ],
  [
    "decode: what is transparent turns black",
    "src/data/decode.ts",
    'context.fillStyle = "#fff"',
    'context.fillStyle = "#000"',
    test("pillow"),
  ],
  [
    "preprocess: both edges are not stretched",
    "src/data/resize.ts",
    "stretch ? { width: side, height: side } : ",
    "",
    test("images", "equals Pillow"),
  ],
  [
    "preprocess: ViT's one number is the shortest edge",
    "src/data/preprocess.ts",
    "resize: size, stretch: stretching }",
    "resize: size, stretch: false }",
    test("images", "bundled model"),
  ],

  // Adapters in.
  [
    "adopt: names of transformers 5 are not known",
    "src/train/adopt.ts",
    "const whole = [path, renamed(path)];",
    "const whole = [path];",
    folders,
  ],
  [
    "adopt: target_modules need not name what is changed",
    "src/train/adopt.ts",
    "if (!matchesTarget(path, targets))",
    "if (!site)",
    misfits,
  ],
  [
    "adopt: what the folder has is all that is adapted",
    "src/train/adopt.ts",
    "(site) => towers.has(site.tower) && namesOf(",
    "(site) => found.has(site) && namesOf(",
    misfits,
  ],
  [
    "adopt: shapes are not compared",
    "src/train/adopt.ts",
    "expectShape(parts.get(part), `",
    "expectShape(parts.get(part) && { ...(parts.get(part) as FloatTensor), shape }, `",
    misfits,
  ],
  ["adopt: a layer under two names is the last one", "src/train/adopt.ts", "if (found.has(site)) throw", "if (!site) throw", misfits],
  [
    "adopt: the saved head is left aside",
    "src/train/adopt.ts",
    "headOf(folder.saved, model.image.width)) trainable.set(name, data)",
    "headOf(folder.saved, model.image.width)) data.at(name.length)",
    folders,
  ],
  ["adopt: any saved module is a head", "src/train/adopt.ts", 'if (!name.startsWith("classifier."))', "if (!name)", misfits],
  [
    "adopt: bases that are left out come from seed 0",
    "src/train/adopt.ts",
    "return { sites, seed, given",
    "return { sites, seed: 0, given",
    drawnAgain,
  ],
  [
    "adopt: bases may be missing whatever the config says",
    "src/train/adopt.ts",
    "(isSaved || present.length > 0)",
    "present.length > 0",
    drawnAgain,
  ],
  [
    "adopt: bases of the file are drawn again",
    "src/train/lane.ts",
    "given && Object.keys(given.shared).length ? given.shared : ",
    "",
    test("formulas", "PEFT"),
  ],

  // Adapters, models and ONNX out.
  ["export: names of transformers 4 for those of 5", "src/train/export.ts", "transformers === 5 ?", "transformers === 4 ?", folders],
  [
    "export: bases are not written",
    "src/train/export.ts",
    "lane.def.peft?.shared?.write(await readShared(trained), lane.settings, sites) ??",
    "",
    folders,
  ],
  [
    "export: the head is not written",
    "src/train/export.ts",
    "const saved = await readHead(trained);",
    "const saved = new Map<string, FloatTensor>();",
    folders,
  ],
  ["export: the gains of a LoRA form are 1", "src/train/merge.ts", "= gain * (up.data[", "= (up.data[", folders],
  ["export: the terms of a LoRA form overwrite one another", "src/train/merge.ts", "    first += r;\n", "", folders],
  [
    "export: a transposed factor is read as it lies",
    "src/train/merge.ts",
    "down.data[transposed ? i * r + k : k * site.in + i]",
    "down.data[k * site.in + i]",
    folders,
  ],
  ["export: rows of B are not spread over the padding", "src/train/export.ts", "(o + 1) * r), o * rank)", "(o + 1) * r), o * r)", padded],
  ["export: a LoRA form says α = 1", "src/train/export.ts", "lora_alpha: rank,", "lora_alpha: 1,", folders],
  [
    "export: merged weights are without ΔW",
    "src/train/merge.ts",
    "if (lane.own.has(name) || !lane.changes(site)) continue;",
    "continue;",
    merged,
  ],
  [
    "export: the lane's own tensors are not in the merged model",
    "src/train/merge.ts",
    "for (const [name, own] of lane.own) changed.set(name, await read(backbone, own));",
    "",
    merged,
  ],
  [
    "export: a merged model keeps the head of its base",
    "src/train/export.ts",
    "added: await readHead(trained),",
    "added: new Map(),",
    merged,
  ],
  ["export: ONNX has the weights of the base", "src/train/export.ts", "changed.get(name)?.data ?? ", "", asOnnx],
  [
    "export: ONNX asks the frozen text tower",
    "src/train/merge.ts",
    "const { text } = backbone.through(lane.own).model;",
    "const { text } = backbone.model;",
    asOnnx,
  ],

  // Texts.
  ["head: prompts are embedded once, whatever is trained", "src/train/head.ts", "if (!trainsTexts) return", "return", texts],
  ["backbone: texts are cut one token short", "src/train/backbone.ts", "Math.max(...ends) + 1", "Math.max(...ends)", texts],

  // Imports and packs.
  [
    "storage: an image is read from its neighbour's place",
    "src/data/pixels.ts",
    "const at = (pixels.row[image] as number) * rowBytes;",
    "const at = ((pixels.row[image] as number) ^ 1) * rowBytes;",
    test("packs", "what is read back"),
  ],
  [
    "storage: the images of a batch change places",
    "src/data/stream.ts",
    "settled[numbers[i] as number] = outcome;",
    "settled[numbers[batch.outcomes.length - 1 - i] as number] = outcome;",
    test("data", "the order of the source"),
  ],
  [
    "storage: what was prepared is decoded again",
    "src/data/keeper.ts",
    "const found = this.#pixels.find(digest);",
    "const found = this.#files.find(digest) && undefined;",
    test("packs", "the same files again"),
  ],
  [
    "storage: files that could not be written count as kept",
    "src/data/collect.ts",
    "if (pack === undefined) unkept++;",
    "if (pack === undefined) unkept += 0;",
    test("packs", "with little room"),
  ],
  [
    "storage: the sweep takes the indices of what is kept",
    "src/data/shelf.ts",
    "if (!wanted.has(path)) await removeAt(path);",
    "if (!needed.has(path)) await removeAt(path);",
    test("packs", "what no kept dataset needs"),
  ],
  [
    "storage: the files of a worker that died are all refused",
    "src/data/decoder.ts",
    "else if (task.orders.length > 1) void alone(task);",
    "",
    test("data", "a decoding worker that dies"),
  ],
];
