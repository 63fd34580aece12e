// ternary_project: randlora_project.wgsl for bases whose entries are 0 and +-v, with additions and subtractions in place of products
// with them: see lib/signs.wgsl. With c = k * bases + b, and the signs s_a and s_b of the entries, -1, 0 or 1:
//
//   g[c, j]      = gain * v_a * v_b * sum_m s_b[m, c] * dy[m, j]
//   dlambda[c]   = sum_j g[c, j] * s_a[k, j] * gamma[b, j]
//   dgamma[b, j] = sum_k g[c, j] * s_a[k, j] * lambda[c]
//
//   project   one workgroup per TILE_M x TILE_N tile of g and per slice of m: a tile is reduced on the spot, into one part of dlambda
//             per tile column and one of dgamma per k, for reduce.wgsl to sum
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides must be multiples of 4
// (ternary_direct.wgsl takes any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, slices: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> basis_b: array<u32>;                // (large, stride_b), words; the first rank * bases entries
@group(0) @binding(2) var<storage, read> basis_a: array<u32>;                // (rank, stride_a), words; the first `small` entries
@group(0) @binding(3) var<storage, read> lambda: array<f32>;                 // (rank, bases)
@group(0) @binding(4) var<storage, read> gamma: array<vec4f>;                // (bases, small)
@group(0) @binding(5) var<storage, read> dy: array<vec4f>;                   // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(6) var<storage, read_write> dlambda_parts: array<f32>;    // (slices, tile columns, rank, bases)
@group(0) @binding(7) var<storage, read_write> dgamma_parts: array<vec4f>;   // (slices, rank, bases, small)
@group(0) @binding(8) var<storage, read> levels: array<f32>;                 // (2), v_a and v_b

//! use signs
//! use diagonals

const TILE_M = 32u; // knob
const TILE_N = 128u; // knob
const ROWS = 4u; // knob
const COLUMNS = (4 * TILE_M + THREADS - 1) / THREADS; // loads of B, four rows of a column each

var<workgroup> named: array<vec4u, TILE_M>; // a word for each c, in four parts

fn gain() -> f32 { return p.gain * (levels[0] * levels[1]); }
fn times_a(v: vec4f, k: u32, j: u32) -> vec4f { return signed_four(v, basis_a[k * p.stride_a + j / 16] >> (j % 16 * 2)); }

// For load i of the (DEPTH, TILE_M) tile of B at (m, c): the words that hold the entries of a column in four rows.
fn load_column(i: u32, m: u32, c: u32) -> vec4u {
  var words: vec4u;
  for (var q = 0u; q < 4; q++) {
    let row = m + i / TILE_M * 4 + q;
    let column = c + i % TILE_M;
    if (row < p.large && column < p.rank * p.bases) { words[q] = basis_b[row * p.stride_b + column / 16]; }
  }
  return words;
}
// Turns them into those rows' bits in the column's word.
fn store_column(i: u32, c: u32, words: vec4u) {
  if (i >= 4 * TILE_M) { return; }
  let codes = ((words >> vec4u((c + i % TILE_M) % 16 * 2)) & vec4u(3)) << vec4u(0, 2, 4, 6);
  named[i % TILE_M][i / TILE_M] = (codes.x | codes.y | codes.z | codes.w) << (i / TILE_M * 8);
}
fn store_dy(i: u32, v: vec4f) {
  if (i >= DEPTH * SIDE_N) { return; }
  if (TRANSPOSED) {
    let j = i / (DEPTH / 4);
    let d = i % (DEPTH / 4) * 4;
    for (var q = 0u; q < 4; q++) { tile[(d + q) * STRIDE + j / 4][j % 4] = v[q]; }
  } else {
    tile[i / SIDE_N * STRIDE + i % SIDE_N] = v;
  }
}

@compute @workgroup_size(THREADS)
fn project(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let row = lane / SIDE_N * ROWS;
  let col = lane % SIDE_N;
  let c = group.y * TILE_M;
  let j = group.x * TILE_N;
  let rows = slice_rows(group.z);

  var g: array<vec4f, ROWS>;
  var next_b: array<vec4u, COLUMNS>;
  var next_dy: array<vec4f, LOADS>;
  for (var l = 0u; l < COLUMNS; l++) { next_b[l] = load_column(lane + l * THREADS, rows.x, c); }
  for (var l = 0u; l < LOADS; l++) { next_dy[l] = load_dy(lane + l * THREADS, rows.x, j, rows.y); }
  for (var m = rows.x; m < rows.y; m += DEPTH) {
    workgroupBarrier(); // all have read the tiles of the round before
    for (var l = 0u; l < COLUMNS; l++) { store_column(lane + l * THREADS, c, next_b[l]); }
    for (var l = 0u; l < LOADS; l++) { store_dy(lane + l * THREADS, next_dy[l]); }
    workgroupBarrier();
    // The next tiles are on their way while these are summed.
    for (var l = 0u; l < COLUMNS; l++) { next_b[l] = load_column(lane + l * THREADS, m + DEPTH, c); }
    for (var l = 0u; l < LOADS; l++) { next_dy[l] = load_dy(lane + l * THREADS, m + DEPTH, j, rows.y); }
    var words: array<u32, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
      let quarters = named[row + i];
      words[i] = (quarters.x | quarters.y) | (quarters.z | quarters.w);
    }
    add_rows(&g, words, col);
  }

  workgroupBarrier(); // the tile now holds what each invocation has of dlambda: (SIDE_N, TILE_M)
  for (var i = 0u; i < ROWS / 4; i++) {
    var sums: vec4f;
    for (var q = 0u; q < 4; q++) { sums[q] = reduce_row(group.z, c + row + 4 * i + q, j + col * 4, g[4 * i + q]); }
    tile[col * (TILE_M / 4) + row / 4 + i] = sums;
  }
  workgroupBarrier();
  for (var i = lane; i < TILE_M && c + i < p.rank * p.bases; i += THREADS) {
    var sum = 0.0;
    for (var s = 0u; s < SIDE_N; s++) { sum += tile[s * (TILE_M / 4) + i / 4][i % 4]; }
    dlambda_parts[(group.z * groups.x + group.x) * p.rank * p.bases + c + i] = sum;
  }
}
