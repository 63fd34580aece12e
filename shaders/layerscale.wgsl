// layerscale: y = add + gamma * x, gamma being a number per column.
//
//   forward   one invocation per element: y
//   backward  one invocation per element: dx = gamma * dy, with prior added if ADD (dadd is dy itself)
//   partials  one invocation per column and block of p.block rows: their share of dgamma (reduce.wgsl sums the shares)

struct Params { rows: u32, d: u32, block: u32 }

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
fn partials(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = group.x * WG + lane;
  if (column >= p.d) { return; }
  let begin = group.y * p.block;
  var sum = 0.0;
  for (var row = begin; row < min(begin + p.block, p.rows); row++) { sum += dy[row * p.d + column] * x[row * p.d + column]; }
  dgamma_parts[group.y * p.d + column] = sum;
}
