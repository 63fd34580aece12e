// randlora_project: the gradient of the scaled copies of A of a RandLoRA update, from that of the weight. With c = k * bases + b:
//
//   g[c, j] = sum_m basis_b[m, c] * dy[m, j]
//
//   project   one workgroup per TILE_M x TILE_N tile of g and per slice of m, for randlora_diagonals.wgsl to sum
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides must be multiples of 4
// (randlora_direct.wgsl and ternary_direct.wgsl take any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_b: u32, slices: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> basis_b: array<u32>;        // (large, stride_b), the first rank * bases columns: see lib/coded.wgsl
@group(0) @binding(2) var<storage, read> levels: array<f32>;         // (256), read if LEVELS
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;           // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(4) var<storage, read_write> first: array<vec4f>;  // (bases, small): the first `bases` rows of (slices, rank, bases, small)
@group(0) @binding(5) var<storage, read_write> rest: array<vec4f>;   // (slices * rank * bases - bases, small): the others

//! use tiles
//! use coded

override TRANSPOSED: bool = false; // in > out: dy is (small, large)
const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const DEPTH = 16u; // knob
const ROWS = 4u; // knob
const COLS = 4u; // knob
const SPLIT = 1u; // knob
const STAGES = 1u; // knob
const SIZE_B = TILE_M * DEPTH / 4;
const SIZE_DY = TILE_N * DEPTH / 4;
const LOADS_B = (SIZE_B + THREADS - 1) / THREADS;
const LOADS_DY = (SIZE_DY + THREADS - 1) / THREADS;

// For load i of the tile of B at (m, c).
fn load_left(i: u32, m: u32, c: u32) -> vec4u {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return vec4u(); }
  return load_b(m + i / (TILE_M / 4), c + i % (TILE_M / 4) * 4);
}
fn store_left(i: u32, stage: u32, v: vec4f) {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return; }
  tiles[stage % STAGES * STAGE + i / (TILE_M / 4) % DEPTH * STRIDE_M + i % (TILE_M / 4)] = v;
}

// Four numbers of the tile of dy at (m, j), for load i: of a row, or TRANSPOSED of a column; zero from row `end` on.
fn load_dy(i: u32, m: u32, j: u32, end: u32) -> vec4f {
  let some = SIZE_DY % THREADS == 0 || i < SIZE_DY;
  if (TRANSPOSED) {
    let at_m = m + i % (DEPTH / 4) * 4;
    let at_j = j + i / (DEPTH / 4);
    if (some && (WHOLE || (at_m < end && at_j < p.small))) { return dy[(at_j * p.large + at_m) / 4]; }
  } else {
    let at_m = m + i / (TILE_N / 4);
    let at_j = j + i % (TILE_N / 4) * 4;
    if (some && (WHOLE || (at_m < end && at_j < p.small))) { return dy[(at_m * p.small + at_j) / 4]; }
  }
  return vec4f();
}
fn store_dy(i: u32, stage: u32, v: vec4f) {
  if (SIZE_DY % THREADS != 0 && i >= SIZE_DY) { return; }
  if (TRANSPOSED) {
    let j = i / (DEPTH / 4) % TILE_N;
    for (var q = 0u; q < 4; q++) {
      let d = i % (DEPTH / 4) * 4 + q;
      tiles[stage % STAGES * STAGE + RIGHT + d * STRIDE_N + j / 4][j % 4] = v[q];
    }
  } else {
    tiles[stage % STAGES * STAGE + RIGHT + i / (TILE_N / 4) % DEPTH * STRIDE_N + i % (TILE_N / 4)] = v;
  }
}

@compute @workgroup_size(THREADS)
fn project(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  fill_table(lane);
  let corner = vec2u(group.y * TILE_M, group.x * TILE_N);
  // Slices begin at multiples of DEPTH, so a vec4 along m lies in one of them.
  let depth = (p.large + p.slices * DEPTH - 1) / (p.slices * DEPTH) * DEPTH;
  let begin = group.z * depth;
  let end = min(p.large, begin + depth);
  var sums: array<vec4f, SUMS>;
  var next_b: array<vec4u, LOADS_B>;
  var next_dy: array<vec4f, LOADS_DY>;
  for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_left(lane + l * THREADS, begin, corner.x); }
  for (var l = 0u; l < LOADS_DY; l++) { next_dy[l] = load_dy(lane + l * THREADS, begin, corner.y, end); }
  let rounds = (max(end, begin) - begin + DEPTH - 1) / DEPTH;
  for (var round = 0u; round < rounds; round++) {
    var left: array<vec4f, LOADS_B>;
    for (var l = 0u; l < LOADS_B; l++) { left[l] = numbers(next_b[l]); }
    if (STAGES == 1) { workgroupBarrier(); } // all have read the tiles of the round before
    for (var l = 0u; l < LOADS_B; l++) { store_left(lane + l * THREADS, round, left[l]); }
    for (var l = 0u; l < LOADS_DY; l++) { store_dy(lane + l * THREADS, round, next_dy[l]); }
    workgroupBarrier();
    // The next tiles are on their way while these are multiplied.
    let m = begin + (round + 1) * DEPTH;
    for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_left(lane + l * THREADS, m, corner.x); }
    for (var l = 0u; l < LOADS_DY; l++) { next_dy[l] = load_dy(lane + l * THREADS, m, corner.y, end); }
    multiply_tiles(&sums, round, lane);
  }
  var kept: array<vec4f, KEPT>;
  gather(&kept, &sums, lane);
  let rows = p.rank * p.bases;
  for (var n = 0u; n < KEPT; n++) {
    let place = corner + place_of(n, lane);
    if (!holds(n, lane) || !(WHOLE || all(place < vec2u(rows, p.small)))) { continue; }
    let row = group.z * rows + place.x;
    if (row < p.bases) {
      first[(row * p.small + place.y) / 4] = kept[n];
    } else {
      rest[((row - p.bases) * p.small + place.y) / 4] = kept[n];
    }
  }
}
