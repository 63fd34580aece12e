// matmul_sum: y = alpha * sum of the slices of a product, or of a stack of them, + bias + add.
//
//   sum   one invocation per number of y, which adds the slices in their order

struct Params { m: u32, n: u32, results: u32, slices: u32, alpha: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;     // (slices, results, m, n)
@group(0) @binding(2) var<storage, read> bias: array<f32>;      // (results, n), read if HAS_BIAS
@group(0) @binding(3) var<storage, read> add: array<f32>;       // (results, m, n), read if HAS_ADD
@group(0) @binding(4) var<storage, read_write> y: array<f32>;   // (results, m, n)

override HAS_BIAS: bool = false;
override HAS_ADD: bool = false;

//! use flat

const WG = 64u;
// As many loads are under way at once: a small y has too few invocations to hide the wait for one.
const AHEAD = 8u;

@compute @workgroup_size(WG)
fn sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  let area = p.m * p.n;
  let size = p.results * area;
  if (i >= size) { return; }
  var v = 0.0;
  for (var slice = 0u; slice < p.slices; slice += AHEAD) {
    var next = array<f32, AHEAD>();
    for (var l = 0u; l < AHEAD; l++) {
      if (slice + l < p.slices) { next[l] = parts[(slice + l) * size + i]; }
    }
    for (var l = 0u; l < AHEAD; l++) { v += next[l]; }
  }
  v *= p.alpha;
  if (HAS_BIAS) { v += bias[i / area * p.n + i % p.n]; }
  if (HAS_ADD) { v += add[i]; }
  y[i] = v;
}
