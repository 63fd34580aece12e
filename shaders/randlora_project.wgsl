// randlora_project: the gradient of the diagonals of a RandLoRA update, from that of the weight. With c = k * bases + b:
//
//   g[c, j]      = gain * sum_m basis_b[m, c] * dy[m, j]
//   dlambda[c]   = sum_j g[c, j] * basis_a[k, j] * gamma[b, j]
//   dgamma[b, j] = sum_k g[c, j] * basis_a[k, j] * lambda[c]
//
//   project   one workgroup per TILE_M x TILE_N tile of g and per slice of m: a tile is reduced on the spot, into one part of dlambda
//             per tile column and one of dgamma per k, for reduce.wgsl to sum
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides and stride_a must be
// multiples of 4 (randlora_direct.wgsl takes any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, slices: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> basis_b: array<u32>;                // (large, stride_b), the first rank * bases columns: see lib/coded.wgsl
@group(0) @binding(2) var<storage, read> basis_a: array<vec4f>;              // (rank, stride_a), the first `small` columns
@group(0) @binding(3) var<storage, read> lambda: array<f32>;                 // (rank, bases)
@group(0) @binding(4) var<storage, read> gamma: array<vec4f>;                // (bases, small)
@group(0) @binding(5) var<storage, read> dy: array<vec4f>;                   // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(6) var<storage, read_write> dlambda_parts: array<f32>;    // (slices, tile columns, rank, bases)
@group(0) @binding(7) var<storage, read_write> dgamma_parts: array<vec4f>;   // (slices, rank, bases, small)
@group(0) @binding(8) var<storage, read> levels: array<f32>;                 // (256), read if LEVELS

//! use tiles
//! use coded
//! use diagonals

const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const DEPTH = 16u; // knob
const ROWS = 4u; // knob
const COLS = 4u; // knob
const B_ROWS = DEPTH;
const B_COLS = TILE_M;
const LOADS_B = TILE_M * DEPTH / 4 / THREADS;
const LOADS_DY = TILE_N * DEPTH / 4 / THREADS;

fn gain() -> f32 { return p.gain; }
fn times_a(v: vec4f, k: u32, j: u32) -> vec4f { return v * basis_a[(k * p.stride_a + j) / 4]; }

fn store_b(i: u32, v: vec4f) {
  if (LEVELS) {
    left[i / (TILE_M / 4) * STRIDE_M + i % (TILE_M / 4)] = v;
  } else {
    for (var q = 0u; q < 4; q++) {
      let at = place_b(i, q);
      left[at.x * STRIDE_M + at.y / 4][at.y % 4] = v[q];
    }
  }
}
fn store_dy(i: u32, v: vec4f) {
  if (TRANSPOSED) {
    let j = i / (DEPTH / 4);
    let d = i % (DEPTH / 4) * 4;
    for (var q = 0u; q < 4; q++) { right[(d + q) * STRIDE_N + j / 4][j % 4] = v[q]; }
  } else {
    right[i / (TILE_N / 4) * STRIDE_N + i % (TILE_N / 4)] = v;
  }
}

@compute @workgroup_size(THREADS)
fn project(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  fill_table(lane);
  let row = lane / SIDE_N;
  let col = lane % SIDE_N;
  let c = group.y * TILE_M;
  let j = group.x * TILE_N;
  let rows = slice_rows(group.z);

  var g: array<vec4f, ROWS * COLS4>;
  var next_b: array<vec4u, LOADS_B>;
  var next_dy: array<vec4f, LOADS_DY>;
  for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_b(lane + l * THREADS, rows.x, c); }
  for (var l = 0u; l < LOADS_DY; l++) { next_dy[l] = load_dy(lane + l * THREADS, rows.x, j, rows.y); }
  for (var m = rows.x; m < rows.y; m += DEPTH) {
    workgroupBarrier(); // all have read the tiles of the round before
    for (var l = 0u; l < LOADS_B; l++) { store_b(lane + l * THREADS, numbers_b(next_b[l])); }
    for (var l = 0u; l < LOADS_DY; l++) { store_dy(lane + l * THREADS, next_dy[l]); }
    workgroupBarrier();
    // The next tiles are on their way while these are multiplied.
    for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_b(lane + l * THREADS, m + DEPTH, c); }
    for (var l = 0u; l < LOADS_DY; l++) { next_dy[l] = load_dy(lane + l * THREADS, m + DEPTH, j, rows.y); }
    multiply_tiles(&g, row, col);
  }

  workgroupBarrier(); // `left` now holds what each invocation has of dlambda: (SIDE_N, TILE_M)
  for (var i = 0u; i < ROWS4; i++) {
    var sums: vec4f;
    for (var q = 0u; q < 4; q++) {
      var sum = 0.0; // spelt out: some drivers zero a variable once, not once per round
      for (var n = 0u; n < COLS4; n++) {
        sum += reduce_row(group.z, c + block_row(row, i) + q, j + block_col(col, n), g[(i * 4 + q) * COLS4 + n]);
      }
      sums[q] = sum;
    }
    left[col * (TILE_M / 4) + block_row(row, i) / 4] = sums;
  }
  workgroupBarrier();
  for (var i = lane; i < TILE_M && c + i < p.rank * p.bases; i += THREADS) {
    var sum = 0.0;
    for (var s = 0u; s < SIDE_N; s++) { sum += left[s * (TILE_M / 4) + i / 4][i % 4]; }
    dlambda_parts[(group.z * groups.x + group.x) * p.rank * p.bases + c + i] = sum;
  }
}
