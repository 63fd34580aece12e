// randlora: the weight of a layer with its RandLoRA update (arXiv 2502.00987, §4; column pairing as in PEFT). With c = k * bases + b:
//
//   y[m, j] = w[m, j] + gain * sum_c basis_b[m, c] * lambda[c] * basis_a[k, j] * gamma[b, j]
//
//   merge   one workgroup per TILE_M x TILE_N tile of y, for each layer of a stack; the tile of A is scaled while it is stored, so that its copies, one per
//           basis, never exist in memory
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides and, unless A is
// codes, stride_a must be multiples of 4 (randlora_direct.wgsl and ternary_direct.wgsl take any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_a: u32, stride_b: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;          // (stack, large, small), TRANSPOSED: (stack, small, large)
@group(0) @binding(2) var<storage, read> basis_b: array<u32>;      // (large, stride_b), the first rank * bases columns: see lib/coded.wgsl
@group(0) @binding(3) var<storage, read> basis_a: array<vec4f>;    // (rank, stride_a), the first `small` columns; read unless SIGNS
@group(0) @binding(4) var<storage, read> signs_a: array<u32>;      // (rank, stride_a), the first `small` columns; read if SIGNS
@group(0) @binding(5) var<storage, read> lambda: array<f32>;       // (stack, rank, bases)
@group(0) @binding(6) var<storage, read> gamma: array<vec4f>;      // (stack, bases, small)
@group(0) @binding(7) var<storage, read> levels: array<f32>;       // (256), SIGNS: (2), of A and of B
@group(0) @binding(8) var<storage, read_write> y: array<vec4f>;    // (stack, large, small), TRANSPOSED: (stack, small, large)

override WHOLE: bool = false; // all tiles are whole: no load and no store needs a guard

//! use product
//! use coded

const TRANSPOSED = 0u; // knob
const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const TILE_K = 8u; // knob
const ROWS = 8u; // knob
const COLS = 8u; // knob
const SPLIT = 1u; // knob
const STAGES = 2u; // knob
// In > out: m runs along the rows of y, and B is the right operand.
const WIDE = TRANSPOSED == 1;
const TRANS_A = WIDE;
const TRANS_B = WIDE;
const COPIES4 = select(TILE_N, TILE_M, WIDE) / 4; // vec4s of the scaled copies in a tile's row
const AHEAD = min(KEPT, 8); // numbers of w that are under way at once, four each

// Four numbers of B as they are stored, or four of A and what they are to be scaled by: those of rank k and basis b.
struct Loaded { codes: vec4u, a: vec4f, gamma: vec4f, lambda: f32, k: u32, b: u32 }

var<private> layer: u32; // of a stack

fn gain() -> f32 {
  if (FORM == SIGNS) { return p.gain * (levels[0] * levels[1]); }
  return p.gain;
}

fn load_a4(k: u32, j: u32) -> vec4f {
  if (!WHOLE && j >= p.small) { return vec4f(); }
  if (FORM == SIGNS) { return coded(vec4u(signs_a[k * p.stride_a + j / 16], j % 16 * 2, 0, 0)); }
  return basis_a[(k * p.stride_a + j) / 4];
}
// The state before the first load i of the tile of scaled copies that begins at column j.
fn begin_copies(i: u32, j: u32) -> Loaded {
  var v: Loaded;
  v.b = i / COPIES4 - TILE_K;
  v.a = load_a4(0u, j + i % COPIES4 * 4);
  return v;
}
// What load i brings of the tile TILE_K rows below the last one; zero outside. A is the same for all bases, and read when the rank changes.
fn load_copies(some: bool, last: Loaded, i: u32, left: u32) -> Loaded {
  var v = last;
  let j = left + i % COPIES4 * 4;
  v.b += TILE_K;
  if (v.b >= p.bases) {
    v.k += v.b / p.bases;
    v.b %= p.bases;
    if (v.k < p.rank) { v.a = load_a4(v.k, j); }
  }
  if (some && (WHOLE || (v.k < p.rank && j < p.small))) {
    v.gamma = gamma[((layer * p.bases + v.b) * p.small + j) / 4];
    v.lambda = lambda[(layer * p.rank + v.k) * p.bases + v.b];
  } else {
    v.lambda = 0;
  }
  return v;
}
fn load_codes(some: bool, i: u32, m: u32, c: u32) -> Loaded {
  var v: Loaded;
  if (some) { v.codes = load_basis(m + i / (TILE_K / 4), c + i % (TILE_K / 4) * 4); }
  return v;
}

fn load_a(last: Loaded, i: u32, row: u32, depth: u32, end: u32) -> Loaded {
  let some = SIZE_A % THREADS == 0 || i < SIZE_A;
  if (WIDE) { return load_copies(some, last, i, row); }
  return load_codes(some, i, row, depth);
}
fn load_b(last: Loaded, i: u32, col: u32, depth: u32, end: u32) -> Loaded {
  let some = SIZE_B % THREADS == 0 || i < SIZE_B;
  if (WIDE) { return load_codes(some, i, col, depth); }
  return load_copies(some, last, i, col);
}
fn numbers_a(v: Loaded) -> vec4f {
  if (WIDE) { return v.lambda * v.a * v.gamma; }
  return numbers(v.codes);
}
fn numbers_b(v: Loaded) -> vec4f {
  if (WIDE) { return numbers(v.codes); }
  return v.lambda * v.a * v.gamma;
}

@compute @workgroup_size(THREADS)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  fill_table(lane);
  layer = group.z;
  let corner = vec2u(group.y * TILE_M, group.x * TILE_N);
  var mine: Mine;
  if (WIDE) {
    for (var l = 0u; l < LOADS_A; l++) { mine.next_a[l] = begin_copies(lane + l * THREADS, corner.x); }
  } else {
    for (var l = 0u; l < LOADS_B; l++) { mine.next_b[l] = begin_copies(lane + l * THREADS, corner.y); }
  }
  add_up(&mine, lane, corner.x, corner.y, 0u, p.rank * p.bases);
  let sides = vec2u(select(p.large, p.small, WIDE), select(p.small, p.large, WIDE));
  for (var some = 0u; some < (KEPT + AHEAD - 1) / AHEAD; some++) {
    // All loads before all stores: for all that the compiler knows, a store might change what is loaded after it.
    var weights: array<vec4f, AHEAD>;
    for (var q = 0u; q < AHEAD; q++) {
      let place = min(corner + place_of(some * AHEAD + q, lane), sides - 1);
      weights[q] = w[((layer * sides.x + place.x) * sides.y + place.y) / 4];
    }
    for (var q = 0u; q < AHEAD; q++) {
      let n = some * AHEAD + q;
      let place = corner + place_of(n, lane);
      if (n >= KEPT || !(WHOLE || all(place < sides))) { continue; }
      y[((layer * sides.x + place.x) * sides.y + place.y) / 4] = weights[q] + gain() * mine.sums[n % KEPT];
    }
  }
}
