import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type CardFacts, writeCard } from "../src/formats/card.ts";
import { openCheckpoint, type WeightFiles } from "../src/formats/checkpoint.ts";
import { adapterConfig, fieldsOf, NEUTRAL, NEUTRAL_LORA, savedModules, targetModules } from "../src/formats/config.ts";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { type JsonObject, stringifyLike } from "../src/formats/json.ts";
import { mergedConfig, NOT_IN_CLASSIFIERS, writeCheckpoint } from "../src/formats/merged.ts";
import { expectShape, type PeftFolder, readAdapterConfig, readPeft, writePeft } from "../src/formats/peft.ts";
import {
  checkFinite,
  type Entry,
  type FloatTensor,
  readSafetensors,
  type Safetensors,
  toFloat32,
  writeSafetensors,
} from "../src/formats/safetensors.ts";
import { matchesTarget } from "../src/formats/target.ts";
import { uniform } from "../src/tensor/random.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, import.meta.url)));

/** A file with this header text and this many data bytes. */
function pack(header: string | object, data: number | Uint8Array = 0, claimed?: number): Uint8Array {
  const json = utf8(typeof header === "string" ? header : JSON.stringify(header));
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

/** The FormatError that `action` throws. */
function fault(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FormatError) return error.fault;
    throw error;
  }
  return "none";
}

const f32 = (shape: readonly number[], begin: number, end: number): object => ({ dtype: "F32", shape, data_offsets: [begin, end] });

