// swiglu: y = silu(g) * u for each row (g, u) of x, silu(g) = g * sigmoid(g).
//
//   forward   one invocation per element of y
//   backward  one invocation per element of y: both halves of dx;  dg = dy * u * silu'(g),  du = dy * silu(g)

struct Params { rows: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // (rows, 2 * d)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // (rows, d)
@group(0) @binding(3) var<storage, read> dy: array<f32>;        // (rows, d)
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;  // (rows, 2 * d)

override WG: u32 = 256;

//! use flat

// sigmoid(v) and sigmoid(-v). The clamp keeps the exponential finite; beyond it f32 has reached the limit on the right, and on
// the left what is left of silu is below 1e-33.
fn gates(v: f32) -> vec2f {
  let e = exp(-abs(clamp(v, -80.0, 80.0)));
  let large = 1.0 / (1.0 + e);
  return select(vec2f(e * large, large), vec2f(large, e * large), v >= 0.0);
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  let at = i + i / p.d * p.d;
  y[i] = x[at] * gates(x[at]).x * x[at + p.d];
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  let at = i + i / p.d * p.d;
  let g = x[at];
  let s = gates(g);
  dx[at] = dy[i] * x[at + p.d] * s.x * (1.0 + clamp(g, -80.0, 80.0) * s.y);
  dx[at + p.d] = dy[i] * g * s.x;
}
