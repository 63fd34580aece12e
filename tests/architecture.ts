/** The rules of the house, as functions from file texts to complaints. `architecture.test.ts` applies them, and shows that each can fail. */
import { posix } from "node:path";

/** Path from the project's root, with "/" → text. */
export type Files = ReadonlyMap<string, string>;
type Rule = (files: Files) => string[];

const ENGINE = ["gpu", "tensor", "ops", "formats", "data", "models", "adapters", "analysis", "train", "lab"];
const PAGE = ["store", "ui"];

/** What a folder of src/ may import besides itself. Types may come from any layer below; the page touches no GPU buffer. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  gpu: ["shaders"],
  tensor: ["gpu"],
  ops: ["tensor", "gpu"],
  formats: [],
  data: ["formats"],
  models: ["ops", "tensor", "gpu", "formats"],
  adapters: ["ops", "tensor", "gpu", "formats"],
  analysis: ["ops", "tensor", "gpu"],
  train: ["models", "adapters", "data", "formats", "analysis", "ops", "tensor", "gpu"],
  lab: ["train", "models", "adapters", "data", "formats", "analysis", "ops", "tensor", "gpu"],
  store: ["train", "models", "adapters", "data", "formats", "analysis"],
  ui: ["store", "train", "models", "adapters", "data", "formats", "analysis"],
};
const BELOW_PAGE = new Set(["gpu", "tensor", "ops"]);
/** What the page fetches when the lab is opened, and not before. */
const LAB_PAGE = /^src\/(store\/lab\.ts$|ui\/lab\/)/;
const PAGE_PACKAGES = /^(react|react-dom|zustand|recharts|radix-ui)(\/|$)/;

export const limits = { ts: 300, wgsl: 200, architecture: 150, buffers: 8 };

const lineCount = (text: string): number => text.replace(/\n$/, "").split("\n").length;
const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
const ending = (files: Files, pattern: RegExp): [string, string][] => [...files].filter(([path]) => pattern.test(path));

export interface Import {
  readonly from: string;
  readonly type: boolean;
}