describe("safetensors", () => {
  test("reads names, shapes, types, data and metadata", () => {
    const { tensors, metadata } = readSafetensors(
      pack(
        {
          __metadata__: { format: "pt" },
          b: f32([2], 1, 9),
          a: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
          none: f32([0, 3], 9, 9),
          scalar: f32([], 9, 13),
        },
        13,
      ),
    );
    expect([...tensors.keys()].sort()).toEqual(["a", "b", "none", "scalar"]);
    expect(tensors.get("b")).toMatchObject({ dtype: "F32", shape: [2] });
    expect(tensors.get("none")?.data.length).toBe(0);
    expect([...metadata]).toEqual([["format", "pt"]]);
    expect(readSafetensors(pack("{}  \n", 0)).tensors.size).toBe(0);
  });

  test.each<[string, string, Uint8Array]>([
    ["nothing", "truncated", new Uint8Array(0)],
    ["seven bytes", "truncated", new Uint8Array(7)],
    ["header longer than the file", "header", pack("{}", 0, 3)],
    ["header above 100 MB", "header", pack("{}", 0, 100_000_001)],
    ["header of 2^63 bytes", "header", pack("{}", 0, 2 ** 63)],
    ["empty header", "json", pack("")],
    ["no JSON", "json", pack("{")],
    ["white space first", "json", pack(" {}")],
    ["an array", "json", pack("[]")],
    ["bytes that are not UTF-8", "json", pack('{"a":"').fill(0xff, 12)],
    ["metadata that is not strings", "json", pack({ __metadata__: { a: 1 } })],
    ["tensor that is no object", "dtype", pack({ a: 3 })],
    ["unknown element type", "dtype", pack({ a: { dtype: "F33", shape: [], data_offsets: [0, 4] } }, 4)],
    ["element type of the prototype", "dtype", pack({ a: { dtype: "constructor", shape: [], data_offsets: [0, 4] } }, 4)],
    ["negative shape", "shape", pack({ a: f32([-1, -1], 0, 4) }, 4)],
    ["broken shape", "shape", pack({ a: f32([0.5, 2], 0, 4) }, 4)],
    ["shape 1e400", "shape", pack('{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', 4)],
    ["no shape", "shape", pack({ a: { dtype: "F32", data_offsets: [0, 4] } }, 4)],
    ["three offsets", "offsets", pack({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4, 4] } }, 4)],
    ["offsets backwards", "offsets", pack({ a: f32([1], 4, 0) }, 4)],
    ["offsets beyond the file", "offsets", pack({ a: f32([1], 0, 4) }, 3)],
    ["too few bytes for the shape", "size", pack({ a: f32([2], 0, 4) }, 4)],
    ["a shape whose product overflows", "size", pack({ a: f32([2 ** 52, 2 ** 52, 2 ** 52], 0, 4) }, 4)],
    ["a product of infinity and zero", "size", pack({ a: f32([...Array<number>(40).fill(2 ** 52), 0], 0, 0) }, 0)],
    ["overlap", "offsets", pack({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12)],
    ["twice the same place", "offsets", pack({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4)],
    ["a hole", "offsets", pack({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12)],
    ["bytes left over", "offsets", pack({ a: f32([1], 0, 4) }, 5)],
    ["a tensor given twice", "key", pack(`{"a":${JSON.stringify(f32([1], 0, 4))},"\\u0061" : ${JSON.stringify(f32([1], 0, 4))}}`, 4)],
    ["a field given twice", "key", pack('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)],
    ["__proto__", "key", pack(`{"__proto__":${JSON.stringify(f32([1], 0, 4))}}`, 4)],
  ])("refuses %s (%s)", (_, expected, bytes) => expect(fault(() => readSafetensors(bytes))).toBe(expected));

  test("equal keys of different objects, and strings that look like keys, are fine", () => {
    expect(
      readSafetensors(pack('{"__metadata__":{"a":"\\"a\\":{","b":"a"},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}')).metadata.size,
    ).toBe(2);
  });

  /** One tensor of raw bytes at an odd place in the file, inside a buffer of Node's pool. */
  const entry = (dtype: string, bytes: Uint8Array, shape: readonly number[]): Entry => {
    const data = new Uint8Array(1 + bytes.length);
    data.set(bytes, 1);
    const file = pack(
      { first: { dtype: "U8", shape: [1], data_offsets: [0, 1] }, x: { dtype, shape, data_offsets: [1, 1 + bytes.length] } },
      data,
    );
    return readSafetensors(Buffer.from(file)).tensors.get("x")!;
  };

  test("every one of the 65536 halves becomes the float32 of the same value", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = toFloat32(entry("F16", new Uint8Array(all.buffer), [65536]));
    for (let bits = 0; bits < 65536; bits++) {
      const exponent = (bits >> 10) & 31;
      const fraction = bits & 1023;
      const size =
        exponent === 31
          ? fraction
            ? Number.NaN
            : Infinity
          : exponent
            ? (1 + fraction / 1024) * 2 ** (exponent - 15)
            : fraction * 2 ** -24;
      if (!Object.is(values[bits], bits & 0x8000 ? -size : size)) expect.unreachable(`${bits.toString(16)} became ${values[bits]}`);
    }
  });

  test("F32, BF16 and F64 are read at places without alignment; integers are not floats", () => {
    const bytes = (array: Float32Array | Float64Array | Uint16Array): Uint8Array => new Uint8Array(array.buffer);
    expect([...toFloat32(entry("F32", bytes(Float32Array.of(1.5, -0, 3e-45)), [3]))]).toEqual([1.5, -0, Math.fround(3e-45)]);
    expect([...toFloat32(entry("BF16", bytes(Uint16Array.of(0x3fc0, 0xff80, 0x8001)), [3]))]).toEqual([1.5, -Infinity, -(2 ** -133)]);
    expect([...toFloat32(entry("F64", bytes(Float64Array.of(0.1, 1e300)), [2]))]).toEqual([Math.fround(0.1), Infinity]);
    for (const [dtype, size] of [
      ["I64", 8],
      ["I32", 4],
      ["U8", 1],
      ["BOOL", 1],
      ["F8_E4M3", 1],
    ] as const) {
      expect(fault(() => toFloat32(entry(dtype, new Uint8Array(size), [1])))).toBe("dtype");
    }
  });

  test("writes what it reads, sorted and aligned", () => {
    const written = new Map([
      ["b.weight", { shape: [2, 1], data: Float32Array.of(1, 2) }],
      ["a", { shape: [], data: Float32Array.of(-3) }],
      ["zero", { shape: [0], data: new Float32Array(0) }],
    ]);
    const bytes = writeSafetensors(written);
    const { tensors, metadata } = readSafetensors(bytes);
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
    expect(metadata.get("format")).toBe("pt");
    expect([...tensors.keys()]).toEqual(["a", "b.weight", "zero"]);
    for (const [name, { shape, data }] of written) {
      expect(tensors.get(name)?.shape).toEqual(shape);
      expect(toFloat32(tensors.get(name)!)).toEqual(data);
    }
    expect(fault(() => writeSafetensors(new Map([["a", { shape: [2], data: Float32Array.of(1) }]])))).toBe("size");
    expect(fault(() => writeSafetensors(new Map([["__metadata__", { shape: [1], data: Float32Array.of(1) }]])))).toBe("key");
  });

  test("2000 damaged files give FormatError or a file that is still sound", () => {
    const whole = writeSafetensors(
      new Map([
        ["a", { shape: [3, 4], data: new Float32Array(12).fill(1) }],
        ["b", { shape: [5], data: new Float32Array(5).fill(2) }],
        ["c", { shape: [], data: Float32Array.of(4) }],
      ]),
    );
    const headerEnd = 8 + new DataView(whole.buffer).getUint32(0, true);
    const marks = [...whole.keys()].filter((at) => at >= 8 && at < headerEnd && /[0-9abc]/.test(String.fromCharCode(whole[at]!)));
    const any = Uint8Array.from({ length: 256 }, (_, i) => i);
    const outcomes: Record<string, number> = {};
    for (let round = 0; round < 2000; round++) {
      const pick = (stream: number, below: number): number => Math.floor(uniform(round, stream, 0) * below);
      let damaged = whole.slice();
      const scatter = (count: number, alphabet: Uint8Array, place: (stream: number) => number): void => {
        for (let i = 0; i < count; i++) damaged[place(2 + 2 * i)] = alphabet[pick(3 + 2 * i, alphabet.length)]!;
      };
      const kind = pick(0, 5);
      if (kind === 0) damaged = damaged.slice(0, pick(1, damaged.length));
      else if (kind === 1) damaged = new Uint8Array([...damaged, ...new Uint8Array(1 + pick(1, 9))]);
      else if (kind === 2) scatter(1 + pick(1, 3), any, (stream) => pick(stream, headerEnd));
      // Changes that leave the header JSON get further.
      else if (kind === 3) scatter(1 + pick(1, 3), utf8('0123456789-{}[]",:eE._\\ '), (stream) => 8 + pick(stream, headerEnd - 8));
      else scatter(1 + pick(1, 6), utf8("0123456789abc"), (stream) => marks[pick(stream, marks.length)]!);
      // Any error but FormatError is thrown on by `fault` and fails the test.
      const outcome = fault(() => {
        for (const { shape, dtype, data } of readSafetensors(damaged).tensors.values()) {
          if (dtype === "F32") expect(data.length).toBe(4 * shape.reduce((product, n) => product * n, 1));
        }
      });
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    expect(outcomes.none).toBeLessThan(300);
    expect(Object.keys(outcomes).sort()).toEqual(["dtype", "header", "json", "key", "none", "offsets", "shape", "size", "truncated"]);
  });
});

/** Tensors whose numbers count up from `first`. */
const counting = (shape: readonly number[], first = 0): FloatTensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => first + i),
});
const named = (...names: string[]): Map<string, FloatTensor> => new Map(names.map((name, i) => [name, counting([2, 3], 10 * i)]));

