// randlora: the weight of a layer with its RandLoRA update, and the gradient of the update's diagonals (arXiv 2502.00987, §4;
// column pairing as in PEFT). With c = k * bases + b:
//
//   y[m, j]     = w[m, j] + gain * sum_c basis_b[m, c] * lambda[c] * basis_a[k, j] * gamma[b, j]
//   g[c, j]     = gain * sum_m basis_b[m, c] * dy[m, j]
//   dlambda[c]  = sum_j g[c, j] * basis_a[k, j] * gamma[b, j]
//   dgamma[b,j] = sum_k g[c, j] * basis_a[k, j] * lambda[c]
//
//   merge            one workgroup per TILE x TILE tile of y; the tile of A is scaled while it is loaded, so that its copies,
//                    one per basis, never exist in memory
//   project          one workgroup per TILE x TILE tile of (b, j), for every k in turn: a tile of g is reduced on the spot and
//                    never leaves the workgroup; dlambda comes as one part per tile column, for reduce.wgsl to sum
//
// m runs over the larger side of the layer, j over the smaller one; step_m and step_j say how w, y and dy lie in memory.

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, step_m: u32, step_j: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;                    // (out, in)
@group(0) @binding(2) var<storage, read> basis_b: array<f32>;              // (large, stride_b), the first rank * bases columns
@group(0) @binding(3) var<storage, read> basis_a: array<f32>;              // (rank, stride_a), the first `small` columns
@group(0) @binding(4) var<storage, read> lambda: array<f32>;               // (rank, bases)
@group(0) @binding(5) var<storage, read> gamma: array<f32>;                // (bases, small)
@group(0) @binding(6) var<storage, read_write> y: array<f32>;              // (out, in)
@group(0) @binding(7) var<storage, read> dy: array<f32>;                   // (out, in)
@group(0) @binding(8) var<storage, read_write> dlambda_parts: array<f32>;  // (parts, rank, bases)
@group(0) @binding(9) var<storage, read_write> dgamma: array<f32>;         // (bases, small)

const TILE = 32u; // knob
const DEPTH = 16u; // knob
const SIDE = TILE / 4; // invocations along a tile; each owns 4 x 4 of its numbers
const THREADS = SIDE * SIDE;
const LOADS = DEPTH * TILE / THREADS;
const STRIDE = TILE / 4 + 1;

var<workgroup> left: array<vec4f, DEPTH * STRIDE>;    // (DEPTH, TILE), rows of the result
var<workgroup> right: array<vec4f, DEPTH * STRIDE>;   // (DEPTH, TILE), columns of the result
var<workgroup> parts: array<vec4f, SIDE * SIDE>;

// Entry (c, j) of the scaled copies of A; zero outside.
fn scaled_a(c: u32, j: u32) -> f32 {
  if (c >= p.rank * p.bases || j >= p.small) { return 0.0; }
  return lambda[c] * basis_a[(c / p.bases) * p.stride_a + j] * gamma[(c % p.bases) * p.small + j];
}
fn b_at(m: u32, c: u32) -> f32 {
  if (m >= p.large || c >= p.rank * p.bases) { return 0.0; }
  return basis_b[m * p.stride_b + c];
}
fn dy_at(m: u32, j: u32) -> f32 {
  if (m >= p.large || j >= p.small) { return 0.0; }
  return dy[m * p.step_m + j * p.step_j];
}
fn a_row(k: u32, j: u32) -> vec4f {
  var row = vec4f();
  for (var i = 0u; i < 4; i++) { if (j + i < p.small) { row[i] = basis_a[k * p.stride_a + j + i]; } }
  return row;
}
fn gamma_row(b: u32, j: u32) -> vec4f {
  var row = vec4f();
  for (var i = 0u; i < 4; i++) { if (b < p.bases && j + i < p.small) { row[i] = gamma[b * p.small + j + i]; } }
  return row;
}

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

// sums += leftᵀ * right over the DEPTH rows of the shared tiles.
fn multiply_tiles(sums: ptr<function, array<vec4f, 4>>, row: u32, col: u32) {
  for (var d = 0u; d < DEPTH; d++) {
    let l = left[d * STRIDE + row];
    let r = right[d * STRIDE + col];
    for (var i = 0u; i < 4; i++) { (*sums)[i] += l[i] * r; }
  }
}

@compute @workgroup_size(THREADS)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = lane / SIDE;
  let col = lane % SIDE;
  var sums: array<vec4f, 4>;
  for (var c = 0u; c < p.rank * p.bases; c += DEPTH) {
    workgroupBarrier(); // the tiles before have been used
    // A fixed number of rounds, so that the compiler can have all loads under way at once.
    for (var l = 0u; l < LOADS; l++) {
      let e = lane + l * THREADS;
      // B is read along c and A along j, as they lie in memory.
      left[(e % DEPTH) * STRIDE + (e / DEPTH) / 4][(e / DEPTH) % 4] = b_at(group.y * TILE + e / DEPTH, c + e % DEPTH);
      right[(e / TILE) * STRIDE + (e % TILE) / 4][e % 4] = scaled_a(c + e / TILE, group.x * TILE + e % TILE);
    }
    workgroupBarrier();
    multiply_tiles(&sums, row, col);
  }
  for (var i = 0u; i < 4; i++) { write_merged(group.y * TILE + row * 4 + i, group.x * TILE + col * 4, sums[i]); }
}

@compute @workgroup_size(THREADS)
fn project(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = lane / SIDE;
  let col = lane % SIDE;
  let b = group.y * TILE + row * 4;
  let j = group.x * TILE + col * 4;
  var dgamma_sums: array<vec4f, 4>;
  for (var k = 0u; k < p.rank; k++) {
    var g = array<vec4f, 4>(); // spelt out: some drivers zero a variable once, not once per round
    for (var m = 0u; m < p.large; m += DEPTH) {
      workgroupBarrier(); // the tiles before have been used
      for (var l = 0u; l < LOADS; l++) {
        let e = lane + l * THREADS;
        let local_b = group.y * TILE + e % TILE;
        left[(e / TILE) * STRIDE + (e % TILE) / 4][e % 4] = select(0.0, b_at(m + e / TILE, k * p.bases + local_b), local_b < p.bases);
        right[(e / TILE) * STRIDE + (e % TILE) / 4][e % 4] = dy_at(m + e / TILE, group.x * TILE + e % TILE);
      }
      workgroupBarrier();
      multiply_tiles(&g, row, col);
    }
    let a = a_row(k, j);
    var part: vec4f;
    for (var i = 0u; i < 4; i++) {
      let c = k * p.bases + b + i;
      if (b + i < p.bases) { dgamma_sums[i] += lambda[c] * g[i] * a; }
      part[i] = dot(g[i] * a, gamma_row(b + i, j));
    }
    parts[row * SIDE + col] = part; // the barriers of the next round lie between this row's readers and its next writers
    workgroupBarrier();
    if (col == 0) {
      var sum = vec4f();
      for (var s = 0u; s < SIDE; s++) { sum += parts[row * SIDE + s]; }
      for (var i = 0u; i < 4; i++) {
        if (b + i < p.bases) { dlambda_parts[(group.x * p.rank + k) * p.bases + b + i] = p.gain * sum[i]; }
      }
    }
  }
  for (var i = 0u; i < 4; i++) { write_dgamma(b + i, j, dgamma_sums[i]); }
}
