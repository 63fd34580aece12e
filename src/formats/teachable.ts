/** Which class the images of a Teachable Machine project (.tm) belong to. Pure. */

/** Keys under which a class, or a list of its samples, may be named in the manifest. */
const NAME = ["name", "label", "className", "title"];

/**
 * The project is a zip of samples and a manifest.json, whose inside is not documented and has changed over the years: what it says about
 * paths is believed, then the folders (by name, or by number where the manifest lists the classes), then the names of the files
 * ("Class 1-!-0.jpg", "Class 1_12.png").
 * @param manifest what was parsed; anything
 * @param paths of the images in the zip
 * @returns classes by path
 */
export function projectClasses(manifest: unknown, paths: readonly string[]): Map<string, string> {
  const classes = new Map<string, string>();
  const names: string[] = [];
  walk(manifest, new Set(paths), classes, names, 0);
  for (const path of paths) {
    if (classes.has(path)) continue;
    const folders = path.split("/").slice(0, -1);
    const folder = folders.findLast((name) => !/^(samples?|images?)$/i.test(name));
    const listed = folder !== undefined && /^\d+$/.test(folder) ? names[Number(folder)] : undefined;
    const className = listed ?? folder ?? fileClass(path, names);
    if (className !== undefined && className !== "") classes.set(path, className);
  }
  return classes;
}

function fileClass(path: string, names: readonly string[]): string | undefined {
  const base = path.slice(path.lastIndexOf("/") + 1);
  const named = names.filter((name) => base.startsWith(name)).sort((a, b) => b.length - a.length)[0];
  return named ?? (base.includes("-!-") ? base.slice(0, base.indexOf("-!-")) : /^(.+?)[-_ ]+\d+\.\w+$/.exec(base)?.[1]);
}

/** Objects that have a name, and below them strings that are paths of images. */
function walk(value: unknown, paths: ReadonlySet<string>, classes: Map<string, string>, names: string[], depth: number): void {
  if (typeof value !== "object" || value === null || depth > 8) return;
  const entries = Object.entries(value);
  const key = NAME.find((name) => entries.some(([k, v]) => k === name && typeof v === "string"));
  const name = entries.find(([k]) => k === key)?.[1] as unknown;
  if (typeof name === "string" && !paths.has(name)) {
    const before = classes.size;
    collect(value, name, paths, classes, 0);
    if (classes.size > before || entries.length > 1) names.push(name);
  }
  for (const [k, child] of entries) {
    if (/^(classes|classNames|labels)$/.test(k) && Array.isArray(child)) names.push(...child.filter((item) => typeof item === "string"));
    walk(child, paths, classes, names, depth + 1);
  }
}

function collect(value: unknown, name: string, paths: ReadonlySet<string>, classes: Map<string, string>, depth: number): void {
  if (typeof value === "string") {
    if (paths.has(value) && !classes.has(value)) classes.set(value, name);
  } else if (typeof value === "object" && value !== null && depth < 8) {
    for (const child of Object.values(value)) collect(child, name, paths, classes, depth + 1);
  }
}