describe("checkpoint", () => {
  const weights = writeSafetensors(new Map([["visual_projection.weight", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }]]));
  const open = () => openCheckpoint(utf8('{"model_type":"clip"}'), weights);

  test("looks tensors up by name and shape", () => {
    expect(open().config.model_type).toBe("clip");
    expect([...open().entries.keys()]).toEqual(["visual_projection.weight"]);
    expect([...open().tensor("visual_projection.weight", [2, 3])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(open().entry("visual_projection.weight", [2, 3])).toMatchObject({ dtype: "F32", shape: [2, 3] });
  });

  test("says what is missing and what does not fit", () => {
    expect(() => open().tensor("text_projection.weight", [2, 3])).toThrow('no tensor "text_projection.weight"');
    expect(() => open().tensor("visual_projection.weight", [3, 2])).toThrow("[2,3] in the checkpoint; the model needs [3,2]");
    expect(fault(() => open().tensor("visual_projection.weight", [6]))).toBe("shape");
    expect(fault(() => openCheckpoint(utf8("[]"), weights))).toBe("json");
  });

  test("a scalar may be stored with one axis, and nothing else may", () => {
    const scale = openCheckpoint(
      utf8("{}"),
      writeSafetensors(
        new Map([
          ["scale", counting([1], 7)],
          ["row", counting([3])],
        ]),
      ),
    );
    expect([...scale.tensor("scale", [])]).toEqual([7]);
    expect(fault(() => scale.entry("scale", [1, 1]))).toBe("shape");
    expect(fault(() => scale.entry("row", []))).toBe("shape");
  });

  test("a bare encoder's tensors are found without their prefix, with it first", () => {
    const bare = openCheckpoint(utf8("{}"), writeSafetensors(named("layernorm.weight", "vit.layernorm.bias", "layernorm.bias")), "vit.");
    expect(bare.tensor("vit.layernorm.weight", [2, 3])[0]).toBe(0);
    expect(bare.tensor("vit.layernorm.bias", [2, 3])[0]).toBe(10);
    expect(() => bare.entry("vit.pooler.weight", [1])).toThrow('no tensor "vit.pooler.weight", nor "pooler.weight"');
    expect(fault(() => bare.entry("dinov2.layernorm.weight", [2, 3]))).toBe("missing");
  });

  test("numbers that are not finite are refused by name, whatever their type", () => {
    const of = (dtype: string, array: Float32Array | Float64Array | Uint16Array) =>
      openCheckpoint(
        utf8("{}"),
        pack({ w: { dtype, shape: [array.length], data_offsets: [0, array.byteLength] } }, new Uint8Array(array.buffer)),
      );
    for (const [dtype, good, bad] of [
      ["F32", Float32Array.of(3.4e38, -0), Float32Array.of(1, Number.NaN)],
      ["F16", Uint16Array.of(0x7bff, 0x8001), Uint16Array.of(0x3c00, 0x7c00)],
      ["F16", Uint16Array.of(0xfbff, 0), Uint16Array.of(0x3c00, 0xfe00)],
      ["BF16", Uint16Array.of(0x7f7f, 0x8001), Uint16Array.of(0x3f80, 0xff80)],
      ["F64", Float64Array.of(3.4e38, 1e-300), Float64Array.of(1, 1e39)],
    ] as const) {
      expect(of(dtype, good).tensor("w", [2]).every(Number.isFinite)).toBe(true);
      expect(fault(() => of(dtype, bad).tensor("w", [2]))).toBe("value");
      expect(() => of(dtype, bad).entry("w", [2])).toThrow(/"w" holds (NaN|-?Infinity) at place 1/);
    }
    expect(() => of("I16", Uint16Array.of(1, 2)).entry("w", [2])).toThrow('"w" holds I16');
  });

  const shard = (...names: string[]): Uint8Array => writeSafetensors(named(...names));
  const index = (weight_map: unknown): Uint8Array => utf8(JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
  const sharded = (weight_map: unknown, files: Record<string, Uint8Array>): WeightFiles => ({
    index: index(weight_map),
    shards: new Map(Object.entries(files)),
  });

  test("shards are one checkpoint", () => {
    const both = sharded(
      { a: "1.safetensors", b: "1.safetensors", c: "2.safetensors" },
      { "1.safetensors": shard("a", "b"), "2.safetensors": shard("c") },
    );
    const { entries, tensor } = openCheckpoint(utf8("{}"), both);
    expect([...entries.keys()]).toEqual(["a", "b", "c"]);
    expect([tensor("b", [2, 3])[0], tensor("c", [2, 3])[5]]).toEqual([10, 5]);
  });

  test.each<[string, string, WeightFiles, string]>([
    ["a shard that is not there", "missing", sharded({ a: "1", b: "2" }, { 1: shard("a") }), '"2"'],
    ["a tensor that is not in its shard", "missing", sharded({ a: "1", b: "1" }, { 1: shard("a") }), '"b"'],
    ["a tensor in two shards", "key", sharded({ a: "1", b: "2" }, { 1: shard("a"), 2: shard("b", "a") }), '"a"'],
    ["a tensor in another shard", "key", sharded({ a: "1", b: "2" }, { 1: shard("a", "b"), 2: shard("a") }), '"b"'],
    ["a tensor that the index leaves out", "key", sharded({ a: "1" }, { 1: shard("a", "b") }), '"b"'],
    ["an empty index", "json", sharded({}, {}), "weight_map"],
    ["an index of numbers", "json", sharded({ a: 1 }, { 1: shard("a") }), "weight_map"],
    ["an index without weight_map", "json", sharded(undefined, {}), "weight_map"],
    ["a damaged shard", "truncated", sharded({ a: "1" }, { 1: new Uint8Array(3) }), "8 bytes"],
  ])("%s is refused (%s)", (_, expected, files, name) => {
    expect(fault(() => openCheckpoint(utf8("{}"), files))).toBe(expected);
    expect(() => openCheckpoint(utf8("{}"), files)).toThrow(name);
  });

  test("opens CLIP-tiny, whose tensors are float16 at odd places", () => {
    const folder = "../public/models/clip-tiny/";
    const clip = openCheckpoint(fixture(`${folder}config.json`), fixture(`${folder}model.safetensors`));
    // exp(logit_scale) as its README gives it.
    expect(Math.exp(clip.tensor("logit_scale", [])[0]!)).toBeCloseTo(27.45, 1);
    const weight = clip.tensor("vision_model.encoder.layers.0.self_attn.q_proj.weight", [192, 192]);
    expect(weight.every(Number.isFinite)).toBe(true);
    expect(weight.some((value) => value !== 0)).toBe(true);
  });
});

describe("merged model", () => {
  const half: Entry = { dtype: "F16", shape: [3], data: new Uint8Array(Uint16Array.of(0x3c00, 0x4000, 0x4200).buffer) };
  const open = (tensors: Map<string, FloatTensor | Entry>, prefix?: string) =>
    openCheckpoint(utf8("{}"), writeSafetensors(tensors), prefix);
  const nothing = { changed: new Map<string, FloatTensor>(), added: new Map<string, FloatTensor>(), removed: NOT_IN_CLASSIFIERS };
  const namesOf = (bytes: Uint8Array) => [...readSafetensors(bytes).tensors.keys()].sort();

  test("what is untouched keeps its bytes and type, what is changed is float32, the head is new", () => {
    const base = open(
      new Map<string, FloatTensor | Entry>([
        ["vit.layernorm.bias", half],
        ["vit.encoder.q.weight", counting([2, 2])],
        ["vit.pooler.dense.weight", counting([2, 2])],
        ["classifier.weight", counting([1000, 3])],
        ["classifier.bias", counting([1000])],
      ]),
      "vit.",
    );
    const { tensors } = readSafetensors(
      writeCheckpoint(base, {
        ...nothing,
        changed: new Map([["vit.encoder.q.weight", counting([2, 2], 5)]]),
        added: new Map([
          ["classifier.weight", counting([4, 3])],
          ["classifier.bias", counting([4])],
        ]),
      }),
    );
    expect([...tensors.keys()].sort()).toEqual(["classifier.bias", "classifier.weight", "vit.encoder.q.weight", "vit.layernorm.bias"]);
    expect(tensors.get("vit.layernorm.bias")).toEqual(half);
    expect(tensors.get("classifier.weight")?.shape).toEqual([4, 3]);
    expect([...toFloat32(tensors.get("vit.encoder.q.weight")!)]).toEqual([5, 6, 7, 8]);
  });

  test("a bare encoder gets its prefix, and loses what no classifier has", () => {
    const dinov2 = open(named("embeddings.mask_token", "layernorm.weight", "pooler.dense.bias"), "dinov2.");
    expect(namesOf(writeCheckpoint(dinov2, nothing))).toEqual(["dinov2.embeddings.mask_token", "dinov2.layernorm.weight"]);
    const deit = open(named("deit.layernorm.weight", "cls_classifier.weight", "distillation_classifier.bias"), "deit.");
    expect(namesOf(writeCheckpoint(deit, nothing))).toEqual(["deit.layernorm.weight"]);
    const clip = open(named("vision_model.embeddings.position_ids", "text_projection.weight"));
    expect(namesOf(writeCheckpoint(clip, nothing))).toEqual(["text_projection.weight"]);
    expect(namesOf(writeCheckpoint(clip, { ...nothing, removed: [...NOT_IN_CLASSIFIERS, /^text_/] }))).toEqual([]);
  });

  test("a change must be of a tensor that is there, in its shape", () => {
    const base = open(named("a"));
    expect(fault(() => writeCheckpoint(base, { ...nothing, changed: named("b") }))).toBe("missing");
    expect(fault(() => writeCheckpoint(base, { ...nothing, changed: new Map([["a", counting([3, 2])]]) }))).toBe("shape");
  });

  test("its tensors are aligned though types of all sizes are mixed", () => {
    const bytes = writeSafetensors(
      new Map<string, Entry | FloatTensor>([
        ["a", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) }],
        ["b", half],
        ["c", counting([1])],
        ["d", { dtype: "F64", shape: [1], data: new Uint8Array(8) }],
      ]),
    );
    for (const [name, size] of [
      ["a", 1],
      ["b", 2],
      ["c", 4],
      ["d", 8],
    ] as const)
      expect(readSafetensors(bytes).tensors.get(name)!.data.byteOffset % size, name).toBe(0);
  });

  test("config.json keeps what it does not change", () => {
    const labels = ["cat", "__proto__", "2"];
    const clip = { torch_dtype: "float16", hidden_size: 3, vision_config: { dtype: "float16", patch_size: 2 }, id2label: { 0: "old" } };
    const merged = mergedConfig(clip, { architecture: "CLIPForImageClassification", labels });
    expect(JSON.parse(JSON.stringify(merged))).toEqual({
      torch_dtype: "float32",
      hidden_size: 3,
      vision_config: { dtype: "float32", patch_size: 2 },
      architectures: ["CLIPForImageClassification"],
      id2label: { 0: "cat", 1: "__proto__", 2: "2" },
      label2id: JSON.parse('{ "cat": 0, "__proto__": 1, "2": 2 }') as object,
      num_labels: 3,
      problem_type: "single_label_classification",
    });
    expect(mergedConfig({ dtype: "bfloat16" }, { architecture: "CLIPModel" })).toEqual({ dtype: "float32", architectures: ["CLIPModel"] });
    expect(mergedConfig({}, { architecture: "CLIPModel" })).toMatchObject({ torch_dtype: "float32" });
  });
});

