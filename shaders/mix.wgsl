// mix: a weighted sum of random tensors that exist only while they are summed. Tensor b has the numbers u_b[e], uniform on a grid
// in [-1, 1); weights are given per tensor (C = 1) or per tensor and column (C columns):
//
//   y[e]     = start * u_n[e] + bound * sum_b c[b, e % C] * u_b[e]
//   dc[b, j] = bound * sum of dy[e] * u_b[e] over all e with e % C = j
//
//   forward   one invocation per number and slice of the tensors; reduce.wgsl sums the slices
//   backward  one invocation per three tensors, column and slice of the rows; reduce.wgsl sums the slices
//
// One hash gives the numbers of three tensors at e: u_b[e] is from component b % 3 of pcg3d(seed, stream, (b / 3) * m + e).

struct Params { n: u32, rows: u32, columns: u32, seed: u32, stream: u32, slice: u32, slices: u32, bound: f32, start: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<f32>;               // (n, columns)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;         // (slices, rows * columns)
@group(0) @binding(3) var<storage, read> dy: array<f32>;              // (rows * columns)
@group(0) @binding(4) var<storage, read_write> dc: array<f32>;        // (slices, n, columns)

override WG: u32 = 64;

//! use flat
//! use pcg3d

// The numbers of tensors 3 triple, 3 triple + 1 and 3 triple + 2 at e.
fn draw(triple: u32, e: u32) -> vec3f {
  let bits = pcg3d(vec3u(p.seed, p.stream, triple * p.rows * p.columns + e));
  return vec3f(bits >> vec3u(8)) * 0x1p-23 - 1;
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  let m = p.rows * p.columns;
  if (i >= p.slices * m) { return; }
  let e = i % m;
  let column = e % p.columns;
  let first = i / m * p.slice;
  var sum = 0.0;
  // Tensor n is the start: its weight is not in c.
  for (var triple = first; triple < min(first + p.slice, p.n / 3 + 1); triple++) {
    let u = draw(triple, e);
    for (var k = 0u; k < 3; k++) {
      let b = 3 * triple + k;
      if (b < p.n) { sum += p.bound * c[b * p.columns + column] * u[k]; }
      if (b == p.n) { sum += p.start * u[k]; }
    }
  }
  y[i] = sum;
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  let triples = (p.n + 2) / 3;
  if (i >= p.slices * triples * p.columns) { return; }
  let column = i % p.columns;
  let triple = i / p.columns % triples;
  let slice = i / p.columns / triples;
  var sum = vec3f();
  for (var row = slice * p.slice; row < min((slice + 1) * p.slice, p.rows); row++) {
    let e = row * p.columns + column;
    sum += dy[e] * draw(triple, e);
  }
  for (var k = 0u; k < 3; k++) {
    let b = 3 * triple + k;
    if (b < p.n) { dc[(slice * p.n + b) * p.columns + column] = p.bound * sum[k]; }
  }
}
