// temperature: y = exp(scale) * x, with a scale that can be trained.
//
//   forward   one invocation per element: y
//   backward  one invocation per element: dx = exp(scale) * dy
//   partials  one workgroup per row: its share of dscale, the sum of dy * exp(scale) * x (reduce.wgsl sums the shares)

struct Params { rows: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                 // (rows, d)
@group(0) @binding(2) var<storage, read> scale: array<f32>;             // (1)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;           // (rows, d)
@group(0) @binding(4) var<storage, read> dy: array<f32>;                // (rows, d)
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;          // (rows, d)
@group(0) @binding(6) var<storage, read_write> dscale_parts: array<f32>; // (rows)

override WG: u32 = 256;

//! use flat
//! use group_sum

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  y[i] = exp(scale[0]) * x[i];
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  dx[i] = exp(scale[0]) * dy[i];
}

@compute @workgroup_size(WG)
fn partials(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  var sum = 0.0;
  for (var i = lane; i < p.d; i += WG) { sum += dy[row * p.d + i] * x[row * p.d + i]; }
  let total = group_sum(sum, lane);
  if (lane == 0) { dscale_parts[row] = exp(scale[0]) * total; }
}
