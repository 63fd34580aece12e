import { hash } from "../tensor/random.ts";
import { dropout } from "./dropout.ts";
import { defineOracle } from "./op.ts";

const on = (...shape: number[]) => ({ x: shape, clock: [4] });

export default defineOracle({
  op: dropout,
  reference({ x, clock }, _shapes, { p, seed, stream }) {
    const [first, second] = hash(seed, stream, Math.trunc(clock[3]!));
    return x.map((v, i) => (hash(first, second, i)[0] >>> 8 < Math.round(p * 2 ** 24) ? 0 : v / (1 - p)));
  },
  differentiable: ["x"],
  cases: [
    { name: "smallest", shapes: { x: [1], clock: [1, 4] }, cfg: { p: 0.5, seed: 0, stream: 0 }, offset: { clock: 2 } },
    { name: "odd", shapes: on(13, 29), cfg: { p: 0.1, seed: 5, stream: 3 }, offset: { clock: 7 } },
    { name: "another step and stream", shapes: on(257), cfg: { p: 0.3, seed: 4_294_967_295, stream: 71 }, offset: { clock: 49_000 } },
    { name: "nothing is dropped", shapes: on(64), cfg: { p: 0, seed: 1, stream: 1 }, offset: { clock: 2 } },
    { name: "large numbers, most of them dropped", shapes: on(1025), cfg: { p: 0.9, seed: 2, stream: 2 }, offset: { x: 1e6, clock: 2 } },
  ],
});
