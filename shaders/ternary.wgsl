// ternary: randlora.wgsl for bases whose entries are 0 and +-v, with additions and subtractions in place of products with them: see
// lib/signs.wgsl. With c = k * bases + b, and the signs s_a and s_b of the entries, -1, 0 or 1:
//
//   y[m, j] = w[m, j] + gain * v_a * v_b * sum_c s_b[m, c] * lambda[c] * s_a[k, j] * gamma[b, j]
//
//   merge   one workgroup per TILE_M x TILE_N tile of y
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides must be multiples of 4
// (ternary_direct.wgsl takes any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;          // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(2) var<storage, read> basis_b: array<u32>;      // (large, stride_b), words; the first rank * bases entries
@group(0) @binding(3) var<storage, read> basis_a: array<u32>;      // (rank, stride_a), words; the first `small` entries
@group(0) @binding(4) var<storage, read> lambda: array<f32>;       // (rank, bases)
@group(0) @binding(5) var<storage, read> gamma: array<vec4f>;      // (bases, small)
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;    // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(7) var<storage, read> levels: array<f32>;       // (2), v_a and v_b

//! use signs
//! use merged

const TILE_M = 32u; // knob
const TILE_N = 128u; // knob
const ROWS = 4u; // knob

// Four numbers of gamma, what they are to be scaled by, and the codes of A from there on.
struct Scaled { gamma: vec4f, lambda: f32, codes: u32 }

fn gain() -> f32 { return p.gain * (levels[0] * levels[1]); }

// For load i of the tile of scaled copies of A at (c, j); zero outside.
fn load_scaled(i: u32, first: u32, left_j: u32) -> Scaled {
  let c = first + i / SIDE_N;
  let j = left_j + i % SIDE_N * 4;
  if (c >= p.rank * p.bases || j >= p.small) { return Scaled(); }
  let k = c / p.bases;
  return Scaled(gamma[((c - k * p.bases) * p.small + j) / 4], lambda[c], basis_a[k * p.stride_a + j / 16] >> (j % 16 * 2));
}
fn store_scaled(i: u32, v: Scaled) {
  if (i < DEPTH * SIDE_N) { tile[i / SIDE_N * STRIDE + i % SIDE_N] = signed_four(v.lambda * v.gamma, v.codes); }
}
// The word of row m that holds column c; 0 outside.
fn b_word(m: u32, c: u32) -> u32 {
  if (m >= p.large || c >= p.rank * p.bases) { return 0u; }
  return basis_b[m * p.stride_b + c / 16];
}

@compute @workgroup_size(THREADS)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = group.y * TILE_M + lane / SIDE_N * ROWS;
  let col = lane % SIDE_N;
  let j = group.x * TILE_N;
  var sums: array<vec4f, ROWS>;
  var words: array<u32, ROWS>;
  var next: array<Scaled, LOADS>;
  for (var l = 0u; l < LOADS; l++) { next[l] = load_scaled(lane + l * THREADS, 0u, j); }
  for (var c = 0u; c < p.rank * p.bases; c += DEPTH) {
    for (var i = 0u; i < ROWS; i++) { words[i] = b_word(m + i, c); }
    workgroupBarrier(); // all have read the tile of the round before
    for (var l = 0u; l < LOADS; l++) { store_scaled(lane + l * THREADS, next[l]); }
    workgroupBarrier();
    // The next tile is on its way while this one is summed.
    for (var l = 0u; l < LOADS; l++) { next[l] = load_scaled(lane + l * THREADS, c + DEPTH, j); }
    add_rows(&sums, words, col);
  }
  for (var i = 0u; i < ROWS / 4; i++) {
    let block = mat4x4f(sums[4 * i], sums[4 * i + 1], sums[4 * i + 2], sums[4 * i + 3]);
    write_merged(m + 4 * i, j + col * 4, block);
  }
}
