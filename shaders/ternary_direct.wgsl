// ternary_direct: what ternary.wgsl computes, from registers alone, for CPU adapters: no barriers and no shared memory.
//
//   merge     one invocation per 4 x 4 block of y
//   project   one invocation per 4 x 4 block of (b, j), for every k in turn; dlambda comes as one part per four columns

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, step_m: u32, step_j: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;                    // (out, in)
@group(0) @binding(2) var<storage, read> basis_b: array<u32>;              // (large, stride_b), words; the first rank * bases entries
@group(0) @binding(3) var<storage, read> basis_a: array<u32>;              // (rank, stride_a), words; the first `small` entries
@group(0) @binding(4) var<storage, read> lambda: array<f32>;               // (rank, bases)
@group(0) @binding(5) var<storage, read> gamma: array<f32>;                // (bases, small)
@group(0) @binding(6) var<storage, read_write> y: array<f32>;              // (out, in)
@group(0) @binding(7) var<storage, read> dy: array<f32>;                   // (out, in)
@group(0) @binding(8) var<storage, read_write> dlambda_parts: array<f32>;  // (parts, rank, bases)
@group(0) @binding(9) var<storage, read_write> dgamma: array<f32>;         // (bases, small)
@group(0) @binding(10) var<storage, read> levels: array<f32>;              // (2), the magnitudes of A and of B

fn gain() -> f32 { return p.gain * (levels[0] * levels[1]); }
fn write_merged(m: u32, j: u32, v: vec4f) {
  for (var i = 0u; i < 4; i++) {
    if (m >= p.large || j + i >= p.small) { return; }
    let at = m * p.step_m + (j + i) * p.step_j;
    y[at] = w[at] + gain() * v[i];
  }
}
fn write_dgamma(b: u32, j: u32, v: vec4f) {
  for (var i = 0u; i < 4; i++) {
    if (b < p.bases && j + i < p.small) { dgamma[b * p.small + j + i] = gain() * v[i]; }
  }
}

// Rows and columns past the end repeat the last one: what comes of them is not written.
fn four(first: u32, end: u32) -> vec4u {
  return min(vec4u(first, first + 1, first + 2, first + 3), vec4u(end - 1));
}
// Codes of four entries, by the words they are in: 1 adds, 2 subtracts.
fn codes(words: vec4u, at: vec4u) -> vec4u {
  return (words >> (at % 16 * 2)) & vec4u(3);
}
fn a4(k: u32, j: vec4u) -> vec4u {
  let at = k * p.stride_a + j / 16;
  return codes(vec4u(basis_a[at.x], basis_a[at.y], basis_a[at.z], basis_a[at.w]), j);
}
// Of columns c, at most four in a line, of the row of B that begins at `row`.
fn b4(row: u32, c: vec4u) -> vec4u {
  let words = vec2u(basis_b[row + c.x / 16], basis_b[row + c.w / 16]);
  return codes(select(vec4u(words.x), vec4u(words.y), c / 16 > vec4u(c.x / 16)), c);
}
fn gamma4(b: u32, j: vec4u) -> vec4f {
  let at = b * p.small + j;
  return vec4f(gamma[at.x], gamma[at.y], gamma[at.z], gamma[at.w]);
}
// Each number of v, by a code of its own.
fn signed4(v: vec4f, code: vec4u) -> vec4f {
  return select(vec4f(), v, (code & vec4u(1)) != vec4u()) - select(vec4f(), v, (code & vec4u(2)) != vec4u());
}
fn signed(v: vec4f, code: u32) -> vec4f { return signed4(v, vec4u(code)); }

@compute @workgroup_size(8, 8)
fn merge(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 4;
  let j = id.x * 4;
  if (m >= p.large || j >= p.small) { return; }
  let rows = four(m, p.large) * p.stride_b;
  let cols = four(j, p.small);
  var sums = array<vec4f, 4>();
  var words: vec4u; // sixteen columns of each row
  for (var k = 0u; k < p.rank; k++) {
    let a = a4(k, cols);
    for (var b = 0u; b < p.bases; b++) {
      let c = k * p.bases + b;
      if (b == 0 || c % 16 == 0) {
        let at = rows + c / 16;
        words = vec4u(basis_b[at.x], basis_b[at.y], basis_b[at.z], basis_b[at.w]);
      }
      let code = codes(words, vec4u(c));
      if (all(code == vec4u())) { continue; }
      let scaled = signed4(lambda[c] * gamma4(b, cols), a);
      sums[0] += signed(scaled, code.x);
      sums[1] += signed(scaled, code.y);
      sums[2] += signed(scaled, code.z);
      sums[3] += signed(scaled, code.w);
    }
  }
  for (var i = 0u; i < 4; i++) { write_merged(m + i, j, sums[i]); }
}

@compute @workgroup_size(8, 8)
fn project(@builtin(global_invocation_id) id: vec3u) {
  let b = id.y * 4;
  let j = id.x * 4;
  if (b >= p.bases || j >= p.small) { return; }
  let bases = four(b, p.bases);
  let cols = four(j, p.small);
  let used = vec4f(vec4u(j, j + 1, j + 2, j + 3) < vec4u(p.small)); // a repeated column must not be summed again
  var dgamma_sums = array<vec4f, 4>();
  for (var k = 0u; k < p.rank; k++) {
    let c = k * p.bases + bases;
    var g = array<vec4f, 4>();
    for (var m = 0u; m < p.large; m++) {
      let code = b4(m * p.stride_b, c);
      if (all(code == vec4u())) { continue; }
      let at = m * p.step_m + cols * p.step_j;
      let grad = vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
      g[0] += signed(grad, code.x);
      g[1] += signed(grad, code.y);
      g[2] += signed(grad, code.z);
      g[3] += signed(grad, code.w);
    }
    let a = a4(k, cols);
    for (var i = 0u; i < 4; i++) {
      if (b + i >= p.bases) { break; }
      let by_a = signed4(g[i], a) * used;
      dgamma_sums[i] += lambda[c[i]] * by_a;
      dlambda_parts[(id.x * p.rank + k) * p.bases + b + i] = gain() * dot(by_a, gamma4(b + i, cols));
    }
  }
  for (var i = 0u; i < 4; i++) { write_dgamma(b + i, j, dgamma_sums[i]); }
}
