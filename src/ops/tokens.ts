import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

/**
 * y (B·T, D): for each image the class token cls (D), the extra tokens (E, D) where there are any, then its rows of patches
 * (B·P, D), plus positions. Positions (T, D) are for all T = 1 + E + P tokens, as DeiT's; positions (1 + P, D) leave the extra
 * tokens without, as DINOv2's registers. Dosovitskiy et al. 2021, arXiv:2010.11929, equation 1; Touvron et al. 2021,
 * arXiv:2012.12877; Darcet et al. 2024, arXiv:2309.16588.
 */
export const tokens = defineOp<"patches" | "cls" | "positions", "extra", { readonly batch: number }>({
  name: "tokens",
  forward(r, x, { batch }) {
    const { patches, cls, positions, extra } = x;
    const { t, d, ...rest } = sizes(x, batch);
    const y = r.out([batch * t, d]);
    r.run({
      shader: "tokens",
      entry: "forward",
      buffers: { patches, cls, extra: extra ?? cls, positions, y },
      params: { batch, t, d, ...rest, first: 0, rows: 0 },
      groups: flatGroups(batch * t * d),
    });
    return { y };
  },
  backward(r, x, _saved, dy, need, { batch }) {
    const { patches, cls, positions, extra } = x;
    const { t, d, ...rest } = sizes(x, batch);
    const params = { batch, t, d, ...rest, first: 0, rows: 0 };
    const grads: { patches?: Tensor; cls?: Tensor; positions?: Tensor; extra?: Tensor } = {};
    /** The gradient of tokens that are the same in every image, the first of them in row `first`. */
    const head = ({ shape }: Tensor, first: number): Tensor => {
      const dhead = r.out(shape);
      const rows = numel(shape) / d;
      const launch = { shader: "tokens", entry: "backward_head", buffers: { dy, dhead }, groups: flatGroups(rows * d) };
      r.run({ ...launch, params: { ...params, first, rows } });
      return dhead;
    };
    if (need.patches) {
      grads.patches = r.out(patches.shape);
      r.run({
        shader: "tokens",
        entry: "backward_patches",
        buffers: { dy, dpatches: grads.patches },
        params,
        groups: flatGroups(numel(patches.shape)),
      });
    }
    if (need.cls) grads.cls = head(cls, 0);
    if (need.extra && extra) grads.extra = head(extra, 1);
    if (need.positions) {
      grads.positions = r.out(positions.shape);
      r.run({
        shader: "tokens",
        entry: "backward_positions",
        buffers: { dy, dpositions: grads.positions },
        params,
        groups: flatGroups(numel(positions.shape)),
      });
    }
    return grads;
  },
  onnx(g, { patches, cls, positions, extra }, { batch }, shapes) {
    const [placed, d] = shapes.positions as [number, number];
    const count = (shapes.patches[0] as number) / batch;
    const more = shapes.extra ? numel(shapes.extra) / d : 0;
    const bare = 1 + more + count - placed;
    const join = (parts: readonly string[], axis: number) => g.node("Concat", parts, { axis });
    const part = (first: number, end: number) => g.node("Slice", [positions, g.integers([first]), g.integers([end]), g.integers([0])]);
    const places = bare ? join([part(0, 1), g.floats(Array(bare * d).fill(0), [bare, d]), part(1, placed)], 0) : positions;
    const same = [cls, ...(extra ? [extra] : [])].map((x, i) => g.node("Reshape", [x, g.integers([i ? more : 1, d])]));
    const rows = g.node("Reshape", [patches, g.integers([-1, count, d])]);
    const images = g.node("Shape", [rows], { start: 0, end: 1 });
    const head = g.node("Expand", [join(same, 0), join([images, g.integers([1 + more, d])], 0)]);
    return g.node("Reshape", [g.node("Add", [join([head, rows], 1), places]), g.integers([-1, d])]);
  },
});

/** `t` tokens an image, `extra` of them between class token and patches, `bare` of these without a position. */
function sizes({ patches, positions, extra }: { patches: Tensor; positions: Tensor; extra?: Tensor }, batch: number) {
  const [rows, d] = positions.shape as [number, number];
  const count = extra ? numel(extra.shape) / d : 0;
  const t = (patches.shape[0] as number) / batch + 1 + count;
  if (!Number.isInteger(t) || patches.shape[1] !== d || (rows !== t && rows !== t - count))
    throw new Error(
      `tokens: patches (${patches.shape}) and ${count} extra tokens do not fit ${batch} images with positions (${positions.shape})`,
    );
  return { t, d, extra: count, bare: t - rows };
}
