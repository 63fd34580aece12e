/**
 * Files that someone has damaged, by accident or with care. Each opens to what its bytes say, or is refused by an error that names what
 * is wrong; none makes us wait, or allocate more than it is long and the model large.
 */
import { getHeapStatistics } from "node:v8";
import { describe, expect, test } from "vitest";
import type { AnyAdapter } from "../src/adapters/adapter.ts";
import { openCheckpoint, type WeightFiles } from "../src/formats/checkpoint.ts";
import { adapterConfig } from "../src/formats/config.ts";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { writePeft } from "../src/formats/peft.ts";
import { type Entry, type FloatTensor, writeSafetensors } from "../src/formats/safetensors.ts";
import type { Model, ModelDef, Site } from "../src/models/model.ts";
import { normal, uniform } from "../src/tensor/random.ts";
import { numel, tensor } from "../src/tensor/tensor.ts";
import { adopt } from "../src/train/adopt.ts";
import { adapters, completeSettings } from "../src/train/catalog.ts";

type Files = ReadonlyMap<string, Uint8Array>;
/** A whole number from 0 up to, not including, `below`. */
type Draw = (below: number) => number;

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const drawing = (round: number): Draw => {
  let index = 0;
  return (below) => Math.floor(uniform(41, round, index++) * below);
};
const pick = <T>(draw: Draw, of: readonly T[]): T => of[draw(of.length)] as T;

// ——— what is opened ———

interface Numbers {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}
interface Subject {
  readonly title: string;
  readonly files: Files;
  /** How many numbers the model asks for. */
  readonly numbers: number;
  /** What a program gets, by where it must come from: [file, name of the tensor]. */
  open(files: Files): readonly (readonly [string, string, Numbers])[];
}

const MODEL: readonly (readonly [string, readonly number[], "F32" | "F16" | "BF16"])[] = [
  ["logit_scale", [], "F16"],
  ["vit.embeddings.cls_token", [1, 1, 6], "F32"],
  ["vit.encoder.layer.0.query.weight", [6, 5], "F16"],
  ["vit.encoder.layer.0.query.bias", [5], "F32"],
  ["vit.encoder.layer.1.query.weight", [6, 5], "BF16"],
  ["vit.layernorm.weight", [6], "F32"],
];
/** Numbers that each of the types holds exactly, none of them zero: a bit that flips then shows. */
function entry(shape: readonly number[], dtype: "F32" | "F16" | "BF16", stream: number): Entry {
  const values = Float32Array.from({ length: numel(shape) }, (_, i) => (1 + Math.floor(uniform(5, stream, i) * 64)) / 32);
  const bits = new Uint32Array(values.buffer);
  const half = (v: number): number =>
    v === 0 ? 0 : (Math.floor(Math.log2(v)) + 15) * 1024 + (v / 2 ** Math.floor(Math.log2(v)) - 1) * 1024;
  const data = dtype === "F32" ? values : Uint16Array.from(values, (v, i) => (dtype === "F16" ? half(v) : (bits[i] as number) >>> 16));
  return { dtype, shape, data: new Uint8Array(data.buffer) };
}
const entries = (of: typeof MODEL): Map<string, Entry | FloatTensor> =>
  new Map<string, Entry | FloatTensor>([
    ...of.map(([name, shape, dtype], i) => [name, entry(shape, dtype, i)] as const),
    ["vit.embeddings.position_ids", { dtype: "I64", shape: [2], data: new Uint8Array(16) }],
  ]);
const needed = MODEL.reduce((sum, [, shape]) => sum + numel(shape), 0);

const single: Subject = {
  title: "a checkpoint",
  files: new Map([["model.safetensors", writeSafetensors(entries(MODEL))]]),
  numbers: needed,
  open(files) {
    const checkpoint = openCheckpoint(utf8("{}"), files.get("model.safetensors") as Uint8Array, "vit.");
    return MODEL.map(([name, shape]) => ["model.safetensors", name, { shape, data: checkpoint.tensor(name, shape) }]);
  },
};

