// matmul_direct: y = alpha * op(a) * op(b) + bias + add for any size, from registers alone.
//
//   direct   one invocation per 8 x 8 block of y: a CPU adapter spends its time on loads, and these are few for so many products
//
// No barriers and no shared memory: what a CPU adapter runs fastest.

struct Params { m: u32, n: u32, k: u32, alpha: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;         // (m, k), TRANS_A: (k, m)
@group(0) @binding(2) var<storage, read> b: array<f32>;         // (k, n), TRANS_B: (n, k); read unless PACKED
@group(0) @binding(3) var<storage, read> bias: array<f32>;      // (n), read if HAS_BIAS
@group(0) @binding(4) var<storage, read> add: array<f32>;       // (m, n), read if HAS_ADD
@group(0) @binding(5) var<storage, read_write> y: array<f32>;   // (m, n)
@group(0) @binding(6) var<storage, read> half_b: array<u32>;    // (k, n), TRANS_B: (n, k); two numbers a word, read if PACKED

override TRANS_A: bool = false;
override TRANS_B: bool = false;
override HAS_BIAS: bool = false;
override HAS_ADD: bool = false;

//! use half

fn b_at(i: u32) -> f32 {
  if (PACKED == 0) { return b[i]; }
  return number_of(half_b[i / 2], i);
}

fn write_row(m: u32, n: u32, v: vec4f, more: vec4f) {
  write_four(m, n, v);
  write_four(m, n + 4, more);
}
fn write_four(m: u32, n: u32, v: vec4f) {
  for (var c = 0u; c < 4; c++) {
    if (m >= p.m || n + c >= p.n) { return; }
    var sum = p.alpha * v[c];
    if (HAS_BIAS) { sum += bias[n + c]; }
    if (HAS_ADD) { sum += add[m * p.n + n + c]; }
    y[m * p.n + n + c] = sum;
  }
}

@compute @workgroup_size(4, 4)
fn direct(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 8;
  let m = id.y * 8;
  if (m >= p.m || n >= p.n) { return; }
  // Rows and columns past the end repeat the last one; their sums are not written.
  let four = vec4u(0, 1, 2, 3);
  let step_a = select(1u, p.m, TRANS_A);
  let step_b = select(p.n, 1u, TRANS_B);
  let across_a = select(p.k, 1u, TRANS_A);
  let across_b = select(1u, p.k, TRANS_B);
  var at_a = min(m + four, vec4u(p.m - 1)) * across_a;
  var at_c = min(m + 4 + four, vec4u(p.m - 1)) * across_a;
  var at_b = min(n + four, vec4u(p.n - 1)) * across_b;
  var at_d = min(n + 4 + four, vec4u(p.n - 1)) * across_b;
  var s0 = vec4f();
  var t0 = vec4f();
  var s1 = vec4f();
  var t1 = vec4f();
  var s2 = vec4f();
  var t2 = vec4f();
  var s3 = vec4f();
  var t3 = vec4f();
  var s4 = vec4f();
  var t4 = vec4f();
  var s5 = vec4f();
  var t5 = vec4f();
  var s6 = vec4f();
  var t6 = vec4f();
  var s7 = vec4f();
  var t7 = vec4f();
  for (var k = 0u; k < p.k; k++) {
    let left = vec4f(a[at_a.x], a[at_a.y], a[at_a.z], a[at_a.w]);
    let below = vec4f(a[at_c.x], a[at_c.y], a[at_c.z], a[at_c.w]);
    let right = vec4f(b_at(at_b.x), b_at(at_b.y), b_at(at_b.z), b_at(at_b.w));
    let beyond = vec4f(b_at(at_d.x), b_at(at_d.y), b_at(at_d.z), b_at(at_d.w));
    s0 += left.x * right;
    t0 += left.x * beyond;
    s1 += left.y * right;
    t1 += left.y * beyond;
    s2 += left.z * right;
    t2 += left.z * beyond;
    s3 += left.w * right;
    t3 += left.w * beyond;
    s4 += below.x * right;
    t4 += below.x * beyond;
    s5 += below.y * right;
    t5 += below.y * beyond;
    s6 += below.z * right;
    t6 += below.z * beyond;
    s7 += below.w * right;
    t7 += below.w * beyond;
    at_a += step_a;
    at_c += step_a;
    at_b += step_b;
    at_d += step_b;
  }
  write_row(m + 0, n, s0, t0);
  write_row(m + 1, n, s1, t1);
  write_row(m + 2, n, s2, t2);
  write_row(m + 3, n, s3, t3);
  write_row(m + 4, n, s4, t4);
  write_row(m + 5, n, s5, t5);
  write_row(m + 6, n, s6, t6);
  write_row(m + 7, n, s7, t7);
}
