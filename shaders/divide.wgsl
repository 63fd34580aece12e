// divide: y = a / b; 0 where b is 0.
//
//   forward   one invocation per number: y; with dy in place of a it is da
//   backward  one invocation per number: db = -dy * a / b / b, 0 where b is 0

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;         // (n)
@group(0) @binding(2) var<storage, read> b: array<f32>;         // (n)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;   // (n)
@group(0) @binding(4) var<storage, read> dy: array<f32>;        // (n)
@group(0) @binding(5) var<storage, read_write> db: array<f32>;  // (n)

override WG: u32 = 256;

//! use flat

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  var quotient = 0.0;
  if (b[i] != 0) { quotient = a[i] / b[i]; }
  y[i] = quotient;
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  var gradient = 0.0;
  if (b[i] != 0) { gradient = -dy[i] * (a[i] / b[i]) / b[i]; }
  db[i] = gradient;
}
