// randlora: the weight of a layer with its RandLoRA update (arXiv 2502.00987, §4; column pairing as in PEFT). With c = k * bases + b:
//
//   y[m, j] = w[m, j] + gain * sum_c basis_b[m, c] * lambda[c] * basis_a[k, j] * gamma[b, j]
//
//   merge   one workgroup per TILE_M x TILE_N tile of y; the tile of A is scaled while it is stored, so that its copies, one per
//           basis, never exist in memory
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides and stride_a must be
// multiples of 4 (randlora_direct.wgsl takes any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;          // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(2) var<storage, read> basis_b: array<u32>;      // (large, stride_b), the first rank * bases columns: see lib/coded.wgsl
@group(0) @binding(3) var<storage, read> basis_a: array<vec4f>;    // (rank, stride_a), the first `small` columns
@group(0) @binding(4) var<storage, read> lambda: array<f32>;       // (rank, bases)
@group(0) @binding(5) var<storage, read> gamma: array<vec4f>;      // (bases, small)
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;    // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(7) var<storage, read> levels: array<f32>;       // (256), read if LEVELS

//! use tiles
//! use coded
//! use merged

const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const DEPTH = 16u; // knob
const ROWS = 4u; // knob
const COLS = 4u; // knob
const B_ROWS = TILE_M;
const B_COLS = DEPTH;
const LOADS_B = TILE_M * DEPTH / 4 / THREADS;
const LOADS_A = TILE_N * DEPTH / 4 / THREADS;

// Four numbers of A, and what they are to be scaled by.
struct Scaled { a: vec4f, gamma: vec4f, lambda: f32 }

fn gain() -> f32 { return p.gain; }

// For load i of the tile of scaled copies at (c, j); zero outside.
fn load_scaled(i: u32, first: u32, left_j: u32) -> Scaled {
  let c = first + i / (TILE_N / 4);
  let j = left_j + i % (TILE_N / 4) * 4;
  if (c >= p.rank * p.bases || j >= p.small) { return Scaled(); }
  let k = c / p.bases;
  return Scaled(basis_a[(k * p.stride_a + j) / 4], gamma[((c - k * p.bases) * p.small + j) / 4], lambda[c]);
}

fn store_scaled(i: u32, v: Scaled) {
  right[i / (TILE_N / 4) * STRIDE_N + i % (TILE_N / 4)] = v.lambda * v.a * v.gamma;
}
fn store_b(i: u32, v: vec4f) {
  for (var q = 0u; q < 4; q++) {
    let at = place_b(i, q);
    left[at.y * STRIDE_M + at.x / 4][at.x % 4] = v[q];
  }
}

@compute @workgroup_size(THREADS)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  fill_table(lane);
  let m = group.y * TILE_M;
  let j = group.x * TILE_N;
  var sums: array<vec4f, ROWS * COLS4>;
  var next_b: array<vec4u, LOADS_B>;
  var next_a: array<Scaled, LOADS_A>;
  for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_b(lane + l * THREADS, m, 0u); }
  for (var l = 0u; l < LOADS_A; l++) { next_a[l] = load_scaled(lane + l * THREADS, 0u, j); }
  for (var c = 0u; c < p.rank * p.bases; c += DEPTH) {
    workgroupBarrier(); // all have read the tiles of the round before
    for (var l = 0u; l < LOADS_B; l++) { store_b(lane + l * THREADS, numbers_b(next_b[l])); }
    for (var l = 0u; l < LOADS_A; l++) { store_scaled(lane + l * THREADS, next_a[l]); }
    workgroupBarrier();
    // The next tiles are on their way while these are multiplied.
    for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_b(lane + l * THREADS, m, c + DEPTH); }
    for (var l = 0u; l < LOADS_A; l++) { next_a[l] = load_scaled(lane + l * THREADS, c + DEPTH, j); }
    multiply_tiles(&sums, lane / SIDE_N, lane % SIDE_N);
  }
  for (var i = 0u; i < ROWS4; i++) {
    for (var n = 0u; n < COLS4; n++) {
      let at = i * 4 * COLS4 + n;
      let block = mat4x4f(sums[at], sums[at + COLS4], sums[at + 2 * COLS4], sums[at + 3 * COLS4]);
      write_merged(m + block_row(lane / SIDE_N, i), j + block_col(lane % SIDE_N, n), block);
    }
  }
}
