// factored: the gradient of the scale of each row of a weight, from what the layer gave: y = scale * v + bias + add, so that the sum of
// dy * (y - bias - add) over the rows is scale times dscale.
//
//   partials  one workgroup per COLUMNS columns and block of rows: their share of the sum (reduce.wgsl sums the shares)

struct Params { rows: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;             // (rows, d)
@group(0) @binding(2) var<storage, read> dy: array<f32>;            // (rows, d)
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // (d), read if HAS_BIAS
@group(0) @binding(4) var<storage, read> add: array<f32>;           // (rows, d), read if HAS_ADD
@group(0) @binding(5) var<storage, read_write> parts: array<f32>;   // (blocks, d)

override WG: u32 = 256;
override HAS_BIAS: bool = false;
override HAS_ADD: bool = false;

//! use group_sum
//! use block

// Of the rows that a workgroup sums, as many of an invocation's are under way at once.
const AHEAD = 4u;

@compute @workgroup_size(WG)
fn partials(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = block_of(group, groups, lane, p.rows);
  let column = min(block.column, p.d - 1);
  var offset = 0.0;
  if (HAS_BIAS) { offset = bias[column]; }
  var sum = 0.0;
  for (var round = 0u; round < block.rounds; round++) {
    // All loads of a round come before its sums: a row past the end is read as the last one, and not counted.
    var terms = array<f32, AHEAD>();
    for (var l = 0u; l < AHEAD; l++) {
      let i = min(row_of(block, round, l), block.end - 1) * p.d + column;
      var v = y[i] - offset;
      if (HAS_ADD) { v -= add[i]; }
      terms[l] = dy[i] * v;
    }
    for (var l = 0u; l < AHEAD; l++) { sum += select(0.0, terms[l], row_of(block, round, l) < block.end); }
  }
  let total = column_sum(sum, lane, COLUMNS);
  if (lane < COLUMNS && block.column < p.d) { parts[group.y * p.d + block.column] = total; }
}
