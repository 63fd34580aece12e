// dropout: y = x * keep / (1 - p). What is kept follows from (seed, stream, step, position), so the backward pass draws it again.
//
//   forward   one invocation per number; with dy in place of x it is the backward

struct Params { n: u32, seed: u32, stream: u32, threshold: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // (n)
@group(0) @binding(2) var<storage, read> clock: array<f32>;    // (4): the last one is the step, a whole number
@group(0) @binding(3) var<storage, read_write> y: array<f32>;  // (n)

override WG: u32 = 256;

//! use flat
//! use pcg3d

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  let key = pcg3d(vec3u(p.seed, p.stream, u32(clock[3])));
  let draw = pcg3d(vec3u(key.xy, i)).x >> 8; // 24 bits
  y[i] = select(x[i] * p.scale, 0.0, draw < p.threshold);
}
