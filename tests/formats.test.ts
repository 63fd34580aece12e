import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../src/formats/checkpoint.ts";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { isLora, type RandloraFolder, readPeft, writePeft } from "../src/formats/peft.ts";
import { type Entry, readSafetensors, toFloat32, writeSafetensors } from "../src/formats/safetensors.ts";
import { matchesTarget } from "../src/formats/target.ts";
import { randloraBases, uniform } from "../src/tensor/random.ts";

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

describe("checkpoint", () => {
  const weights = writeSafetensors(new Map([["visual_projection.weight", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }]]));
  const open = () => openCheckpoint(utf8('{"model_type":"clip"}'), weights);

  test("looks tensors up by name and shape", () => {
    expect(open().config.model_type).toBe("clip");
    expect(open().names).toEqual(["visual_projection.weight"]);
    expect([...open().tensor("visual_projection.weight", [2, 3])]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("says what is missing and what does not fit", () => {
    expect(() => open().tensor("text_projection.weight", [2, 3])).toThrow('no tensor "text_projection.weight"');
    expect(() => open().tensor("visual_projection.weight", [3, 2])).toThrow("[2,3] in the checkpoint; the model needs [3,2]");
    expect(fault(() => open().tensor("visual_projection.weight", [6]))).toBe("shape");
    expect(fault(() => openCheckpoint(utf8("[]"), weights))).toBe("json");
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
  ])("%j: %s", (target, expected) => expect(matchesTarget(path, target)).toBe(expected));

  test.each(["all-linear", "(?P<layer>.*)", "(?i)Q_PROJ", ".*q_proj\\Z", "(", "[]a]+", "q{,3}"])("%s is refused by name", (target) => {
    expect(() => matchesTarget(path, target)).toThrow(UnsupportedError);
  });
});

describe("PEFT folders", () => {
  const files = (method: string): Map<string, Uint8Array> =>
    new Map(["adapter_config.json", "adapter_model.safetensors"].map((name) => [name, fixture(`./fixtures/peft/${method}/${name}`)]));
  /** The folder with some fields of its config changed. */
  const configured = (method: string, fields: object): Map<string, Uint8Array> => {
    const changed = files(method);
    const config = JSON.parse(new TextDecoder().decode(changed.get("adapter_config.json"))) as object;
    return changed.set("adapter_config.json", utf8(JSON.stringify({ ...config, ...fields })));
  };
  /** The tensors of a folder, float32, for putting together folders as other versions write them. */
  const tensorsOf = (folder: ReadonlyMap<string, Uint8Array>) =>
    new Map(
      Array.from(readSafetensors(folder.get("adapter_model.safetensors")!).tensors, ([name, found]) => [
        name,
        { shape: found.shape, data: toFloat32(found) },
      ]),
    );
  const bases = (seed = 0) => {
    const { A, B } = randloraBases({ r: 5, MN: 96, MX: 96, seed, variant: "dense" });
    return { A: { shape: [5, 1, 96], data: A }, B: { shape: [96, 20, 5], data: B } };
  };
  const FC1 = "vision_model.encoder.layers.0.mlp.fc1";

  test("a LoRA folder that PEFT 0.21 saved is read", () => {
    const folder = readPeft(files("lora"));
    if (!isLora(folder)) expect.unreachable();
    expect(folder.config).toMatchObject({ method: "LORA", r: 4, alpha: 8, useRslora: false, useDora: false, baseModel: null });
    expect(folder.modules.size).toBe(12);
    expect(folder.modules.get(FC1)?.A.shape).toEqual([4, 48]);
    expect([...folder.modules.get(FC1)!.A.data.subarray(0, 3)]).toEqual([-0.06507860124111176, 0.08277073502540588, 0.1091870665550232]);
    expect(folder.modules.get(FC1)?.B.shape).toEqual([96, 4]);
    expect([...folder.modules.keys()].every((path) => matchesTarget(path, folder.config.targetModules))).toBe(true);
    expect(folder.saved.size).toBe(0);
  });

  test("a RandLoRA folder without bases that PEFT 0.21 saved is read", () => {
    const folder = readPeft(files("randlora-noproj"));
    if (isLora(folder)) expect.unreachable();
    expect(folder.config).toMatchObject({
      method: "RANDLORA",
      r: 5,
      alpha: 100,
      projectionPrngKey: 1,
      saveProjection: false,
      variant: "dense",
    });
    expect(folder.modules.size).toBe(12);
    expect(folder.modules.get(FC1)?.lambda.shape).toEqual([5, 10]);
    expect(folder.modules.get(FC1)?.gamma.shape).toEqual([10, 48]);
    expect(folder.modules.get(FC1)?.gamma.data[0]).toBeCloseTo(1 / 48, 8);
    expect(folder.bases).toBeUndefined();
  });

  test("bases are found at model level, in every module, or in both", () => {
    const trained = tensorsOf(files("randlora-noproj"));
    const paths = [...readPeft(files("randlora-noproj")).modules.keys()];
    const pair = bases();
    const model = new Map([
      ["base_model.randlora_A", pair.A],
      ["base_model.randlora_B", pair.B],
    ]);
    const copies = new Map(
      paths.flatMap(
        (path) =>
          [
            [`base_model.model.${path}.randlora_A`, pair.A],
            [`base_model.model.${path}.randlora_B`, pair.B],
          ] as const,
      ),
    );
    const folder = (...parts: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>[]) =>
      configured("randlora-noproj", { save_projection: true }).set(
        "adapter_model.safetensors",
        writeSafetensors(new Map(parts.flatMap((part) => [...part]))),
      );
    for (const found of [folder(trained, model), folder(trained, copies), folder(trained, model, copies)]) {
      expect((readPeft(found) as RandloraFolder).bases).toEqual(pair);
    }
    expect(fault(() => readPeft(folder(trained)))).toBe("missing");
    copies.set(`base_model.model.${FC1}.randlora_B`, bases(1).B);
    expect(fault(() => readPeft(folder(trained, model, copies)))).toBe("config");
  });

  test("what is written is read again, bases once and the saved head included", () => {
    const lora = {
      ...readPeft(files("lora")),
      saved: new Map([
        ["classifier.weight", { shape: [2, 48], data: new Float32Array(96).fill(0.5) }],
        ["classifier.bias", { shape: [2], data: Float32Array.of(1, 2) }],
      ]),
    };
    const unsaved = readPeft(files("randlora-noproj"));
    if (isLora(unsaved)) expect.unreachable();
    const randlora: RandloraFolder = {
      ...unsaved,
      config: { ...unsaved.config, saveProjection: true, baseModel: "fullrank/clip-tiny" },
      bases: bases(),
    };
    for (const folder of [lora, unsaved, randlora]) {
      const written = writePeft(folder);
      const again = readPeft(written);
      // Maps compare without regard to order.
      expect(again).toEqual(folder);
      const config = JSON.parse(new TextDecoder().decode(written.get("adapter_config.json"))) as Record<string, unknown>;
      expect(config.modules_to_save).toEqual(folder === lora ? ["classifier"] : null);
      expect(config.inference_mode).toBe(true);
    }
    const keys = [...tensorsOf(writePeft(randlora)).keys()];
    expect(keys.filter((key) => /randlora_[AB]$/.test(key))).toEqual(["base_model.randlora_A", "base_model.randlora_B"]);
    expect(keys.length).toBe(2 + 2 * 12);
  });

  test("the writer refuses what the reader would", () => {
    const folder = readPeft(files("randlora-noproj")) as RandloraFolder;
    expect(fault(() => writePeft({ ...folder, config: { ...folder.config, saveProjection: true } }))).toBe("missing");
    expect(fault(() => writePeft({ ...folder, config: { ...folder.config, r: 6 } }))).toBe("shape");
    expect(fault(() => writePeft({ ...folder, modules: new Map() }))).toBe("missing");
  });

  test.each<[string, object, string]>([
    ["lora", { peft_type: 3 }, "config"],
    ["lora", { r: 0 }, "config"],
    ["lora", { r: 2.5 }, "config"],
    ["lora", { r: 8 }, "shape"],
    ["lora", { lora_alpha: "8" }, "config"],
    ["lora", { target_modules: null }, "config"],
    ["lora", { use_rslora: "yes" }, "config"],
    ["lora", { use_dora: true }, "missing"],
    ["lora", { modules_to_save: ["classifier"] }, "missing"],
    ["randlora-noproj", { save_projection: true }, "missing"],
    ["randlora-noproj", { projection_prng_key: -1 }, "config"],
    ["randlora-noproj", { r: 6 }, "shape"],
  ])("%s with %j is refused (%s)", (method, fields, expected) => expect(fault(() => readPeft(configured(method, fields)))).toBe(expected));

  test.each<[string, object, string]>([
    ["lora", { peft_type: "VERA" }, "VERA"],
    ["lora", { bias: "all" }, "bias"],
    ["lora", { fan_in_fan_out: true }, "fan_in_fan_out"],
    ["lora", { rank_pattern: { fc1: 8 } }, "rank_pattern"],
    ["lora", { init_lora_weights: "pissa" }, "init_lora_weights"],
    ["lora", { layers_to_transform: [0] }, "layers_to_transform"],
    ["lora", { target_parameters: ["x"] }, "target_parameters"],
    ["randlora-noproj", { bias: "randlora_only" }, "bias"],
    ["randlora-noproj", { use_dora: true }, "use_dora"],
  ])("%s with %j is named as unsupported", (method, fields, feature) => {
    expect(() => readPeft(configured(method, fields))).toThrow(UnsupportedError);
    expect(() => readPeft(configured(method, fields))).toThrow(feature);
  });

  test("very_sparse wins over sparse, absent fields take PEFT's defaults, unknown ones are ignored", () => {
    expect(readPeft(configured("randlora-noproj", { sparse: true, very_sparse: true })).config).toMatchObject({ variant: "very-sparse" });
    expect(
      readPeft(configured("randlora-noproj", { randlora_alpha: undefined, projection_prng_key: undefined, field_of_the_future: [1] }))
        .config,
    ).toMatchObject({ alpha: 640, projectionPrngKey: 0 });
  });

  test("tensors that belong nowhere, and missing files, are refused", () => {
    const withTensor = (name: string): Map<string, Uint8Array> =>
      files("lora").set(
        "adapter_model.safetensors",
        writeSafetensors(tensorsOf(files("lora")).set(name, { shape: [1], data: Float32Array.of(1) })),
      );
    expect(fault(() => readPeft(withTensor("base_model.model.classifier.weight")))).toBe("key");
    expect(fault(() => readPeft(withTensor("classifier.weight")))).toBe("key");
    expect(fault(() => readPeft(withTensor(`base_model.model.${FC1}.lora_magnitude_vector`)))).toBe("config");
    expect(fault(() => readPeft(new Map()))).toBe("missing");
  });
});
