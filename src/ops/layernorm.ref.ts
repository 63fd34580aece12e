import { layernorm } from "./layernorm.ts";
import { defineOracle } from "./op.ts";

const on = (rows: number, d: number) => ({ x: [rows, d], gamma: [d], beta: [d] });

export default defineOracle({
  op: layernorm,
  reference({ x, gamma, beta }, shapes, { eps }) {
    const [rows, d] = shapes.x as [number, number];
    const y = new Float64Array(rows * d);
    for (let row = 0; row < rows; row++) {
      const start = row * d;
      let mean = 0;
      for (let i = 0; i < d; i++) mean += x[start + i]! / d;
      let variance = 0;
      for (let i = 0; i < d; i++) variance += (x[start + i]! - mean) ** 2 / d;
      for (let i = 0; i < d; i++) y[start + i] = ((x[start + i]! - mean) / Math.sqrt(variance + eps)) * gamma[i]! + beta[i]!;
    }
    return y;
  },
  differentiable: ["x", "gamma", "beta"],
  cases: [
    { name: "smallest", shapes: on(1, 1), cfg: { eps: 1e-6 } },
    { name: "odd", shapes: on(5, 67), cfg: { eps: 0.1 } },
    { name: "one token of ViT-Tiny", shapes: on(3, 192), cfg: { eps: 1e-6 } },
    { name: "many blocks of rows", shapes: on(301, 35), cfg: { eps: 1e-5 } },
    // Rows that a GPU holds, in vectors of four: one of them, more than one workgroup's; some that do not fill their invocations.
    { name: "rows of one vector", shapes: on(131, 4), cfg: { eps: 1e-2 } },
    { name: "rows that leave room", shapes: on(67, 20), cfg: { eps: 1e-3 } },
    { name: "rows of more than 1024", shapes: on(3, 1028), cfg: { eps: 1e-6 } },
    { name: "rows of more than 4096", shapes: on(2, 4100), cfg: { eps: 1e-6 } },
    { name: "more rows than one direction of a launch has", shapes: on(65_539, 2), cfg: { eps: 0.5 } },
    // The mean of numbers near 200 is off by half an ulp (8e-6); a variance as mean of squares minus square of mean would be off by 2e-3.
    { name: "large mean", shapes: on(4, 192), cfg: { eps: 1e-6 }, offset: { x: 200 }, tolerance: 1e-4 },
  ],
});
