// corner: the first rows and columns of a matrix.
//
//   forward   one invocation per number:   y[i, j] = x[i, j]

struct Params { rows: u32, cols: u32, stride: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;          // (>= rows, stride)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;    // (rows, cols)

override WG: u32 = 256;

//! use flat

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.cols) { return; }
  y[i] = x[(i / p.cols) * p.stride + i % p.cols];
}
