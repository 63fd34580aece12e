// randlora: the weight of a layer with its RandLoRA update (arXiv 2502.00987, §4; column pairing as in PEFT). With c = k * bases + b:
//
//   y[m, j] = w[m, j] + gain * sum_c basis_b[m, c] * lambda[c] * basis_a[k, j] * gamma[b, j]
//
//   merge   one workgroup per TILE_M x TILE_N tile of y; the tile of A is scaled while it is stored, so that its copies, one per
//           basis, never exist in memory
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides and, unless A is
// codes, stride_a must be multiples of 4 (randlora_direct.wgsl and ternary_direct.wgsl take any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;          // (large, small), TRANSPOSED: (small, large)
@group(0) @binding(2) var<storage, read> basis_b: array<u32>;      // (large, stride_b), the first rank * bases columns: see lib/coded.wgsl
@group(0) @binding(3) var<storage, read> basis_a: array<vec4f>;    // (rank, stride_a), the first `small` columns; read unless SIGNS
@group(0) @binding(4) var<storage, read> signs_a: array<u32>;      // (rank, stride_a), the first `small` columns; read if SIGNS
@group(0) @binding(5) var<storage, read> lambda: array<f32>;       // (rank, bases)
@group(0) @binding(6) var<storage, read> gamma: array<vec4f>;      // (bases, small)
@group(0) @binding(7) var<storage, read> levels: array<f32>;       // (256), SIGNS: (2), of A and of B
@group(0) @binding(8) var<storage, read_write> y: array<vec4f>;    // (large, small), TRANSPOSED: (small, large)

//! use tiles
//! use coded

const TRANSPOSED = 0u; // knob
const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const DEPTH = 16u; // knob
const ROWS = 4u; // knob
const COLS = 4u; // knob
const SPLIT = 1u; // knob
const STAGES = 1u; // knob
// In > out: the tile of B is the right one, because m runs along the rows of y.
const WIDE = TRANSPOSED == 1;
const TILE_B = select(TILE_M, TILE_N, WIDE);
const TILE_A = select(TILE_N, TILE_M, WIDE);
const STRIDE_B = select(STRIDE_M, STRIDE_N, WIDE);
const STRIDE_A = select(STRIDE_N, STRIDE_M, WIDE);
const AT_B = select(0, RIGHT, WIDE);
const AT_A = select(RIGHT, 0, WIDE);
const SIZE_B = TILE_B * DEPTH / 4;
const SIZE_A = TILE_A * DEPTH / 4;
const LOADS_B = (SIZE_B + THREADS - 1) / THREADS;
const LOADS_A = (SIZE_A + THREADS - 1) / THREADS;
const AHEAD = min(KEPT, 8); // numbers of w that are under way at once, four each

// Four numbers of A, and what they are to be scaled by: those of rank k and basis b.
struct Scaled { a: vec4f, gamma: vec4f, lambda: f32, k: u32, b: u32 }

fn gain() -> f32 {
  if (FORM == SIGNS) { return p.gain * (levels[0] * levels[1]); }
  return p.gain;
}

fn load_a(k: u32, j: u32) -> vec4f {
  if (!WHOLE && j >= p.small) { return vec4f(); }
  if (FORM == SIGNS) { return coded(vec4u(signs_a[k * p.stride_a + j / 16], j % 16 * 2, 0, 0)); }
  return basis_a[(k * p.stride_a + j) / 4];
}
// The column of load i of the tile of scaled copies that begins at `left`.
fn column_a(i: u32, left: u32) -> u32 { return left + i % (TILE_A / 4) * 4; }
// What load i brings of the tile `steps` rows further down; zero outside. A is the same for all bases, and read when the rank changes.
fn load_scaled(last: Scaled, i: u32, steps: u32, left: u32) -> Scaled {
  var v = last;
  let j = column_a(i, left);
  v.b += steps;
  if (v.b >= p.bases) {
    v.k += v.b / p.bases;
    v.b %= p.bases;
    if (v.k < p.rank) { v.a = load_a(v.k, j); }
  }
  let some = SIZE_A % THREADS == 0 || i < SIZE_A;
  if (some && (WHOLE || (v.k < p.rank && j < p.small))) {
    v.gamma = gamma[(v.b * p.small + j) / 4];
    v.lambda = lambda[v.k * p.bases + v.b];
  } else {
    v.lambda = 0;
  }
  return v;
}
fn store_scaled(i: u32, stage: u32, v: vec4f) {
  if (SIZE_A % THREADS != 0 && i >= SIZE_A) { return; }
  tiles[stage % STAGES * STAGE + AT_A + i / (TILE_A / 4) % DEPTH * STRIDE_A + i % (TILE_A / 4)] = v;
}

