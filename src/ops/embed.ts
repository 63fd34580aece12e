import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

/**
 * y (B·T, D) = table (V, D)[ids (B·T)] + positions (at least T, D)[t]. An id ≥ V is taken for V − 1. The gradient of the table
 * costs V·D·B·T comparisons, the price of a fixed order without atomics: meant for small tables, or frozen ones.
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
      buffers: { ids, table, positions, y },
      params: sizes(ids, table, positions, t),
      groups: flatGroups(rows * d),
    });
    return { y };
  },
  backward(r, { ids, table, positions }, _saved, dy, need, { tokens: t }) {
    const params = sizes(ids, table, positions, t);
    const grads: { table?: Tensor; positions?: Tensor } = {};
    if (need.table) {
      grads.table = r.out(table.shape);
      r.run({
        shader: "embed",
        entry: "backward_table",
        buffers: { ids, dy, dtable: grads.table },
        params,
        groups: flatGroups(numel(table.shape)),
      });
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
