// rownorm: the Euclidean norm of each row.
//
//   forward   one workgroup per row: y
//
// Squares must fit f32: norms between 1e-19 and 1e19.

struct Params { rows: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // (rows, d)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // (rows)

override WG: u32 = 64;

//! use group_sum

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  var sum = 0.0;
  for (var i = lane; i < p.d; i += WG) { sum += x[row * p.d + i] * x[row * p.d + i]; }
  let square = group_sum(sum, lane);
  if (lane == 0) { y[row] = sqrt(square); }
}
