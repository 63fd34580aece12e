// l2norm: y = x / |x|, with |x| the Euclidean norm of each row. A row of zeros gives zeros, and so does its gradient.
//
//   forward   one workgroup per row: y, inverse
//   backward  one workgroup per row: dx = (dy - y * (y . dy)) / |x|
//
// saved_inverse is what `forward` wrote to inverse. Squares must fit f32: |x| between 1e-19 and 1e19.

struct Params { rows: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;               // (rows, d)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;         // (rows, d)
@group(0) @binding(3) var<storage, read_write> inverse: array<f32>;   // (rows), 1 / |x|
@group(0) @binding(4) var<storage, read> saved_inverse: array<f32>;   // (rows)
@group(0) @binding(5) var<storage, read> dy: array<f32>;              // (rows, d)
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;        // (rows, d)

override WG: u32 = 64;

//! use group_sum

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  let start = row * p.d;
  var sum = 0.0;
  for (var i = lane; i < p.d; i += WG) { sum += x[start + i] * x[start + i]; }
  let square = group_sum(sum, lane);
  var scale = 0.0;
  if (square != 0) { scale = inverseSqrt(square); }
  for (var i = lane; i < p.d; i += WG) { y[start + i] = x[start + i] * scale; }
  if (lane == 0) { inverse[row] = scale; }
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  let start = row * p.d;
  let scale = saved_inverse[row];
  var sum = 0.0;
  for (var i = lane; i < p.d; i += WG) { sum += x[start + i] * scale * dy[start + i]; }
  let along = group_sum(sum, lane);
  for (var i = lane; i < p.d; i += WG) { dx[start + i] = scale * (dy[start + i] - x[start + i] * scale * along); }
}
