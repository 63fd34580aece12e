// unpack: numbers of two bytes as f32, exactly.
//
//   forward   one invocation per word, which holds two numbers

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;         // (n), two numbers a word
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // (n)

override WG: u32 = 256;

//! use flat
//! use half

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG) * 2;
  if (i >= p.n) { return; }
  let both = both_of(x[i / 2]);
  y[i] = both.x;
  if (i + 1 < p.n) { y[i + 1] = both.y; }
}
