// attention_direct: y = alpha * op(a) * op(b) for every image and head, as attention_product.wgsl, for any size and from registers alone.
//
//   direct   one invocation per 4 x 4 block of y of one image and head
//
// No barriers and no shared memory: what a CPU adapter runs fastest.

@group(0) @binding(1) var<storage, read> a: array<f32>;         // (m, k), TRANS_A: (k, m); of every image and head
@group(0) @binding(2) var<storage, read> b: array<f32>;         // (k, n), TRANS_B: (n, k); of every image and head
@group(0) @binding(3) var<storage, read_write> y: array<f32>;   // (m, n); of every image and head

//! use heads

fn write_row(at: u32, m: u32, n: u32, v: vec4f) {
  for (var c = 0u; c < 4; c++) {
    if (m >= p.m || n + c >= p.n) { return; }
    y[at + m * p.y_stride + n + c] = p.alpha * v[c];
  }
}

@compute @workgroup_size(8, 8)
fn direct(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 4;
  let m = id.y * 4;
  if (m >= p.m || n >= p.n) { return; }
  let image = id.z / p.heads;
  let head = id.z % p.heads;
  // Rows and columns past the end repeat the last one; their sums are not written.
  let rows = min(vec4u(m, m + 1, m + 2, m + 3), vec4u(p.m - 1));
  let cols = min(vec4u(n, n + 1, n + 2, n + 3), vec4u(p.n - 1));
  let step_a = select(1u, p.a_stride, TRANS_A);
  let step_b = select(p.b_stride, 1u, TRANS_B);
  var at_a = p.a_first + image * p.a_image + head * p.a_head + select(rows * p.a_stride, rows, vec4<bool>(TRANS_A));
  var at_b = p.b_first + image * p.b_image + head * p.b_head + select(cols, cols * p.b_stride, vec4<bool>(TRANS_B));
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var k = 0u; k < p.k; k++) {
    let right = vec4f(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]);
    s0 += a[at_a.x] * right;
    s1 += a[at_a.y] * right;
    s2 += a[at_a.z] * right;
    s3 += a[at_a.w] * right;
    at_a += step_a;
    at_b += step_b;
  }
  let at = p.y_first + image * p.y_image + head * p.y_head;
  write_row(at, m, n, s0);
  write_row(at, m + 1, n, s1);
  write_row(at, m + 2, n, s2);
  write_row(at, m + 3, n, s3);
}
