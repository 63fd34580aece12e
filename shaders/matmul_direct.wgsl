// matmul_direct: y = alpha * op(a) * op(b) + bias + add for any size, from registers alone.
//
//   direct   one invocation per 4 x 4 block of y
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

fn write_row(m: u32, n: u32, v: vec4f) {
  for (var c = 0u; c < 4; c++) {
    if (m >= p.m || n + c >= p.n) { return; }
    var sum = p.alpha * v[c];
    if (HAS_BIAS) { sum += bias[n + c]; }
    if (HAS_ADD) { sum += add[m * p.n + n + c]; }
    y[m * p.n + n + c] = sum;
  }
}

@compute @workgroup_size(8, 8)
fn direct(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 4;
  let m = id.y * 4;
  if (m >= p.m || n >= p.n) { return; }
  // Rows and columns past the end repeat the last one; their sums are not written.
  let rows = min(vec4u(m, m + 1, m + 2, m + 3), vec4u(p.m - 1));
  let cols = min(vec4u(n, n + 1, n + 2, n + 3), vec4u(p.n - 1));
  let step_a = select(1u, p.m, TRANS_A);
  let step_b = select(p.n, 1u, TRANS_B);
  var at_a = select(rows * p.k, rows, vec4<bool>(TRANS_A));
  var at_b = select(cols, cols * p.k, vec4<bool>(TRANS_B));
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var k = 0u; k < p.k; k++) {
    let right = vec4f(b_at(at_b.x), b_at(at_b.y), b_at(at_b.z), b_at(at_b.w));
    s0 += a[at_a.x] * right;
    s1 += a[at_a.y] * right;
    s2 += a[at_a.z] * right;
    s3 += a[at_a.w] * right;
    at_a += step_a;
    at_b += step_b;
  }
  write_row(m, n, s0);
  write_row(m + 1, n, s1);
  write_row(m + 2, n, s2);
  write_row(m + 3, n, s3);
}