describe("target_modules", () => {
  const path = "vision_model.encoder.layers.0.self_attn.q_proj";
  test.each<[string | readonly string[], boolean]>([
    [["q_proj"], true],
    [["k_proj", "self_attn.q_proj"], true],
    [[path], true],
    [["proj"], false],
    [["self_attn"], false],
    [[], false],
    [".*q_proj", true],
    ["q_proj", false],
    [".*vision_model.*\\.(q_proj|k_proj|fc1)", true],
    ["vision_model\\.encoder\\.layers\\.\\d+\\.(self_attn\\.(q|v)_proj|mlp\\.fc[12])", true],
    ["vision_model|.*self_attn", false],
    [".*(?<!text_model)\\.q_proj", true],
    [".*(?<!self_attn)\\.q_proj", false],
    ["(?!text).*(?=\\.q_proj$).*", true],
    ["(?!vision).*", false],
    ["(?P<layer>.*)", true],
    [".*q_proj\\Z", true],
    ["\\A\\bvision\\B.*", true],
    [".*[]a][^]]{,6}?", false],
    ["[\\w.]{46}", true],
    ["[\\w.]{45}", false],
    ["(?:[a-z_]+(?:\\.|\\Z)|\\d\\.){6,}", true],
    ["(?:[a-z_]+\\.|\\d\\.){,5}", false],
    ["", false],
  ])("%j: %s", (target, expected) => expect(matchesTarget(path, target)).toBe(expected));

  test.each([
    "all-linear",
    "(?i)Q_PROJ",
    "(",
    ")",
    "a**",
    "*a",
    "a{2,1}",
    "[z-a]",
    "[a",
    "a\\",
    "\\q",
    "(a)\\1",
    "(?P<a>x)(?P<a>y)",
    "(?<=a+)b",
    "(?>a)",
    "(?:a{99}){99}",
    "(".repeat(51) + ")".repeat(51),
  ])("%s is refused by name", (target) => {
    expect(() => matchesTarget(path, target)).toThrow(UnsupportedError);
    expect(() => matchesTarget(path, target)).toThrow(JSON.stringify(target));
  });

  test("patterns that take other matchers for ever are matched at once", () => {
    const long = `${"a".repeat(500)}!`;
    for (const pattern of ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*)*b", "(a?){200}a{200}b", "(?=(a+)+$).*", ".*(?<!a)b", "(.*a){12}b"]) {
      expect(matchesTarget(long, pattern), pattern).toBe(false);
    }
  });
});

