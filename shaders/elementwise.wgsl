// elementwise: sums and products of equally shaped tensors.
//
//   add    one invocation per four numbers: y = a + factor * b
//   scale  one invocation per four numbers: y = factor * a

struct Params { n: u32, factor: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;        // (n)
@group(0) @binding(2) var<storage, read> b: array<f32>;        // (n)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;  // (n)

override WG: u32 = 256;

//! use flat

@compute @workgroup_size(WG)
fn add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = flat_four(id, groups, WG);
  write(at, vec4f(a[at.x], a[at.y], a[at.z], a[at.w]) + p.factor * vec4f(b[at.x], b[at.y], b[at.z], b[at.w]));
}

@compute @workgroup_size(WG)
fn scale(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = flat_four(id, groups, WG);
  write(at, p.factor * vec4f(a[at.x], a[at.y], a[at.z], a[at.w]));
}

fn write(at: vec4u, v: vec4f) {
  if (at.x < p.n) { y[at.x] = v.x; }
  if (at.y < p.n) { y[at.y] = v.y; }
  if (at.z < p.n) { y[at.z] = v.z; }
  if (at.w < p.n) { y[at.w] = v.w; }
}