/** Everything a TypeScript file names as a source: imports, exports, dynamic imports, workers, globs (without the excluded ones). */
export function importsOf(text: string): Import[] {
  const plain = code(text);
  const found: Import[] = [];
  for (const [, kind, names, from] of plain.matchAll(/\b(import|export)\s+([^;'"()]*?)\bfrom\s*["']([^"']+)["']/g)) {
    const list = /^\{([^}]*)\}\s*$/.exec(names as string)?.[1];
    const allTypes = list?.split(",").every((name) => !name.trim() || name.trim().startsWith("type ")) ?? false;
    found.push({ from: from as string, type: (names as string).startsWith("type ") || (kind === "import" && allTypes) });
  }
  for (const pattern of [
    /\bimport\s*["']([^"']+)["']/g,
    /\bimport\(\s*["']([^"']+)["']/g,
    /new URL\(\s*["']([^"']+)["'],\s*import\.meta\.url/g,
  ]) {
    for (const [, from] of plain.matchAll(pattern)) found.push({ from: from as string, type: false });
  }
  for (const [, patterns] of text.matchAll(/import\.meta\.glob(?:<[^(]*>)?\(\s*(\[[^\]]*\]|["'][^"']+["'])/g)) {
    for (const [, from] of (patterns as string).matchAll(/["']([^"'!][^"']*)["']/g)) found.push({ from: from as string, type: false });
  }
  return found;
}

const resolved = (path: string, from: string): string =>
  from.startsWith("/") ? from.slice(1) : posix.join(posix.dirname(path), from.replace(/\?.*$/, ""));
const folderOf = (path: string): string => (/^src\/(\w+)\//.exec(path)?.[1] ?? (path.startsWith("shaders/") ? "shaders" : "")) as string;

/** ui → store → lab → train → {models, adapters, data, formats, analysis} → ops → tensor → gpu → shaders. */
export const importsPointDown: Rule = (files) =>
  ending(files, /^src\/\w+\/.*\.tsx?$/).flatMap(([path, text]) => {
    const folder = folderOf(path);
    const allowed = MAY_IMPORT[folder];
    if (!allowed) return [`${path}: src/${folder} is not a room of this house; see ARCHITECTURE.md`];
    return importsOf(text).flatMap(({ from, type }) => {
      if (!/^[./]/.test(from)) return ENGINE.includes(folder) && PAGE_PACKAGES.test(from) ? [`${path}: the engine imports "${from}"`] : [];
      const target = folderOf(resolved(path, from));
      const touchesEngine = BELOW_PAGE.has(target) && PAGE.includes(folder);
      const opensLab = target === "lab" && LAB_PAGE.test(path);
      const fine = target === folder || allowed.includes(target) || (touchesEngine && type) || opensLab;
      return fine ? [] : [`${path}: ${folder} may not import ${target || from} (${from})`];
    });
  });

/** Everything below the store runs in Node and in a worker. */
export const engineHasNoPage: Rule = (files) =>
  ending(files, /^src\/.*\.ts$/)
    .filter(([path]) => ENGINE.includes(folderOf(path)))
    .flatMap(([path, text]) =>
      [...code(text).matchAll(/(?<![.\w])(window|document|localStorage)\s*[.[?]/g)].map(([, name]) => `${path}: the engine uses ${name}`),
    );

/** Definitions that exist to check the real thing stay out of the app, except for the lab, which checks it on other people's devices. */
export const oraclesStayInTests: Rule = (files) =>
  ending(files, /^src\/.*\.tsx?$/)
    .filter(([path]) => !path.startsWith("src/lab/") && !path.endsWith(".ref.ts"))
    .flatMap(([path, text]) =>
      importsOf(text)
        .filter(({ from }) => from.includes(".ref"))
        .map(({ from }) => `${path}: imports the oracle ${from}`),
    );

export const filesAreShort: Rule = (files) =>
  [...files].flatMap(([path, text]) => {
    const limit = /^src\/.*\.tsx?$/.test(path)
      ? limits.ts
      : /^shaders\/.*\.wgsl$/.test(path)
        ? limits.wgsl
        : path === "ARCHITECTURE.md"
          ? limits.architecture
          : Infinity;
    const lines = lineCount(text);
    return lines > limit ? [`${path}: ${lines} lines, the limit is ${limit}`] : [];
  });

const BANNED_FILE = /(^|\/)(utils?|helpers?|common|misc|manager|base|factory|services?|shared)(\/|\.|$)/i;
const BANNED_WORD = /(?<![a-z])(utils?|helpers?|manager|factory|misc)(?![a-z])|[a-z](Utils?|Helpers?|Manager|Factory)(?![a-z])/g;

/** Things are called by what they are. */
export const namesSaySomething: Rule = (files) =>
  ending(files, /^(src|shaders)\//).flatMap(([path, text]) => [
    ...(BANNED_FILE.test(path) ? [`${path}: the file's name says nothing`] : []),
    ...(/\/[a-z0-9_]+(\.ref)?\.(ts|wgsl|css)$|\/[A-Z]?[A-Za-z0-9]+\.tsx$/.test(path)
      ? []
      : [`${path}: a file is one lower-case word, a component one capitalised one`]),
    ...[...text.matchAll(BANNED_WORD)].map(([word]) => `${path}: says "${word}"`),
  ]);

/** What the loader reads out of a shader must be there in the form it reads. */
export const shadersKeepTheContract: Rule = (files) =>
  ending(files, /^shaders\/.*\.wgsl$/).flatMap(([path, text]) =>
    text.split("\n").flatMap((line, i) => {
      const at = `${path}:${i + 1}`;
      const complaints: string[] = [];
      if (line.includes("${")) complaints.push(`${at}: a shader is not interpolated`);
      if (/var<(storage|uniform)/.test(line) && !line.trim().startsWith("//")) {
        const buffer = /^@group\(0\) @binding\((\d+)\) var<(?:storage, (?:read|read_write)|uniform)> (\w+)\s*: (.+)$/.exec(line);
        if (!buffer) complaints.push(`${at}: not of the form "@group(0) @binding(1) var<storage, read> x: array<f32>;  // (rows, cols)"`);
        else if (line.includes("var<uniform>") !== (buffer[1] === "0"))
          complaints.push(`${at}: binding 0 is "var<uniform> p: Params", and nothing else is`);
        else if (line.includes("var<storage") && !/; +\/\/ .*\([^)]+\)/.test(line))
          complaints.push(`${at}: "${buffer[2]}" has no shape comment`);
      }
      return complaints;
    }),
  );

/** WebGPU promises eight storage buffers to a kernel, and no more. Counts what each entry point can reach. */
export const kernelsBindFewBuffers: Rule = (files) =>
  ending(files, /^shaders\/[^/]+\.wgsl$/).flatMap(([path, text]) => {
    const libraries = [...text.matchAll(/^\/\/! use (\w+)$/gm)].map(([, name]) => files.get(`shaders/lib/${name}.wgsl`) ?? "");
    const whole = code([text, ...libraries].join("\n"));
    const buffers = [...whole.matchAll(/var<storage[^>]*> (\w+)/g)].map(([, name]) => name as string);
    const bodies = new Map<string, Set<string>>();
    for (const [, name, body] of whole.matchAll(/\bfn (\w+)([\s\S]*?)(?=\bfn \w+|$(?![\s\S]))/g)) {
      bodies.set(name as string, new Set((body as string).match(/(?<![.\w])\w+/g)));
    }
    const reach = (name: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(name)) return seen;
      seen.add(name);
      for (const word of bodies.get(name) ?? []) {
        if (bodies.has(word)) reach(word, seen);
        else seen.add(word);
      }
      return seen;
    };
    return [...whole.matchAll(/@compute[^{]*?\bfn (\w+)/g)].flatMap(([, entry]) => {
      const words = reach(entry as string);
      const used = buffers.filter((name) => words.has(name));
      return used.length > limits.buffers ? [`${path}: ${entry} binds ${used.length} buffers, the limit is ${limits.buffers}`] : [];
    });
  });

export const opsHaveOracles: Rule = (files) =>
  ending(files, /^src\/ops\/\w+\.ts$/)
    .filter(([path]) => path !== "src/ops/op.ts" && !files.has(path.replace(/\.ts$/, ".ref.ts")))
    .map(([path]) => `${path}: has no oracle beside it`);

/** A suite that skips is green and says nothing. */
export const testsAlwaysRun: Rule = (files) =>
  ending(files, /^tests\/.*\.test\.ts$/).flatMap(([path, text]) =>
    [...code(text).matchAll(/\.(skip|only|todo|skipIf|runIf|fails)\b\s*[.(]/g)].map(([, call]) => `${path}: ${call}`),
  );

interface OracleCase {
  readonly name: string;
  readonly shapes: Readonly<Record<string, readonly number[] | undefined>>;
  readonly offset?: Readonly<Record<string, number | undefined>>;
}

/** The sizes at which kernels break: a single element or row, no multiple of a vector or a tile, numbers that cancel. */
export function missingCases(path: string, cases: readonly OracleCase[]): string[] {
  const dims = (c: OracleCase): (readonly number[])[] => Object.values(c.shapes).flatMap((shape) => (shape ? [shape] : []));
  const smallest = cases.some((c) => dims(c).every((shape) => shape.includes(1)));
  const odd = cases.some((c) => dims(c).some((shape) => shape.some((n) => n > 1 && n % 4 !== 0)));
  const illConditioned = cases.some((c) => Object.values(c.offset ?? {}).some((offset) => offset));
  return [
    ...(smallest ? [] : [`${path}: no case of size 1`]),
    ...(odd ? [] : [`${path}: no case with an odd size`]),
    ...(illConditioned ? [] : [`${path}: no ill-conditioned case, one with an offset`]),
  ];
}

export const rules = {
  importsPointDown,
  engineHasNoPage,
  oraclesStayInTests,
  filesAreShort,
  namesSaySomething,
  shadersKeepTheContract,
  kernelsBindFewBuffers,
  opsHaveOracles,
  testsAlwaysRun,
} satisfies Record<string, Rule>;