describe("fields of adapter_config.json", () => {
  test("absent fields and null take their defaults, others are checked", () => {
    const fields = fieldsOf({ r: 4, alpha: 0.5, dropout: 0, key: 0, flag: false, none: null });
    expect([fields.count("r", 8, 1), fields.count("none", 8), fields.count("absent", 9), fields.count("key", 1)]).toEqual([4, 8, 9, 0]);
    expect([fields.positive("alpha", 8), fields.positive("none", 8)]).toEqual([0.5, 8]);
    expect([fields.flag("flag", true), fields.flag("none", true)]).toEqual([false, true]);
    expect([fields.number("dropout", 0.5, 0, 1), fields.number("absent", 0.5, 0, 1)]).toEqual([0, 0.5]);
    expect(savedModules({ modules_to_save: ["classifier"] })).toEqual(["classifier"]);
    expect(savedModules({ modules_to_save: null })).toEqual([]);
    expect(targetModules({ target_modules: ["q"] })).toEqual(["q"]);
    expect(targetModules({ target_modules: ".*q" })).toBe(".*q");
  });

  const HOSTILE = [-1, 0.5, 1e300, "8", true, [8], { valueOf: 8 }, "__proto__"];
  test.each<[string, (json: JsonObject) => unknown, readonly unknown[]]>([
    ["a count", (json) => fieldsOf(json).count("x", 1, 1), [...HOSTILE, 0]],
    ["a positive number", (json) => fieldsOf(json).positive("x", 1), [-1, 0, "8", true, [8], {}, Infinity]],
    ["a number of a range", (json) => fieldsOf(json).number("x", 0, 0, 1), [-1, 1.5, 1e300, "0", false, [0], {}]],
    ["a flag", (json) => fieldsOf(json).flag("x", false), [0, 1, "true", [], {}]],
    ["names of saved modules", (json) => savedModules({ modules_to_save: json.x }), ["classifier", [1], [null], {}, 0]],
    ["targets", (json) => targetModules({ target_modules: json.x }), [null, undefined, 0, [0], [["q"]], {}]],
  ])("%s of another kind is refused by the field's name", (_, read, values) => {
    for (const x of values) {
      expect(
        fault(() => read({ x })),
        JSON.stringify(x),
      ).toBe("config");
      expect(() => read({ x })).toThrow(/adapter_config.json: (x|modules_to_save|target_modules) must be/);
    }
  });

  test.each<[string, object, string]>([
    ["all methods", { bias: "all" }, "bias"],
    ["all methods", { bias: "randlora_only" }, "bias"],
    ["all methods", { fan_in_fan_out: true }, "fan_in_fan_out"],
    ["all methods", { layers_to_transform: [0] }, "layers_to_transform"],
    ["all methods", { exclude_modules: ["fc1"] }, "exclude_modules"],
    ["LoRA", { rank_pattern: { fc1: 8 } }, "rank_pattern"],
    ["LoRA", { alpha_pattern: { "(a+)+$": 8 } }, "alpha_pattern"],
    ["LoRA", { init_lora_weights: "pissa" }, "init_lora_weights"],
    ["LoRA", { target_parameters: ["x"] }, "target_parameters"],
    ["LoRA", { lora_bias: true }, "lora_bias"],
  ])("%s: %j is named as unsupported", (whose, json, feature) => {
    const check = () => fieldsOf(json as JsonObject).neutral(whose === "LoRA" ? NEUTRAL_LORA : NEUTRAL);
    expect(check).toThrow(UnsupportedError);
    expect(check).toThrow(feature);
  });

  test("values that do nothing are no hindrance", () => {
    fieldsOf({ bias: "none", layers_pattern: null }).neutral(NEUTRAL);
    fieldsOf({ rank_pattern: {}, alpha_pattern: {}, init_lora_weights: "gaussian", field_of_the_future: [1] }).neutral(NEUTRAL_LORA);
  });
});

