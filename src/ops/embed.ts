import { isPacked, numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, packing } from "./op.ts";

/**
 * y (B·T, D) = table (V, D)[ids (B·T)] + positions (at least T, D)[t]. An id ≥ V is taken for V − 1. A frozen table may be packed.
 * The gradient of the table is summed along the rows of one id, linked in order: the price of a fixed order without atomics is
 * (B·T)² comparisons.
 */
export const embed = defineOp<"ids" | "table" | "positions", never, { readonly tokens: number }>({
  name: "embed",
  forward(r, { ids, table, positions }, { tokens: t }) {
    const rows = numel(ids.shape);
    const d = table.shape[1] as number;
    if (rows % t || (positions.shape[0] as number) < t || positions.shape[1] !== d) {
      throw new Error(`embed: ids (${ids.shape}), table (${table.shape}) and positions (${positions.shape}) do not fit ${t} tokens`);
    }
    const y = r.out([rows, d]);
    r.run({
      shader: "embed",
      entry: "forward",
      buffers: { ids, table: isPacked(table) ? positions : table, half_table: table, positions, y },
      params: sizes(ids, table, positions, t),
      groups: flatGroups(rows * d),
      overrides: { PACKED: packing(table) },
    });
    return { y };
  },
  backward(r, { ids, table, positions }, _saved, dy, need, { tokens: t }) {
    const params = sizes(ids, table, positions, t);
    const grads: { table?: Tensor; positions?: Tensor } = {};
    if (need.table) {
      grads.table = r.out(table.shape);
      const links = r.out([numel(ids.shape), 2], "u32");
      const run = (entry: string, buffers: Readonly<Record<string, Tensor>>, n: number) =>
        r.run({ shader: "embed", entry, buffers, params, groups: flatGroups(n) });
      run("links", { ids, links_out: links }, numel(ids.shape));
      run("clear", { dtable: grads.table }, numel(table.shape));
      run("backward_table", { ids, dy, links_in: links, dtable: grads.table }, numel(dy.shape));
    }
    if (need.positions) {
      grads.positions = r.out(positions.shape);
      r.run({
        shader: "embed",
        entry: "backward_positions",
        buffers: { dy, dpositions: grads.positions },
        params,
        groups: flatGroups(numel(positions.shape)),
      });
    }
    return grads;
  },
});

const sizes = (ids: Tensor, table: Tensor, positions: Tensor, t: number) => ({
  rows: numel(ids.shape),
  t,
  vocabulary: table.shape[0] as number,
  positions: positions.shape[0] as number,
  d: table.shape[1] as number,
});
