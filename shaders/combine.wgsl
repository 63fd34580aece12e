// combine: one invocation per four numbers: y = base + w[0] * a + w[1] * b + w[2] * c. A summand of weight 0 is left out, whatever it
// holds: NaN in one of them does not spoil the points in which it has no part.

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> base: array<f32>;     // (n)
@group(0) @binding(2) var<storage, read> a: array<f32>;        // (n)
@group(0) @binding(3) var<storage, read> b: array<f32>;        // (n)
@group(0) @binding(4) var<storage, read> c: array<f32>;        // (n)
@group(0) @binding(5) var<storage, read> weights: array<f32>;  // (3)
@group(0) @binding(6) var<storage, read_write> y: array<f32>;  // (n)

override WG: u32 = 256;
override HAS_A: u32 = 1;
override HAS_B: u32 = 1;
override HAS_C: u32 = 1;

//! use flat

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = flat_four(id, groups, WG);
  for (var k = 0u; k < 4; k++) {
    let i = at[k];
    if (i >= p.n) { continue; }
    var sum = base[i];
    if (HAS_A == 1 && weights[0] != 0) { sum += weights[0] * a[i]; }
    if (HAS_B == 1 && weights[1] != 0) { sum += weights[1] * b[i]; }
    if (HAS_C == 1 && weights[2] != 0) { sum += weights[2] * c[i]; }
    y[i] = sum;
  }
}
