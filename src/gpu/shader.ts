/** Reads the contract out of a `.wgsl` file: bindings, uniform fields, entry points. The file is the single truth. */

export type Access = "read" | "read_write";
export type Scalar = "u32" | "i32" | "f32";

export interface Binding {
  readonly index: number;
  readonly access: Access;
  /** As written, such as "array<vec4f>". */
  readonly type: string;
}

export interface Shader {
  readonly name: string;
  /** Valid WGSL, with its `//! use` lines resolved. */
  readonly code: string;
  readonly bindings: ReadonlyMap<string, Binding>;
  readonly params: readonly { readonly name: string; readonly type: Scalar }[];
  readonly entryPoints: ReadonlySet<string>;
  readonly overrides: ReadonlySet<string>;
  readonly knobs: ReadonlySet<string>;
}

const BINDING = /@group\(0\) @binding\((\d+)\) var<storage, (read|read_write)> (\w+)\s*: ([^;]+);/g;
const USE = /^\/\/! use (\w+)$/gm;
const KNOB = /^const (\w+)(?:: \w+)? = (\w+); \/\/ knob$/gm;

const files: Record<string, string> = import.meta.glob("/shaders/**/*.wgsl", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** The parsed file `shaders/<name>.wgsl`. Throws when there is none. */
export function shader(name: string): Shader {
  const known = parsed.get(name);
  if (known) return known;
  const source = files[`/shaders/${name}.wgsl`];
  if (source === undefined) throw new Error(`There is no shaders/${name}.wgsl`);
  const result = parseShader(name, source, (library) => {
    const text = files[`/shaders/lib/${library}.wgsl`];
    if (text === undefined) throw new Error(`shaders/${name}.wgsl uses "${library}", but there is no shaders/lib/${library}.wgsl`);
    return text;
  });
  parsed.set(name, result);
  return result;
}
const parsed = new Map<string, Shader>();

function parseShader(name: string, source: string, library: (name: string) => string): Shader {
  const parts = [...source.matchAll(USE)].map(([, used]) => library(used as string));
  const code = [source, ...parts].join("\n");
  const bindings = new Map<string, Binding>();
  for (const [, index, access, buffer, type] of code.matchAll(BINDING)) {
    bindings.set(buffer as string, { index: Number(index), access: access as Access, type: type as string });
  }
  const body = /struct Params \{([^}]*)\}/.exec(code)?.[1] ?? "";
  const fields = [...body.replace(/\/\/.*$/gm, "").matchAll(/(\w+): (u32|i32|f32)/g)];
  return {
    name,
    code,
    bindings,
    params: fields.map(([, field, type]) => ({ name: field as string, type: type as Scalar })),
    entryPoints: new Set([...code.matchAll(/@compute @workgroup_size\([^)]*\)\s*fn (\w+)/g)].map((m) => m[1] as string)),
    overrides: new Set([...code.matchAll(/^override (\w+)/gm)].map((m) => m[1] as string)),
    knobs: new Set([...code.matchAll(KNOB)].map((m) => m[1] as string)),
  };
}

/** The file's code with its `// knob` constants set: the one text substitution there is. Throws on an unknown knob. */
export function setKnobs({ name, code, knobs }: Shader, values: Readonly<Record<string, number>>): string {
  for (const knob of Object.keys(values)) if (!knobs.has(knob)) throw new Error(`${name}.wgsl has no knob "${knob}"`);
  return code.replace(KNOB, (line, knob: string, old: string) => {
    const value = values[knob];
    return value === undefined ? line : line.replace(`= ${old};`, `= ${value}${old.endsWith("u") ? "u" : ""};`);
  });
}

/** Packs named values into the bytes of the file's `Params` block (4-byte scalars, padded to 16). */
export function packParams({ name, params }: Shader, values: Readonly<Record<string, number>>): ArrayBuffer {
  const wanted = params.map((field) => field.name);
  const given = Object.keys(values);
  if (given.length !== wanted.length || wanted.some((field) => values[field] === undefined)) {
    throw new Error(`${name}.wgsl: Params are {${wanted.join(", ")}}, got {${given.join(", ")}}`);
  }
  const bytes = new ArrayBuffer(Math.max(16, Math.ceil(params.length / 4) * 16));
  const view = new DataView(bytes);
  params.forEach(({ name: field, type }, i) => {
    const value = values[field] as number;
    if (type === "f32") view.setFloat32(4 * i, value, true);
    else if (type === "i32") view.setInt32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  return bytes;
}
