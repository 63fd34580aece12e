// layerscale: y = add + gamma * x, gamma being a number per column.
//
//   forward   one invocation per element: y
//   backward  one invocation per element: dx = gamma * dy, with prior added if ADD (dadd is dy itself)
//   partials  one workgroup per COLUMNS columns and block of rows: their share of dgamma (reduce.wgsl sums the shares)

struct Params { rows: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                   // (rows, d)
@group(0) @binding(2) var<storage, read> gamma: array<f32>;               // (d)
@group(0) @binding(3) var<storage, read> add: array<f32>;                 // (rows, d)
@group(0) @binding(4) var<storage, read_write> y: array<f32>;             // (rows, d)
@group(0) @binding(5) var<storage, read> dy: array<f32>;                  // (rows, d)
@group(0) @binding(6) var<storage, read> prior: array<f32>;               // (rows, d), read if ADD
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;            // (rows, d)
@group(0) @binding(8) var<storage, read_write> dgamma_parts: array<f32>;  // (blocks, d)

override WG: u32 = 256;
override ADD: bool = false;

//! use flat
//! use group_sum
//! use block

// Of the rows that a workgroup sums, as many of an invocation's are under way at once.
const AHEAD = 4u;

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  y[i] = add[i] + gamma[i % p.d] * x[i];
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  var v = gamma[i % p.d] * dy[i];
  if (ADD) { v += prior[i]; }
  dx[i] = v;
}

@compute @workgroup_size(WG)
fn partials(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = block_of(group, groups, lane, p.rows);
  var sum = 0.0;
  for (var round = 0u; round < block.rounds; round++) {
    // All loads of a round come before its sums: a row past the end is read as the last one, and not counted.
    var terms = array<f32, AHEAD>();
    for (var l = 0u; l < AHEAD; l++) {
      let i = min(row_of(block, round, l), block.end - 1) * p.d + block.column;
      terms[l] = dy[i] * x[i];
    }
    for (var l = 0u; l < AHEAD; l++) { sum += select(0.0, terms[l], row_of(block, round, l) < block.end); }
  }
  let total = column_sum(sum, lane, COLUMNS);
  if (lane < COLUMNS && block.column < p.d) { dgamma_parts[group.y * p.d + block.column] = total; }
}
