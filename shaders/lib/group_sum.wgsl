// Sums over a workgroup of WG invocations, in a fixed order: each invocation gets the sum of those that it is among.
var<workgroup> partial: array<f32, WG>;

// Over the whole workgroup, a power of two.
fn group_sum(v: f32, lane: u32) -> f32 {
  return row_sum(v, lane, WG);
}

// Over each run of `lanes` neighbours, a power of two that divides WG. In two rounds and not in a tree, whose many barriers take longer
// than the sums: an eighth of them sum eight numbers each, then all sum what these have.
fn row_sum(v: f32, lane: u32, lanes: u32) -> f32 {
  if (lanes == 1) { return v; }
  let some = max(lanes / 8, 1);
  workgroupBarrier(); // the previous sum must have been read by all before it is overwritten
  partial[lane] = v;
  workgroupBarrier();
  var sum = 0.0;
  if (lane % lanes < some) {
    for (var l = 0u; l < lanes / some; l++) { sum += partial[(lane + l * some) % WG]; }
    partial[lane] = sum;
  }
  workgroupBarrier();
  let first = lane / lanes * lanes;
  sum = 0.0;
  for (var l = 0u; l < some; l++) { sum += partial[(first + l) % WG]; }
  return sum;
}

// Over the invocations that are whole `columns` apart, which divide WG.
fn column_sum(v: f32, lane: u32, columns: u32) -> f32 {
  if (columns == WG) { return v; }
  workgroupBarrier();
  partial[lane] = v;
  workgroupBarrier();
  var sum = 0.0;
  for (var l = 0u; l < WG / columns; l++) { sum += partial[(lane % columns + l * columns) % WG]; }
  return sum;
}
