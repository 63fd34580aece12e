// rowscale: y = scale * x, scale being a number per row. With fewer rows of x than numbers of scale, x is the same for all of a stack.
//
//   forward   one invocation per number: y; with dy in place of x it is dx
//   backward  one workgroup per row: dscale = sum over the row of dy * x

struct Params { rows: u32, d: u32, rows_x: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;             // (rows_x, d)
@group(0) @binding(2) var<storage, read> scale: array<f32>;         // (rows)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // (rows, d)
@group(0) @binding(4) var<storage, read> dy: array<f32>;            // (rows, d)
@group(0) @binding(5) var<storage, read_write> dscale: array<f32>;  // (rows)

override WG: u32 = 64;

//! use flat
//! use group_sum

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  y[i] = scale[i / p.d] * x[i % (p.rows_x * p.d)];
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  var sum = 0.0;
  let row_x = row % p.rows_x;
  for (var i = lane; i < p.d; i += WG) { sum += dy[row * p.d + i] * x[row_x * p.d + i]; }
  let total = group_sum(sum, lane);
  if (lane == 0) { dscale[row] = total; }
}
