import { defineOracle } from "./op.ts";
import { patches } from "./patches.ts";

export default defineOracle({
  op: patches,
  reference({ pixels }, shapes, { patch }) {
    const [batch, , height, width] = shapes.pixels as [number, number, number, number];
    const y: number[] = [];
    for (let image = 0; image < batch; image++) {
      for (let top = 0; top + patch <= height; top += patch) {
        for (let left = 0; left + patch <= width; left += patch) {
          for (let channel = 0; channel < 3; channel++) {
            for (let row = top; row < top + patch; row++) {
              for (let column = left; column < left + patch; column++)
                y.push(pixels[((image * 3 + channel) * height + row) * width + column]!);
            }
          }
        }
      }
    }
    return Float64Array.from(y);
  },
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { pixels: [1, 3, 1, 1] }, cfg: { patch: 1 } },
    { name: "odd, not square", shapes: { pixels: [3, 3, 15, 21] }, cfg: { patch: 3 } },
    { name: "pixels to drop", shapes: { pixels: [2, 3, 11, 17] }, cfg: { patch: 5 } },
    { name: "realistic", shapes: { pixels: [2, 3, 32, 32] }, cfg: { patch: 16 } },
    // A copy has no rounding: it must be exact at any size of the numbers.
    { name: "large numbers", shapes: { pixels: [1, 3, 8, 8] }, cfg: { patch: 4 }, offset: { pixels: 1e6 }, tolerance: 0 },
  ],
});
