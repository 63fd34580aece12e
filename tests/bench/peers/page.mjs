/** Measures one program on one block. The script run.mjs asks for it, in a fresh page each time. */
import { adapter } from "./ours.ts";
import { CASES, draw } from "./work.ts";

/** Each library is loaded only where it is measured. */
const PROGRAMS = {
  Fullrank: async (work) => (await import("./ours.ts")).open(work),
  "TensorFlow.js webgpu": async (work) => (await import("./tensorflow.mjs")).open(work, "webgpu"),
  "TensorFlow.js wasm": async (work) => (await import("./tensorflow.mjs")).open(work, "wasm"),
  "jax-js webgpu": async (work) => (await import("./jax.mjs")).open(work, "webgpu"),
  "jax-js wasm": async (work) => (await import("./jax.mjs")).open(work, "wasm"),
};
/** Steps whose losses are read one by one, and compared. */
const COMPARED = 3;
/** Milliseconds for which steps are queued before their end is awaited, and the fewest such stretches. */
const STRETCH = 200;
const STRETCHES = 5;
/** Milliseconds after which no further stretch begins. */
const PATIENCE = 20_000;

async function measure(name, size, steps) {
  const program = await PROGRAMS[name](draw(size));
  const stretch = async (count) => {
    const start = performance.now();
    for (let step = 0; step < count; step++) program.step();
    const loss = await program.loss();
    return { ms: (performance.now() - start) / count, loss };
  };
  const first = [];
  for (let step = 0; step < COMPARED; step++) first.push(await stretch(1));
  // The last of them was compiled and warm, but waited for alone.
  const fitting = ({ ms }) => Math.max(1, Math.round(STRETCH / ms));
  let count = fitting(first.at(-1));
  if (count > 1) count = fitting(await stretch(count));
  const times = [];
  const begin = performance.now();
  do times.push((await stretch(count)).ms);
  while (performance.now() - begin < PATIENCE && (times.length < STRETCHES || times.length * count < steps));
  const ms = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  return { program: name, version: program.version, ...size, ms, loss: first.map(({ loss }) => loss) };
}

globalThis.peers = { adapter, measure, cases: CASES, programs: Object.keys(PROGRAMS) };
