import type { Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

/**
 * y (B·(P+1), D): for each image the class token cls (D), then its rows of patches (B·P, D), plus positions (P+1, D).
 * Dosovitskiy et al. 2021, arXiv:2010.11929, equation 1.
 */
export const tokens = defineOp<"patches" | "cls" | "positions", never, { readonly batch: number }>({
  name: "tokens",
  forward(r, { patches, cls, positions }, { batch }) {
    const [t, d] = positions.shape as [number, number];
    if (patches.shape[0] !== batch * (t - 1) || patches.shape[1] !== d)
      throw new Error(`tokens: patches (${patches.shape}) do not fit ${batch} images with positions (${positions.shape})`);
    const y = r.out([batch * t, d]);
    r.run({
      shader: "tokens",
      entry: "forward",
      buffers: { patches, cls, positions, y },
      params: { batch, t, d },
      groups: flatGroups(batch * t * d),
    });
    return { y };
  },
  backward(r, { patches, cls, positions }, _saved, dy, need, { batch }) {
    const [t, d] = positions.shape as [number, number];
    const params = { batch, t, d };
    const grads: { patches?: Tensor; cls?: Tensor; positions?: Tensor } = {};
    if (need.patches) {
      grads.patches = r.out(patches.shape);
      r.run({
        shader: "tokens",
        entry: "backward_patches",
        buffers: { dy, dpatches: grads.patches },
        params,
        groups: flatGroups(batch * (t - 1) * d),
      });
    }
    if (need.cls) {
      grads.cls = r.out(cls.shape);
      r.run({ shader: "tokens", entry: "backward_cls", buffers: { dy, dcls: grads.cls }, params, groups: flatGroups(d) });
    }
    if (need.positions) {
      grads.positions = r.out(positions.shape);
      r.run({
        shader: "tokens",
        entry: "backward_positions",
        buffers: { dy, dpositions: grads.positions },
        params,
        groups: flatGroups(t * d),
      });
    }
    return grads;
  },
});
