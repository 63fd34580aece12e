// reduce: sums in a fixed order.
//
//   slices   one invocation per element:  y = sum over slices of x (slices, n)
//   columns  one workgroup per column:    y = sum over rows of x (rows, n)

struct Params { n: u32, rows: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;          // (rows, n)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;    // (n)

override WG: u32 = 256;

//! use flat
//! use group_sum

@compute @workgroup_size(WG)
fn slices(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  var sum = 0.0;
  for (var row = 0u; row < p.rows; row++) { sum += x[row * p.n + i]; }
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
