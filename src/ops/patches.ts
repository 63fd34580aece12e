import { defineOp, flatGroups } from "./op.ts";

/**
 * y (B·P, 3·patch²) from pixels (B, 3, H, W), with P = ⌊H/patch⌋ · ⌊W/patch⌋ patches row by row: a matmul with the flattened
 * weight (D, 3·patch²) of a Conv2d with stride = kernel = patch is then that Conv2d. No gradient: pixels are data.
 */
export const patches = defineOp<"pixels", never, { readonly patch: number }>({
  name: "patches",
  recomputed: true,
  forward(r, { pixels }, { patch }) {
    const [batch, channels, height, width] = pixels.shape as [number, number, number, number];
    if (channels !== 3) throw new Error(`patches: pixels must be (B, 3, H, W), got (${pixels.shape})`);
    const count = Math.floor(height / patch) * Math.floor(width / patch);
    if (count === 0) throw new Error(`patches: an image of ${height} × ${width} has no patch of ${patch} × ${patch}`);
    const y = r.out([batch * count, 3 * patch * patch]);
    const n = batch * count * 3 * patch * patch;
    r.run({
      shader: "patches",
      entry: "forward",
      buffers: { pixels, y },
      params: { n, height, width, size: patch },
      groups: flatGroups(n),
    });
    return { y };
  },
  onnx(g, { pixels }, { patch }, shapes) {
    const [, , height, width] = shapes.pixels as [number, number, number, number];
    const [down, across] = [Math.floor(height / patch), Math.floor(width / patch)];
    const whole = [down * patch, across * patch];
    const inside = g.node("Slice", [pixels, g.integers([0, 0]), g.integers(whole), g.integers([2, 3])]);
    const cut = g.node("Reshape", [inside, g.integers([-1, 3, down, patch, across, patch])]);
    return g.node("Reshape", [g.node("Transpose", [cut], { perm: [0, 2, 4, 1, 3, 5] }), g.integers([-1, 3 * patch * patch])]);
  },
});
