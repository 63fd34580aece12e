// randlora_direct: what randlora.wgsl computes, from registers alone, for CPU adapters: no barriers and no shared memory.
//
//   merge     one invocation per 4 x 4 block of y
//   project   one invocation per 4 x 4 block of (b, j), for every k in turn; dlambda comes as one part per four columns

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, step_m: u32, step_j: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;                    // (out, in)
@group(0) @binding(2) var<storage, read> basis_b: array<u32>;              // (large, stride_b), the first rank * bases columns: bits of f32, or LEVELS
@group(0) @binding(3) var<storage, read> basis_a: array<f32>;              // (rank, stride_a), the first `small` columns
@group(0) @binding(4) var<storage, read> lambda: array<f32>;               // (rank, bases)
@group(0) @binding(5) var<storage, read> gamma: array<f32>;                // (bases, small)
@group(0) @binding(6) var<storage, read_write> y: array<f32>;              // (out, in)
@group(0) @binding(7) var<storage, read> dy: array<f32>;                   // (out, in)
@group(0) @binding(8) var<storage, read_write> dlambda_parts: array<f32>;  // (parts, rank, bases)
@group(0) @binding(9) var<storage, read_write> dgamma: array<f32>;         // (bases, small)
@group(0) @binding(10) var<storage, read> levels: array<f32>;              // (256), read if LEVELS

override LEVELS: bool = false;

fn write_merged(m: u32, j: u32, v: vec4f) {
  for (var i = 0u; i < 4; i++) {
    if (m >= p.large || j + i >= p.small) { return; }
    let at = m * p.step_m + (j + i) * p.step_j;
    y[at] = w[at] + p.gain * v[i];
  }
}
fn write_dgamma(b: u32, j: u32, v: vec4f) {
  for (var i = 0u; i < 4; i++) {
    if (b < p.bases && j + i < p.small) { dgamma[b * p.small + j + i] = p.gain * v[i]; }
  }
}

fn write_dlambda(part: u32, b: u32, v: f32) {
  if (b < p.bases) { dlambda_parts[part + b] = p.gain * v; }
}

// Rows and columns past the end repeat the last one: what comes of them is not written.
fn four(first: u32, end: u32) -> vec4u {
  return min(vec4u(first, first + 1, first + 2, first + 3), vec4u(end - 1));
}
fn a4(k: u32, j: vec4u) -> vec4f {
  let at = k * p.stride_a + j;
  return vec4f(basis_a[at.x], basis_a[at.y], basis_a[at.z], basis_a[at.w]);
}
fn gamma4(b: u32, j: vec4u) -> vec4f {
  let at = b * p.small + j;
  return vec4f(gamma[at.x], gamma[at.y], gamma[at.z], gamma[at.w]);
}

fn words4(at: vec4u) -> vec4u {
  return vec4u(basis_b[at.x], basis_b[at.y], basis_b[at.z], basis_b[at.w]);
}
// The numbers of columns c, by the words that hold their codes.
fn levels4(words: vec4u, c: vec4u) -> vec4f {
  let codes = (words >> (c % 4 * 8)) & vec4u(255);
  return vec4f(levels[codes.x], levels[codes.y], levels[codes.z], levels[codes.w]);
}
// Columns c, at most four in a line, of the row of B that begins at `row`.
fn b4(row: u32, c: vec4u) -> vec4f {
  if (!LEVELS) { return bitcast<vec4f>(words4(row + c)); }
  let words = vec2u(basis_b[row + c.x / 4], basis_b[row + c.w / 4]);
  return levels4(select(vec4u(words.x), vec4u(words.y), c / 4 > vec4u(c.x / 4)), c);
}

@compute @workgroup_size(8, 8)
fn merge(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 4;
  let j = id.x * 4;
  if (m >= p.large || j >= p.small) { return; }
  let rows = four(m, p.large) * p.stride_b;
  let cols = four(j, p.small);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var words: vec4u; // LEVELS: codes of four columns, of each row
  for (var k = 0u; k < p.rank; k++) {
    let a = a4(k, cols);
    for (var b = 0u; b < p.bases; b++) {
      let c = k * p.bases + b;
      let scaled = lambda[c] * a * gamma4(b, cols);
      var column: vec4f;
      if (LEVELS) {
        if (b == 0 || c % 4 == 0) { words = words4(rows + c / 4); }
        column = levels4(words, vec4u(c));
      } else {
        column = bitcast<vec4f>(words4(rows + c));
      }
      s0 += column.x * scaled;
      s1 += column.y * scaled;
      s2 += column.z * scaled;
      s3 += column.w * scaled;
    }
  }
  write_merged(m, j, s0);
  write_merged(m + 1, j, s1);
  write_merged(m + 2, j, s2);
  write_merged(m + 3, j, s3);
}

@compute @workgroup_size(8, 8)
fn project(@builtin(global_invocation_id) id: vec3u) {
  let b = id.y * 4;
  let j = id.x * 4;
  if (b >= p.bases || j >= p.small) { return; }
  let bases = four(b, p.bases);
  let cols = four(j, p.small);
  let used = vec4f(vec4u(j, j + 1, j + 2, j + 3) < vec4u(p.small)); // a repeated column must not be summed again
  // Four of everything by name: an index that varies makes arrays of registers slow on a CPU adapter.
  var sums0 = vec4f();
  var sums1 = vec4f();
  var sums2 = vec4f();
  var sums3 = vec4f();
  for (var k = 0u; k < p.rank; k++) {
    let c = k * p.bases + bases;
    var g0 = vec4f();
    var g1 = vec4f();
    var g2 = vec4f();
    var g3 = vec4f();
    for (var m = 0u; m < p.large; m++) {
      let at = m * p.step_m + cols * p.step_j;
      let grad = vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
      let row = b4(m * p.stride_b, c);
      g0 += row.x * grad;
      g1 += row.y * grad;
      g2 += row.z * grad;
      g3 += row.w * grad;
    }
    let a = a4(k, cols) * used;
    let part = (id.x * p.rank + k) * p.bases;
    sums0 += lambda[c.x] * g0 * a;
    sums1 += lambda[c.y] * g1 * a;
    sums2 += lambda[c.z] * g2 * a;
    sums3 += lambda[c.w] * g3 * a;
    write_dlambda(part, b, dot(g0 * a, gamma4(bases.x, cols)));
    write_dlambda(part, b + 1, dot(g1 * a, gamma4(bases.y, cols)));
    write_dlambda(part, b + 2, dot(g2 * a, gamma4(bases.z, cols)));
    write_dlambda(part, b + 3, dot(g3 * a, gamma4(bases.w, cols)));
  }
  write_dgamma(b, j, sums0);
  write_dgamma(b + 1, j, sums1);
  write_dgamma(b + 2, j, sums2);
  write_dgamma(b + 3, j, sums3);
}