const [first, second] = [entries(MODEL.slice(0, 3)), entries(MODEL.slice(3))];
first.delete("vit.embeddings.position_ids");
const home = new Map([
  ...[...first.keys()].map((name) => [name, "1.safetensors"] as const),
  ...[...second.keys()].map((name) => [name, "2.safetensors"] as const),
]);
const INDEX = "model.safetensors.index.json";
const sharded: Subject = {
  title: "a checkpoint in shards",
  files: new Map([
    ["1.safetensors", writeSafetensors(first)],
    ["2.safetensors", writeSafetensors(second)],
    [INDEX, utf8(JSON.stringify({ metadata: { total_size: 1 }, weight_map: Object.fromEntries(home) }))],
  ]),
  numbers: needed,
  open(files) {
    const weights: WeightFiles = { index: files.get(INDEX) as Uint8Array, shards: files };
    const checkpoint = openCheckpoint(utf8("{}"), weights);
    return MODEL.map(([name, shape]) => [home.get(name) as string, name, { shape, data: checkpoint.tensor(name, shape) }]);
  },
};

const SITES: readonly Site[] = [
  ["q_proj", 6, 6],
  ["v_proj", 6, 6],
  ["fc1", 6, 9],
].flatMap(([target, inner, out]) =>
  [0, 1].map((block) => ({
    path: `vision_model.encoder.layers.${block}.${target}`,
    tower: "image" as const,
    in: inner as number,
    out: out as number,
    block,
    target: target as string,
    weight: tensor([out as number, inner as number]),
  })),
);
const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

/** A folder of any method that PEFT has, as old PEFT wrote it, with a head. */
function folder(method: string, def: AnyAdapter): Subject {
  const form = def.peft as NonNullable<AnyAdapter["peft"]>;
  const settings = completeSettings(def, {
    ...Object.fromEntries(Object.entries(def.fields).map(([name, f]) => [name, f.default])),
    rank: 4,
  });
  const noise = (shape: readonly number[], stream: number): FloatTensor => ({
    shape,
    data: Float32Array.from({ length: numel(shape) }, (_, i) => normal(6, stream, i)),
  });
  const saved = new Map([
    ["classifier.weight", noise([3, 6], 99)],
    ["classifier.bias", noise([3], 98)],
  ]);
  const trainable = SITES.map((site) => Object.entries(def.trainable(site, settings)));
  const shared = form.shared?.write(def.shared(SITES, settings, 3), settings, SITES) ?? new Map<string, FloatTensor>();
  const files = writePeft(
    {
      config: adapterConfig(
        form.type,
        { baseModel: null, targetModules: "vision_model\\.encoder\\.layers\\.\\d+\\.(q_proj|v_proj|fc1)", saved: ["classifier"] },
        form.write(settings, 3),
      ),
      modules: new Map(
        SITES.map(({ path }, s) => [
          path,
          new Map(trainable[s]?.map(([name, shape], i) => [form.parts[name] as string, noise(shape, 10 * s + i)])),
        ]),
      ),
      shared,
      saved,
    },
    { perModule: true },
  );
  const all = [...trainable.flat().map(([, shape]) => shape), ...[...shared.values(), ...saved.values()].map(({ shape }) => shape)];
  return {
    title: `a ${method} folder`,
    files,
    numbers: all.reduce((sum, shape) => sum + numel(shape), 0),
    open(given) {
      const opened = adopt(given, { sites: SITES, def: { title: "toy" } as ModelDef<unknown>, model: { image: { width: 6 } } as Model });
      const json = JSON.parse(text(given.get(CONFIG) as Uint8Array)) as Record<string, unknown>;
      if (typeof json.r === "number" && "rank" in opened.config.settings) expect(opened.config.settings.rank).toBe(json.r);
      if (typeof json.projection_prng_key === "number") expect(opened.seed).toBe(json.projection_prng_key);
      const { parts } = (adapters.get(opened.config.method) as AnyAdapter).peft as NonNullable<AnyAdapter["peft"]>;
      const found = opened.sites.flatMap((site) =>
        Object.entries(def.trainable(site, settings)).map(([name, shape]) => {
          const data = opened.given.trainable.get(`${site.path}.${name}`) as Float32Array;
          return [WEIGHTS, `base_model.model.${site.path}.${parts[name] as string}`, { shape, data }] as const;
        }),
      );
      return [...found, ...Array.from(opened.saved, ([name, value]) => [WEIGHTS, `base_model.model.${name}`, value] as const)];
    },
  };
}
const folders = [...adapters].filter(([, def]) => def.peft).map(([method, def]) => folder(method, def));
const subjects: readonly Subject[] = [single, sharded, ...folders];

