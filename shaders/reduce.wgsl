// reduce: sums in a fixed order.
//
//   slices   one invocation per element:  y = sum over slices of x (slices, n)
//   columns  one workgroup per column:    y = sum over rows of x (rows, n)
//   blocks   one workgroup per COLUMNS columns and block of rows:  y (blocks, n) = sum over the block's rows of x (rows, n)

struct Params { n: u32, rows: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;          // (rows, n)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;    // (n) or (blocks, n)

override WG: u32 = 256;

//! use flat
//! use group_sum
//! use block

// As many loads of an invocation are under way at once.
const AHEAD = 8u;

@compute @workgroup_size(WG)
fn slices(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  var sum = 0.0;
  for (var round = 0u; round < (p.rows + AHEAD - 1) / AHEAD; round++) {
    var next = array<f32, AHEAD>();
    for (var l = 0u; l < AHEAD; l++) {
      let row = round * AHEAD + l;
      if (row < p.rows) { next[l] = x[row * p.n + i]; }
    }
    for (var l = 0u; l < AHEAD; l++) { sum += next[l]; }
  }
  y[i] = sum;
}

@compute @workgroup_size(WG)
fn columns(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = group.x + group.y * groups.x;
  if (column >= p.n) { return; }
  var sum = 0.0;
  for (var row = lane; row < p.rows; row += WG) { sum += x[row * p.n + column]; }
  let total = group_sum(sum, lane);
  if (lane == 0) { y[column] = total; }
}

@compute @workgroup_size(WG)
fn blocks(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = block_of(group, groups, lane, p.rows);
  var sum = 0.0;
  for (var round = 0u; round < block.rounds; round++) {
    // All loads of a round come before its sums: a row past the end is read as the last one, and not counted.
    var next = array<f32, AHEAD>();
    for (var l = 0u; l < AHEAD; l++) { next[l] = x[min(row_of(block, round, l), block.end - 1) * p.n + block.column]; }
    for (var l = 0u; l < AHEAD; l++) { sum += select(0.0, next[l], row_of(block, round, l) < block.end); }
  }
  let total = column_sum(sum, lane, COLUMNS);
  if (lane < COLUMNS && block.column < p.n) { y[group.y * p.n + block.column] = total; }
}
