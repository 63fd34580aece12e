/** `npm run bench -- NAME [ARGUMENT …]` runs tests/bench/NAME.ts. */
const programs = import.meta.glob<{ default: (args: string[]) => Promise<void> }>(["./*.ts", "!./bench.ts"]);

export default async function bench([name = "", ...args]: string[]): Promise<void> {
  const load = programs[`./${name}.ts`];
  if (!load)
    throw new Error(
      `usage: npm run bench -- ${Object.keys(programs)
        .map((path) => path.slice(2, -3))
        .join(" | ")} [ARGUMENT …]`,
    );
  await (await load()).default(args);
}