// ——— what the bytes say, read plainly ———

const SIZES: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, U8: 1, BOOL: 1 };
interface Header {
  [name: string]: { dtype: string; shape: unknown; data_offsets: unknown };
}
function split(bytes: Uint8Array): { header: Header; body: Uint8Array } {
  const start = 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return { header: JSON.parse(text(bytes.subarray(8, start))) as Header, body: bytes.subarray(start) };
}
function join(header: object | string, body: Uint8Array): Uint8Array {
  const json = utf8(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}
function valueAt(view: DataView, dtype: string, at: number): number {
  if (dtype === "F64") return Math.fround(view.getFloat64(at, true));
  if (dtype === "F32") return view.getFloat32(at, true);
  const bits = view.getUint16(at, true);
  const [fraction, bias] = dtype === "F16" ? [10, 15] : [7, 127];
  const exponent = (bits & 0x7fff) >> fraction;
  const part = (bits & (2 ** fraction - 1)) / 2 ** fraction;
  const size =
    exponent === 0
      ? part * 2 ** (1 - bias)
      : exponent === 2 * bias + 1
        ? part
          ? Number.NaN
          : Infinity
        : (1 + part) * 2 ** (exponent - bias);
  return bits & 0x8000 ? -size : size;
}
/** Throws when the file has no such tensor. */
function plainly(bytes: Uint8Array, name: string): { shape: unknown; values: number[] } {
  const { header, body } = split(bytes);
  const { dtype, shape, data_offsets } = (header[name] ?? header[name.replace(/^vit\./, "")]) as Header[string];
  const [begin, end] = data_offsets as [number, number];
  const view = new DataView(body.buffer, body.byteOffset + begin, end - begin);
  const size = SIZES[dtype] as number;
  return { shape, values: Array.from({ length: (end - begin) / size }, (_, i) => valueAt(view, dtype, i * size)) };
}

// ——— measuring ———

const CONSTRUCTORS = [
  "ArrayBuffer",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
] as const;
/** Runs `action` and counts the bytes of every buffer that it makes, in constructors, `from`, `slice` or `map`; a view makes none. */
function counted<T>(action: () => T): { value?: T; error?: unknown; bytes: number } {
  let bytes = 0;
  const originals = CONSTRUCTORS.map((name) => globalThis[name] as unknown as { prototype: { constructor: unknown } });
  originals.forEach((original, i) => {
    const proxy: unknown = new Proxy(original as unknown as new (...given: unknown[]) => { byteLength: number }, {
      construct(target, given, self) {
        const made = Reflect.construct(target, given, self) as { byteLength: number };
        if (!(given[0] instanceof ArrayBuffer)) bytes += made.byteLength;
        return made;
      },
    });
    Object.assign(globalThis, { [CONSTRUCTORS[i] as string]: proxy });
    original.prototype.constructor = proxy;
  });
  try {
    return { value: action(), bytes };
  } catch (error) {
    return { error, bytes };
  } finally {
    originals.forEach((original, i) => {
      Object.assign(globalThis, { [CONSTRUCTORS[i] as string]: original });
      original.prototype.constructor = original;
    });
  }
}

// ——— damage to one file of tensors ———

/** What becomes of a file: its new bytes; which faults are right ("opens" where it may still be sound); and what an error must speak of. */
interface Damage {
  readonly bytes: Uint8Array;
  readonly may?: readonly string[];
  readonly about?: string;
}
type Damaging = (bytes: Uint8Array, draw: Draw) => Damage;

const flip = (bytes: Uint8Array, from: number, to: number, draw: Draw): Uint8Array => {
  const damaged = bytes.slice();
  for (let i = 0; i <= draw(4); i++) damaged[from + draw(to - from)]! ^= 1 << draw(8);
  return damaged;
};
const bodyOf = (bytes: Uint8Array): number => 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
/** What an error calls a tensor: its key, without what all keys of an adapter begin with; of copies, any. */
const short = (name: string): string => /(randlora|vera)_[AB]$/.exec(name)?.[0] ?? name.replace(/^base_model\.(model\.)?/, "");

/** Changes one field of one tensor's header to a value given as JSON, which may be of any kind. */
function withField(
  bytes: Uint8Array,
  draw: Draw,
  field: string,
  value: (old: Header[string]) => string,
): { bytes: Uint8Array; about: string } {
  const { header, body } = split(bytes);
  const name = pick(
    draw,
    Object.keys(header).filter((key) => key !== "__metadata__"),
  );
  const tensor = header[name] as Header[string];
  const json = JSON.stringify({ ...header, [name]: { ...tensor, [field]: "@here" } }).replace('"@here"', () => value(tensor));
  return { bytes: join(json, body), about: short(name) };
}
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

const NOT_COUNTS = ["-1", "0.5", "1e400", "-0.5", "null", '"4"', "true", "[]", "{}", "9007199254740993", "1e300"];
const DAMAGE: Readonly<Record<string, Damaging>> = {
  "cut off": (bytes, draw) => ({ bytes: bytes.slice(0, draw(bytes.length)), may: ["truncated", "header", "json", "offsets"] }),
  "more at the end": (bytes, draw) => ({ bytes: new Uint8Array([...bytes, ...new Uint8Array(1 + draw(99))]), may: ["offsets"] }),
  "bits of the header": (bytes, draw) => ({ bytes: flip(bytes, 0, bodyOf(bytes), draw) }),
  "bits of the data": (bytes, draw) => ({ bytes: flip(bytes, bodyOf(bytes), bytes.length, draw), may: ["opens", "value", "config"] }),
  "length of the header": (bytes, draw) => {
    const damaged = bytes.slice();
    const claim = pick(draw, [
      2n ** 63n,
      2n ** 32n,
      2n ** 53n,
      100_000_001n,
      100_000_000n,
      BigInt(bytes.length),
      BigInt(draw(bytes.length)),
    ]);
    new DataView(damaged.buffer).setBigUint64(0, claim, true);
    return { bytes: damaged, may: ["header", "json", "opens"] };
  },
  "noise for a file": (_, draw) => ({
    bytes: Uint8Array.from({ length: draw(200) }, () => draw(256)),
    may: ["truncated", "header", "json"],
  }),
  overlaps: (bytes, draw) => {
    const { header, body } = split(bytes);
    const names = Object.keys(header).filter((key) => key !== "__metadata__");
    const other = pick(draw, names);
    const [begin, end] = (header[other] as Header[string]).data_offsets as [number, number];
    // All bytes are still covered: a second tensor on another's place, or on a part of it.
    const size = 1 + draw(end - begin);
    const over = { dtype: "U8", shape: [size], data_offsets: [begin, begin + size] };
    return { bytes: join({ ...header, [`${other}.over`]: over }, body), may: ["offsets"], about: "overlaps" };
  },
  "offsets that moved": (bytes, draw) => {
    const by = (1 + draw(4)) * (draw(2) ? 1 : -1);
    const { bytes: damaged } = withField(bytes, draw, "data_offsets", ({ data_offsets }) => {
      const [begin, end] = data_offsets as [number, number];
      return JSON.stringify([begin + by, end + by]);
    });
    return { bytes: damaged, may: ["offsets"] };
  },
  gaps: (bytes, draw) => {
    const { header, body } = split(bytes);
    const at = (
      pick(
        draw,
        Object.values(header).filter((v) => v.data_offsets),
      ).data_offsets as [number, number]
    )[draw(2)] as number;
    const by = 1 + draw(16);
    const moved = Object.entries(header).map(([name, value]) => {
      const [begin, end] = (value.data_offsets ?? [0, 0]) as [number, number];
      return [name, value.data_offsets ? { ...value, data_offsets: begin >= at ? [begin + by, end + by] : [begin, end] } : value];
    });
    const wide = new Uint8Array(body.length + by);
    wide.set(body.subarray(0, at));
    wide.set(body.subarray(at), at + by);
    return { bytes: join(Object.fromEntries(moved) as object, wide), may: ["offsets"] };
  },
  "offsets of other kinds": (bytes, draw) => ({
    ...withField(bytes, draw, "data_offsets", () =>
      pick(draw, [
        "null",
        "[]",
        "[0]",
        "[0,4,8]",
        '"0,4"',
        "{}",
        `[${pick(draw, NOT_COUNTS)},4]`,
        `[0,${pick(draw, NOT_COUNTS)}]`,
        "[8,0]",
      ]),
    ),
    may: ["offsets", "size"],
  }),
  "another type": (bytes, draw) => {
    const dtype = pick(draw, [...Object.keys(SIZES), "F8_E4M3", "C64", "F33", "constructor", "", "f32"]);
    return { ...withField(bytes, draw, "dtype", () => JSON.stringify(dtype)), may: ["dtype", "size", "value", "config", "opens"] };
  },
  "another shape": (bytes, draw) => ({
    ...withField(bytes, draw, "shape", ({ shape }) => {
      const old = shape as number[];
      return JSON.stringify(
        pick(draw, [old.toReversed(), [...old, 1], [1, ...old], [numel(old), 1, 1], old.map((n) => n + 1), [...old, 0], [...old, 2], [0]]),
      );
    }),
    may: ["shape", "size", "config", "opens"],
  }),
  "shapes of other kinds": (bytes, draw) => {
    const value = pick(draw, [
      ...NOT_COUNTS.filter((v) => v !== "[]"),
      `[${pick(draw, NOT_COUNTS)}]`,
      "[9007199254740992]",
      "[9007199254740991,9007199254740991]",
    ]);
    return { ...withField(bytes, draw, "shape", () => value), may: ["shape", "size"] };
  },
  "not a number": (bytes, draw) => {
    const { header, body } = split(bytes);
    const [name, { dtype, data_offsets }] = pick(
      draw,
      Object.entries(header).filter(([, v]) => /^B?F\d+$/.test(v.dtype)),
    );
    const [begin, end] = data_offsets as [number, number];
    const size = SIZES[dtype] as number;
    const at = begin + size * draw((end - begin) / size);
    // Only the sign and the exponent, all ones, are set: NaN, or infinity where the fraction was zero. Or a whole tensor of NaN.
    const filled = body.slice();
    if (draw(2)) filled.fill(0xff, begin, end);
    else filled.set(size === 4 ? [body[at] as number, body[at + 1] as number, 0x80, 0x7f] : [0xff, 0xff], at);
    return { bytes: join(header, filled), may: ["value", "config"], about: short(name) };
  },
  "a key of another name": (bytes, draw) => {
    const { header, body } = split(bytes);
    const name = pick(
      draw,
      Object.keys(header).filter((key) => /[a-z]/.test(key) && key !== "__metadata__"),
    );
    const other = pick(draw, [
      `${name}x`,
      name.slice(1),
      name.toUpperCase(),
      "",
      "__proto__",
      "constructor",
      "toString",
      "\0",
      `${name}.${name}`,
      "x".repeat(5000),
    ]);
    const json = JSON.stringify(header).replace(`${JSON.stringify(name)}:`, () => `${JSON.stringify(other)}:`);
    return { bytes: join(json, body), may: ["missing", "key", "shape", "config", "opens"] };
  },
  "a key given twice": (bytes, draw) => {
    const { header, body } = split(bytes);
    const name = pick(draw, Object.keys(header));
    const spelt = draw(2) ? JSON.stringify(name) : `"\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${name.slice(1)}"`;
    const again = `${spelt}:${JSON.stringify(header[name])}`;
    return { bytes: join(`{${again},${JSON.stringify(header).slice(1)}`, body), may: ["key"], about: name };
  },
  "tensors that changed places": (bytes, draw) => {
    const { header, body } = split(bytes);
    const names = Object.keys(header).filter((key) => key !== "__metadata__");
    const [a, b] = [pick(draw, names), pick(draw, names)];
    return { bytes: join({ ...header, [a]: header[b], [b]: header[a] }, body), may: ["opens", "shape", "dtype", "config", "missing"] };
  },
  "a tensor left out": (bytes, draw) => {
    const { header, body } = split(bytes);
    const name = pick(
      draw,
      Object.keys(header).filter((key) => key !== "__metadata__"),
    );
    const { [name]: _, ...rest } = header;
    return { bytes: join(rest, body), may: ["offsets"] };
  },
  "deep nesting": (bytes, draw) => ({
    ...withField(bytes, draw, pick(draw, ["shape", "data_offsets", "dtype", "extra"]), () => nested(65 + draw(50_000))),
    may: ["json"],
    about: "safetensors header",
  }),
  "metadata of other kinds": (bytes, draw) => {
    const { header, body } = split(bytes);
    const value = pick(draw, [1, "x", null, [], { a: 1 }, { a: { b: "c" } }, { a: null }]);
    return { bytes: join({ ...header, __metadata__: value }, body), may: ["json"], about: "__metadata__" };
  },
};

// ——— damage to JSON ———

const VALUES = [
  "0",
  "-1",
  "0.5",
  "1e9",
  "1e400",
  "-1e400",
  "NaN",
  '"8"',
  '""',
  "null",
  "true",
  "[]",
  "[8]",
  '["8"]',
  "{}",
  '{"__proto__":1}',
  '{"fc1":8}',
  '"__proto__"',
  '"constructor"',
  '"\\ud800"',
  `"${"x".repeat(5000)}"`,
  nested(64),
  nested(20_000),
];
const PATTERNS = [
  "(a+)+$",
  "(.*)*",
  "((.*)*)*x",
  "(_|_)*$",
  "([a-z_.]+)+!",
  "(.+)+\\\\d!",
  "(?=(.*)*!).*",
  ".*(?<!(.*)*)",
  "(?:.?){200}x",
  "(.{0,99}){99}",
  "x{1000000000}",
  "(){1000000000}",
  "(?:(?:x{99}){99}){99}",
  "(",
  "[",
  "(?P<a>",
  "(?P<a>.)(?P=a)",
  "\\\\1",
  "(?i).*",
  "*",
  "a**",
  "\\\\",
  "all-linear",
  "ALL-LINEAR",
  ".*",
  ".*q_proj",
  "(".repeat(999),
  "|".repeat(4000),
  "\\\\udead",
  "[z-a]",
  "$^",
  "\\ud83d",
];
const ALPHABET = "()[]{}*+?|.^$\\-,:=!<P0129aqvx_djsbwAZ";

/** Sets one field, or gives it twice, or damages the text itself. */
function damageJson(bytes: Uint8Array, field: typeof hostileField, draw: Draw): Damage {
  const old = JSON.parse(text(bytes)) as Record<string, unknown>;
  const kind = draw(12);
  if (kind === 0) return { bytes: bytes.slice(0, draw(bytes.length)), may: ["json", "opens"], about: ".json" };
  if (kind === 1) return { bytes: flip(bytes, 0, bytes.length, draw) };
  const [name, value, may] = field(draw, Object.keys(old));
  const rest = Object.entries(old).filter(([key]) => key !== name || kind === 2);
  const json = rest.map(([key, v]) => `${JSON.stringify(key)}:${JSON.stringify(v)}`);
  json.splice(draw(json.length), 0, `${JSON.stringify(name)}:${value}`);
  const twice = kind === 2 && name in old;
  return { bytes: utf8(`{${json.join()}}`), ...(twice ? { may: ["key", "json"], about: ".json" } : may && { may }) };
}

const EXTRA = [
  "rank_pattern",
  "alpha_pattern",
  "exclude_modules",
  "target_parameters",
  "layer_replication",
  "use_qalora",
  "modules_to_save",
  "__proto__",
  "constructor",
  "unheard_of",
  "lora_bias",
];
/** A field, its value as JSON, and which faults are right where that is known. */
function hostileField(draw: Draw, names: readonly string[]): readonly [string, string, (readonly string[])?] {
  if (draw(3) === 0) {
    const made = Array.from({ length: 1 + draw(60) }, () => pick(draw, [...ALPHABET])).join("");
    return ["target_modules", draw(2) ? JSON.stringify(made) : `"${pick(draw, PATTERNS)}"`];
  }
  const name = draw(4) === 0 ? pick(draw, EXTRA) : pick(draw, names);
  const values = [
    ...VALUES,
    '"LORA"',
    '"VERA"',
    '"RANDLORA"',
    '"HRA"',
    '"all"',
    '["q_proj"]',
    '["classifier"]',
    '[""]',
    '["q_proj","classifier"]',
  ];
  return [name, pick(draw, values)];
}
function hostileMap(draw: Draw): readonly [string, string, (readonly string[])?] {
  const [name, file] = pick(draw, [...home]);
  const { [name]: _, ...rest } = Object.fromEntries(home);
  const places = ["1.safetensors", "2.safetensors", "3.safetensors", "../1.safetensors", INDEX, "", "__proto__", "constructor"];
  const stray = pick(draw, [`${name}x`, "constructor", "toString", "", "vit.pooler.weight"]);
  const changed = (value: string): string => `{${JSON.stringify(name)}:${value},${JSON.stringify(rest).slice(1)}`;
  const kinds: readonly (readonly [string, string, (readonly string[])?])[] = [
    ["weight_map", JSON.stringify(rest), ["key"]],
    [
      "weight_map",
      changed(
        JSON.stringify(
          pick(
            draw,
            places.filter((place) => place !== file),
          ),
        ),
      ),
      ["key", "missing", "header", "truncated"],
    ],
    ["weight_map", JSON.stringify({ [stray]: "1.safetensors", ...rest, [name]: file }), ["missing"]],
    ["weight_map", changed(`"1.safetensors",${JSON.stringify(name)}:"2.safetensors"`), ["key"]],
    ["weight_map", changed(pick(draw, VALUES)), ["json", "missing", "key"]],
    ["weight_map", pick(draw, VALUES), ["json", "missing", "key"]],
    ["metadata", pick(draw, VALUES), ["json", "key", "opens"]],
  ];
  return pick(draw, kinds);
}

// ——— the property ———

const ROUNDS = 60;
/** A pattern's states while it is matched. */
const SPARE = 65_536;
const HEAP = 16 * 2 ** 20;

/** Opens a damaged folder. Throws for any outcome that the property forbids; returns the fault, "unsupported" or "opens". */
function judge(subject: Subject, name: string, { bytes, may, about }: Damage): string {
  const files = new Map(subject.files).set(name, bytes);
  const before = getHeapStatistics().used_heap_size;
  const { value, error, bytes: allocated } = counted(() => subject.open(files));
  const heap = getHeapStatistics().used_heap_size - before;
  const size = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  expect(allocated, "bytes in buffers").toBeLessThanOrEqual(size + 4 * subject.numbers + SPARE);
  expect(heap, "bytes of objects").toBeLessThan(HEAP);
  if (value) {
    for (const [file, tensor, { shape, data }] of value) {
      const said = plainly(files.get(file) as Uint8Array, tensor);
      if (said.values.length !== data.length || said.values.some((v, i) => !Object.is(v, data[i])))
        throw new Error(`${tensor} opened as ${Array.from(data).slice(0, 4)} …, the file says ${said.values.slice(0, 4)} …`);
      if (String(said.shape) !== String(shape) && !(shape.length === 0 && String(said.shape) === "1"))
        throw new Error(`${tensor} opened with the shape [${shape}], the file says [${String(said.shape)}]`);
    }
  } else if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
  const outcome = error instanceof FormatError ? error.fault : error instanceof UnsupportedError ? "unsupported" : "opens";
  const message = error instanceof Error ? error.message : "";
  if (may && !may.includes(outcome)) throw new Error(`${outcome} where ${may.join(" or ")} is right: ${message}`);
  if (error && about !== undefined && !message.includes(about)) throw new Error(`"${message}" does not name ${about}`);
  // Every message names a tensor, a field or a file.
  if (error && !/"|safetensors|\.json|\w_\w|\w+ = /.test(message)) throw new Error(`"${message}" names nothing`);
  return outcome;
}

const seen = new Map<string, number>();
function damageAll(subject: Subject, name: string, rounds: number, salt: string, damage: Damaging): void {
  for (let round = 0; round < rounds; round++) {
    const draw = drawing([...subject.title, ...name, ...salt].reduce((h, c) => (Math.imul(h, 31) + c.charCodeAt(0)) | 0, round));
    const made = damage(subject.files.get(name) as Uint8Array, draw);
    try {
      const outcome = judge(subject, name, made);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    } catch (cause) {
      throw new Error(`${salt}, round ${round}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}

test("buffers are counted, views are not", () => {
  const { bytes, value } = counted(() => {
    const made = new Uint8Array(100);
    new Uint8Array(made.buffer, 8);
    made.subarray(4);
    Float32Array.from({ length: 25 });
    return [new Float32Array(made.slice(0, 40).buffer), new ArrayBuffer(1000)].length;
  });
  expect([bytes, value]).toEqual([100 + 100 + 40 + 1000, 2]);
  expect(new Uint8Array(3)).toBeInstanceOf(Uint8Array);
});

describe.each(subjects.map((subject) => [subject.title, subject] as const))("%s", (_, subject) => {
  test("is sound to begin with", () => {
    const [name, bytes] = [...subject.files][0] as [string, Uint8Array];
    expect(judge(subject, name, { bytes })).toBe("opens");
  });

  const weights = [...subject.files.keys()].filter((name) => name.endsWith(".safetensors"));
  test.each(Object.entries(DAMAGE))("%s", (salt, damage) => {
    for (const name of weights) damageAll(subject, name, ROUNDS / weights.length, salt, damage);
  });

  for (const name of subject.files.keys()) {
    if (!name.endsWith(".json")) continue;
    test(name, () => {
      damageAll(subject, name, 6 * ROUNDS, "fields", (bytes, draw) => damageJson(bytes, name === INDEX ? hostileMap : hostileField, draw));
    });
  }
});

test("all in all", () => {
  const total = [...seen.values()].reduce((sum, n) => sum + n, 0);
  console.log(
    `${total} damaged files: ${[...seen]
      .sort()
      .map(([outcome, n]) => `${outcome} ${n}`)
      .join(", ")}`,
  );
  expect(total).toBeGreaterThanOrEqual(5000);
  expect([...seen.keys()].sort()).toEqual([
    "config",
    "dtype",
    "header",
    "json",
    "key",
    "missing",
    "offsets",
    "opens",
    "shape",
    "size",
    "truncated",
    "unsupported",
    "value",
  ]);
  expect((seen.get("opens") as number) / total).toBeLessThan(0.2);
});
