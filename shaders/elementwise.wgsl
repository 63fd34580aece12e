// elementwise: sums and products of equally shaped tensors.
//
//   add    y = a + factor * b
//   scale  y = factor * a

struct Params { n: u32, factor: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;        // (n)
@group(0) @binding(2) var<storage, read> b: array<f32>;        // (n)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;  // (n)

override WG: u32 = 256;

//! use flat

@compute @workgroup_size(WG)
fn add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  y[i] = a[i] + p.factor * b[i];
}

@compute @workgroup_size(WG)
fn scale(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  y[i] = p.factor * a[i];
}