describe("PEFT folders", () => {
  const LORA = { parts: ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"], shared: [] };
  const RANDLORA = { parts: ["randlora_lambda", "randlora_gamma"], shared: ["randlora_A", "randlora_B"] };
  const FC1 = "vision_model.encoder.layers.0.mlp.fc1";
  const files = (method: string): Map<string, Uint8Array> =>
    new Map(["adapter_config.json", "adapter_model.safetensors"].map((name) => [name, fixture(`./fixtures/peft/${method}/${name}`)]));
  /** A folder of these tensors, under the full names of their keys. */
  const folderOf = (tensors: ReadonlyMap<string, FloatTensor | Entry>, config: object = { peft_type: "LORA" }): Map<string, Uint8Array> =>
    new Map([
      ["adapter_config.json", utf8(JSON.stringify(config))],
      ["adapter_model.safetensors", writeSafetensors(tensors)],
    ]);
  const tensorsOf = (folder: ReadonlyMap<string, Uint8Array>): Safetensors["tensors"] =>
    readSafetensors(folder.get("adapter_model.safetensors")!).tensors;

  test("a LoRA folder that PEFT 0.21 saved is read", () => {
    const folder = readPeft(files("lora"), LORA);
    expect(folder.config).toMatchObject({ peft_type: "LORA", r: 4, lora_alpha: 8 });
    fieldsOf(folder.config).neutral({ ...NEUTRAL, ...NEUTRAL_LORA });
    expect(folder.modules.size).toBe(12);
    expect([...folder.modules.get(FC1)!.keys()]).toEqual(["lora_A.weight", "lora_B.weight"]);
    expect(folder.modules.get(FC1)?.get("lora_A.weight")?.shape).toEqual([4, 48]);
    expect([...folder.modules.get(FC1)!.get("lora_A.weight")!.data.subarray(0, 3)]).toEqual([
      -0.06507860124111176, 0.08277073502540588, 0.1091870665550232,
    ]);
    expect([...folder.modules.keys()].every((path) => matchesTarget(path, targetModules(folder.config)))).toBe(true);
    expect([folder.saved.size, folder.shared.size]).toEqual([0, 0]);
  });

  test("a RandLoRA folder without bases that PEFT 0.21 saved is read", () => {
    const folder = readPeft(files("randlora-noproj"), RANDLORA);
    expect(folder.config).toMatchObject({ peft_type: "RANDLORA", r: 5, projection_prng_key: 1, save_projection: false });
    expect(folder.modules.size).toBe(12);
    expect(folder.modules.get(FC1)?.get("randlora_lambda")?.shape).toEqual([5, 10]);
    expect(folder.modules.get(FC1)?.get("randlora_gamma")?.data[0]).toBeCloseTo(1 / 48, 8);
    expect(folder.shared.size).toBe(0);
  });

  const lambda = "base_model.model.a.q.randlora_lambda";
  const copies = (...paths: string[]): [string, FloatTensor][] =>
    RANDLORA.shared.flatMap((name, i) => paths.map((path): [string, FloatTensor] => [`base_model.${path}${name}`, counting([2, 2], i)]));

  test("shared tensors are found at model level, in every module, or in both", () => {
    for (const found of [copies(""), copies("model.a.q.", "model.a.v."), copies("", "model.a.q.", "model.a.v.")]) {
      const { shared, modules } = readPeft(folderOf(new Map([[lambda, counting([2])], ...found])), RANDLORA);
      expect(shared).toEqual(new Map(copies("").map(([name, tensor]) => [name.slice("base_model.".length), tensor])));
      expect([...modules.keys()]).toEqual(["a.q"]);
    }
  });

  test("copies that differ in one bit, in shape or in type are refused", () => {
    const [one, other] = copies("", "model.a.q.").map(([name]) => name) as [string, string];
    const tensor = counting([2, 2]);
    const nudged = Float32Array.from(tensor.data).fill(-0, 0, 1);
    for (const different of [
      { ...tensor, data: nudged },
      { ...tensor, shape: [4] },
      { dtype: "F64", shape: [2, 2], data: new Uint8Array(32) } as const,
    ]) {
      const folder = folderOf(
        new Map<string, FloatTensor | Entry>([
          [lambda, tensor],
          [one, tensor],
          [other, different],
        ]),
      );
      expect(fault(() => readPeft(folder, RANDLORA))).toBe("config");
      expect(() => readPeft(folder, RANDLORA)).toThrow("another copy of randlora_A");
    }
  });

  const saved = new Map([
    ["classifier.weight", counting([2, 48])],
    ["classifier.bias", counting([2])],
  ]);
  const trained: PeftFolder = {
    config: adapterConfig(
      "RANDLORA",
      { baseModel: "fullrank/clip-tiny", targetModules: ["q"], saved: ["classifier"] },
      { r: 2, save_projection: true },
    ),
    modules: new Map([
      ["a.q", new Map(RANDLORA.parts.map((part, i) => [part, counting([2, 3], i)]))],
      ["b.q", new Map(RANDLORA.parts.map((part, i) => [part, counting([2, 3], 9 * i)]))],
    ]),
    shared: new Map(RANDLORA.shared.map((name, i) => [name, counting([2, 1, 3], 5 * i)])),
    saved,
  };

  test("what is written is read again, shared tensors once and the saved head included", () => {
    const written = writePeft(trained);
    expect(readPeft(written, RANDLORA)).toEqual(trained);
    const keys = [...tensorsOf(written).keys()];
    expect(keys.filter((key) => /randlora_[AB]$/.test(key))).toEqual(["base_model.randlora_A", "base_model.randlora_B"]);
    expect(keys.length).toBe(2 + 2 * 2 + 2);
    expect(readAdapterConfig(written)).toMatchObject({ modules_to_save: ["classifier"], inference_mode: true, bias: "none", r: 2 });
    expect(readPeft(writePeft(readPeft(files("lora"), LORA)), LORA)).toEqual(readPeft(files("lora"), LORA));
  });

  test("for old PEFT every module has a copy of the shared tensors, which reads as the same folder", () => {
    const written = writePeft(trained, { perModule: true });
    expect([...tensorsOf(written).keys()].filter((key) => key.endsWith("randlora_B"))).toEqual([
      "base_model.model.a.q.randlora_B",
      "base_model.model.b.q.randlora_B",
      "base_model.randlora_B",
    ]);
    expect(readPeft(written, RANDLORA)).toEqual(trained);
  });

  test("saved modules and saved tensors must agree, in what is read and in what is written", () => {
    expect(fault(() => writePeft({ ...trained, saved: new Map() }))).toBe("missing");
    expect(fault(() => writePeft({ ...trained, saved: new Map([...saved, ["head.weight", counting([1])]]) }))).toBe("key");
    const part = `base_model.model.${FC1}.lora_A.weight`;
    const withTensor = (name: string, config?: object) => () => readPeft(folderOf(named(part, name), config), LORA);
    expect(fault(withTensor("base_model.model.classifier.weight"))).toBe("key");
    expect(fault(withTensor("base_model.model.classifier.weight", { peft_type: "LORA", modules_to_save: ["classifier"] }))).toBe("none");
    expect(fault(withTensor("classifier.weight"))).toBe("key");
    expect(fault(withTensor("base_model.randlora_A"))).toBe("key");
    expect(fault(withTensor(part, { peft_type: "LORA", modules_to_save: ["classifier"] }))).toBe("missing");
  });

  test("missing files and parts, a config without method, and numbers that are not finite are refused", () => {
    expect(fault(() => readPeft(new Map(), LORA))).toBe("missing");
    expect(fault(() => readPeft(new Map([...files("lora")].slice(0, 1)), LORA))).toBe("missing");
    expect(fault(() => readPeft(files("lora"), { parts: ["vera_lambda_b"], shared: [] }))).toBe("missing");
    expect(fault(() => readAdapterConfig(folderOf(new Map(), {})))).toBe("config");
    expect(fault(() => readAdapterConfig(folderOf(new Map(), { peft_type: 3 })))).toBe("config");
    for (const [key, keys] of [
      ["base_model.model.a.q.lora_B.weight", LORA],
      ["base_model.randlora_B", RANDLORA],
    ] as const) {
      const part = `base_model.model.a.q.${keys.parts[0]}`;
      const folder = folderOf(
        new Map([
          [part, counting([1])],
          [key, { shape: [2], data: Float32Array.of(1, Number.NaN) }],
        ]),
      );
      expect(() => readPeft(folder, keys)).toThrow(`${key.replace(/^base_model\.(model\.)?/, "")}" holds NaN`);
    }
  });

  test("shapes are compared where they are given", () => {
    const tensor = counting([2, 3]);
    expect(expectShape(tensor, "x", [2, 3])).toBe(tensor);
    expect(expectShape(tensor, "x", [undefined, 3])).toBe(tensor);
    expect(fault(() => expectShape(tensor, "x", [2]))).toBe("shape");
    expect(() => expectShape(tensor, "x", [2, 4])).toThrow('"x" has the shape [2,3]');
    expect(() => expectShape(undefined, "x", [2])).toThrow('no tensor "x"');
  });
});

test("weights are finite numbers, halves too", () => {
  const data = new Uint8Array(Uint16Array.of(0x3fc0, 0x4000).buffer);
  const entry: Entry = { dtype: "BF16", shape: [2], data };
  checkFinite("w", entry);
  expect([...toFloat32(entry)]).toEqual([1.5, 2]);
  expect(fault(() => checkFinite("w", { dtype: "F16", shape: [1], data: Uint8Array.of(0, 0x7c) }))).toBe("value");
});

describe("model card", () => {
  const facts: CardFacts = {
    title: "RandLoRA on ViT",
    kind: "peft",
    base: { id: "google/vit-base-patch16-224", revision: "3f49326", architecture: "ViTForImageClassification" },
    licence: "apache-2.0",
    labels: ["cat", "dog"],
    preprocess: { resize: 256, crop: 224, resample: "bicubic", mean: [0.5, 0.5, 0.5], std: [0.25, 0.5, 0.5] },
    generation: 5,
    method: { title: "RandLoRA", paper: "arXiv 2502.00987" },
    dataset: {
      name: "pets",
      classes: [
        { train: 8, validation: 2, test: 4 },
        { train: 7, validation: 1, test: 3 },
      ],
      seed: 3,
    },
    config: { version: 1, steps: 20 },
    result: { step: 300, part: "validation", correct: 2, images: 3, loss: 0.51234, interval: [0.2, 0.94] },
    parameters: { method: 599040, head: 1538, base: 85800194 },
  };
  const code = (card: string): string => /```python\n([\s\S]*?)\n```/.exec(card)![1]!;

  test("says what was made from what, how well it does, and what was not measured", () => {
    const card = writeCard(facts);
    expect(card.startsWith('---\nlibrary_name: peft\nbase_model: "google/vit-base-patch16-224"\n')).toBe(true);
    for (const part of [
      'license: "apache-2.0"',
      "pipeline_tag: image-classification",
      "15 images were trained on, 3 used for validation (chosen by seed 3), 7 kept for the test.",
      "| 1 | dog | 7 | 1 | 3 |",
      "2 of 3 held-out images right: 66.7 % (95 % interval by Wilson: 20.0 % to 94.0 %); loss 0.5123",
      "Not measured:",
      "| trained by RandLoRA | 599040 |",
      '"steps": 20',
      "transformers 5",
    ])
      expect(card).toContain(part);
    const { result: _, ...unmeasured } = facts;
    expect(writeCard(unmeasured)).toContain("no accuracy was measured");
  });

  test("the code is that of the kind of export", () => {
    const peft = code(writeCard(facts));
    expect(peft).toContain(
      'ViTForImageClassification.from_pretrained("google/vit-base-patch16-224", revision="3f49326", num_labels=len(LABELS)',
    );
    expect(peft).toContain("PeftModel.from_pretrained(model, FOLDER)");
    const merged = code(writeCard({ ...facts, kind: "merged" }));
    expect(merged).toContain("ViTForImageClassification.from_pretrained(FOLDER)");
    expect(merged).not.toContain("peft");
    const onnx = code(writeCard({ ...facts, kind: "onnx" }));
    expect(onnx).toContain("onnxruntime.InferenceSession");
    expect(onnx).not.toContain("torch");
    const clip = code(writeCard({ ...facts, base: { architecture: "CLIPModel" }, template: 'a "{class}"', generation: 4 }));
    expect(clip).toContain('texts = ["a \\"{class}\\"".replace("{class}", label) for label in LABELS]');
    expect(clip).toContain("**tokens).logits_per_image[0]");
  });

  test("no name can be markup, a table's edge, front matter or the end of the code", () => {
    const evil = [
      "a | b",
      "<img src=x onerror=alert(1)>",
      "x\n---\nlicense: mit",
      "```\n# end",
      "[x](http://e.com)",
      "www.e.com",
      "\u202ecod",
      "*b* _i_ `c` &lt; \\",
    ];
    const classes = evil.map(() => ({ train: 1, validation: 0, test: 0 }));
    const [title, name] = [evil.join(" "), evil.join("\n")];
    const card = writeCard({
      ...facts,
      title,
      labels: evil,
      licence: "x\ntags: [y]",
      dataset: { ...facts.dataset, name, classes },
      template: name,
    });
    const [front, text] = card.slice(4).split("\n---\n") as [string, string];
    expect(front.split("\n").filter((line) => /^licen|^tags/.test(line))).toEqual([
      "license: other",
      'license_name: "x tags: [y]"',
      "tags:",
    ]);
    expect(card.split(/^---$/m).length).toBe(3);
    const prose = text.replace(/```[\s\S]*?\n```/g, "");
    expect(prose).not.toMatch(/(?<!\\)[<>`*_&]|www\.|(?<!\\)\[x/);
    expect(card).not.toContain("\u202e");
    for (const row of prose.matchAll(/^\| \d.*$/gm)) expect(row[0].match(/(?<!\\)\|/g)?.length).toBe(6);
    expect(card.match(/^```/gm)?.length).toBe(6);
  });
});

test("a config keeps its floats floats, which JavaScript's numbers cannot tell from integers", () => {
  const source =
    '{"initializer_factor": 1.0, "hidden_size": 48, "vision_config": {"attention_dropout": 0.0, "layer_norm_eps": 1e-05, "scale": 1e3}}';
  const text = stringifyLike({ ...(JSON.parse(source) as object), num_labels: 5 }, source);
  expect(text).toContain('"initializer_factor": 1.0,');
  expect(text).toContain('"attention_dropout": 0.0,');
  expect(text).toContain('"scale": 1000.0\n');
  expect(text).toContain('"hidden_size": 48,');
  expect(text).toContain('"num_labels": 5\n');
  expect(JSON.parse(text)).toEqual({ ...(JSON.parse(source) as object), num_labels: 5 });
});

test("a scalar that the base keeps as [1] can be changed", () => {
  const base = writeSafetensors(new Map([["logit_scale", { shape: [1], data: Float32Array.of(2) }]]));
  const checkpoint = openCheckpoint(new TextEncoder().encode("{}"), base);
  const changed = new Map([["logit_scale", { shape: [], data: Float32Array.of(3) }]]);
  const written = readSafetensors(writeCheckpoint(checkpoint, { changed, added: new Map(), removed: [] })).tensors.get("logit_scale")!;
  expect([written.shape, toFloat32(written)]).toEqual([[1], Float32Array.of(3)]);
});