// For load i of the tile of B at (m, c).
fn load_left(i: u32, m: u32, c: u32) -> vec4u {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return vec4u(); }
  return load_b(m + i / (DEPTH / 4), c + i % (DEPTH / 4) * 4);
}
fn store_left(i: u32, stage: u32, v: vec4f) {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return; }
  let m = i / (DEPTH / 4) % TILE_B;
  for (var q = 0u; q < 4; q++) {
    tiles[stage % STAGES * STAGE + AT_B + (i % (DEPTH / 4) * 4 + q) * STRIDE_B + m / 4][m % 4] = v[q];
  }
}

@compute @workgroup_size(THREADS)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  fill_table(lane);
  let corner = vec2u(group.y * TILE_M, group.x * TILE_N);
  let m = select(corner.x, corner.y, WIDE);
  let j = select(corner.y, corner.x, WIDE);
  var sums: array<vec4f, SUMS>;
  var next_b: array<vec4u, LOADS_B>;
  var next_a: array<Scaled, LOADS_A>;
  for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_left(lane + l * THREADS, m, 0u); }
  for (var l = 0u; l < LOADS_A; l++) {
    let i = lane + l * THREADS;
    next_a[l].a = load_a(0u, column_a(i, j));
    next_a[l] = load_scaled(next_a[l], i, i / (TILE_A / 4), j);
  }
  let rounds = (p.rank * p.bases + DEPTH - 1) / DEPTH;
  for (var round = 0u; round < rounds; round++) {
    var left: array<vec4f, LOADS_B>;
    var right: array<vec4f, LOADS_A>;
    for (var l = 0u; l < LOADS_B; l++) { left[l] = numbers(next_b[l]); }
    for (var l = 0u; l < LOADS_A; l++) { right[l] = next_a[l].lambda * next_a[l].a * next_a[l].gamma; }
    if (STAGES == 1) { workgroupBarrier(); } // all have read the tiles of the round before
    for (var l = 0u; l < LOADS_B; l++) { store_left(lane + l * THREADS, round, left[l]); }
    for (var l = 0u; l < LOADS_A; l++) { store_scaled(lane + l * THREADS, round, right[l]); }
    workgroupBarrier();
    // The next tiles are on their way while these are multiplied.
    for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_left(lane + l * THREADS, m, (round + 1) * DEPTH); }
    for (var l = 0u; l < LOADS_A; l++) { next_a[l] = load_scaled(next_a[l], lane + l * THREADS, DEPTH, j); }
    multiply_tiles(&sums, round, lane);
  }
  var kept: array<vec4f, KEPT>;
  gather(&kept, &sums, lane);
  let sides = vec2u(select(p.large, p.small, WIDE), select(p.small, p.large, WIDE));
  for (var some = 0u; some < (KEPT + AHEAD - 1) / AHEAD; some++) {
    // All loads before all stores: for all that the compiler knows, a store might change what is loaded after it.
    var weights: array<vec4f, AHEAD>;
    for (var q = 0u; q < AHEAD; q++) {
      let place = min(corner + place_of(some * AHEAD + q, lane), sides - 1);
      weights[q] = w[(place.x * sides.y + place.y) / 4];
    }
    for (var q = 0u; q < AHEAD; q++) {
      let n = some * AHEAD + q;
      let place = corner + place_of(n, lane);
      if (!holds(n, lane) || !(WHOLE || all(place < sides))) { continue; }
      y[(place.x * sides.y + place.y) / 4] = weights[q] + gain() * kept[n];
    }
  }
}
