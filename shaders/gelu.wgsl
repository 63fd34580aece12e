// gelu: y = x * c(x), where c is the cumulative distribution of KIND.
//
//   forward   one invocation per four elements: y
//   backward  one invocation per four elements: dx = dy * (c(x) + x * c'(x))
//
// KIND 0, exact:  c is that of the normal distribution, c(x) = (1 + erf(x / sqrt 2)) / 2
// KIND 1, tanh:   c(x) = (1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2 / pi) * (x + 0.044715 x^3)
// KIND 2, quick:  c(x) = sigmoid(1.702 x), as OpenAI's CLIP

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // (n)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // (n)
@group(0) @binding(3) var<storage, read> dy: array<f32>;        // (n)
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;  // (n)

override WG: u32 = 256;
override KIND: u32 = 0;

//! use flat

struct Gate { c: vec4f, slope: vec4f }

// c(x) and c'(x). Beyond 30 both are at their limits in f32; the clamps keep powers and exponentials finite.
fn gate(at: vec4f) -> Gate {
  let v = clamp(at, vec4f(-30.0), vec4f(30.0));
  if (KIND == 0) {
    let bell = exp(-0.5 * v * v);
    let tail = bell * mills(abs(v));
    return Gate(select(1.0 - tail, tail, v < vec4f()), 0.3989422804 * bell);
  }
  // 2 sqrt(2 / pi) and its product with 0.044715
  let linear = select(1.702, 1.5957691216, KIND == 1);
  let cubic = select(0.0, 0.0713548162726, KIND == 1);
  let e = exp(min(-v * (linear + cubic * v * v), vec4f(80.0)));
  let c = 1.0 / (1.0 + e);
  return Gate(c, c * (e * c) * (linear + 3.0 * cubic * v * v)); // e * c is 1 - c without its cancellation
}

// The upper tail of the normal distribution, (1 - erf(a / sqrt 2)) / 2, over exp(-a^2 / 2), for a >= 0. A minimax polynomial in
// t = 1 / (1 + 0.33 a), fitted for this file to a relative error of 5e-8 on 0 .. 7; further out the tail is below 1e-12.
fn mills(a: vec4f) -> vec4f {
  let t = 1.0 / (1.0 + 0.33 * a);
  var v = 0.049470045 * t - 0.23992577;
  v = v * t + 0.3713099;
  v = v * t - 0.13444918;
  v = v * t + 0.21082786;
  v = v * t + 0.10797619;
  v = v * t + 0.13499326;
  return v * t - 0.0002023085;
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = flat_four(id, groups, WG);
  let v = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
  let result = v * gate(v).c;
  if (at.x < p.n) { y[at.x] = result.x; }
  if (at.y < p.n) { y[at.y] = result.y; }
  if (at.z < p.n) { y[at.z] = result.z; }
  if (at.w < p.n) { y[at.w] = result.w; }
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = flat_four(id, groups, WG);
  let v = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
  let dv = vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
  let gated = gate(v);
  let result = dv * (gated.c + clamp(v, vec4f(-30.0), vec4f(30.0)) * gated.slope);
  if (at.x < p.n) { dx[at.x] = result.x; }
  if (at.y < p.n) { dx[at.y] = result.y; }
  if (at.z < p.n) { dx[at.z] = result.z; }
  if (at.w < p.n) { dx[at.w] = result.w; }
}
