// randlora_project: the gradient of the scaled copies of A of a RandLoRA update, from that of the weight. With c = k * bases + b:
//
//   g[c, j] = sum_m basis_b[m, c] * dy[m, j]
//
//   project   one workgroup per TILE_M x TILE_N tile of g and per slice of m, of each layer of a stack, for randlora_diagonals.wgsl to sum
//
// m runs over the larger side of the layer, j over the smaller one. Numbers are read four at a time: both sides must be multiples of 4
// (randlora_direct.wgsl and ternary_direct.wgsl take any size).

struct Params { large: u32, small: u32, rank: u32, bases: u32, stride_b: u32, slices: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> basis_b: array<u32>;        // (large, stride_b), the first rank * bases columns: see lib/coded.wgsl
@group(0) @binding(2) var<storage, read> levels: array<f32>;         // (256), read if LEVELS
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;           // (stack, large, small), TRANS_B: (stack, small, large)
@group(0) @binding(4) var<storage, read_write> first: array<vec4f>;  // (stack, bases, small): the first `bases` rows of (slices, rank, bases, small)
@group(0) @binding(5) var<storage, read_write> rest: array<vec4f>;   // (stack, slices * rank * bases - bases, small): the others

override WHOLE: bool = false; // all tiles are whole: no load and no store needs a guard

//! use product
//! use coded

override TRANS_B: bool = false; // in > out: dy is (small, large)
const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const TILE_K = 8u; // knob
const ROWS = 8u; // knob
const COLS = 8u; // knob
const SPLIT = 1u; // knob
const STAGES = 2u; // knob
const TRANS_A = true;

alias Loaded = vec4u;

var<private> layer: u32; // of a stack

fn load_a(last: Loaded, i: u32, row: u32, depth: u32, end: u32) -> Loaded {
  if (SIZE_A % THREADS != 0 && i >= SIZE_A) { return vec4u(); }
  return load_basis(depth + i / (TILE_M / 4), row + i % (TILE_M / 4) * 4);
}
fn numbers_a(v: Loaded) -> vec4f { return numbers(v); }

// Four numbers of dy for load i of the tile at (depth, col); zero from row `end` on.
fn load_b(last: Loaded, i: u32, col: u32, depth: u32, end: u32) -> Loaded {
  let some = SIZE_B % THREADS == 0 || i < SIZE_B;
  if (TRANS_B) {
    let m = depth + i % (TILE_K / 4) * 4;
    let j = col + i / (TILE_K / 4);
    if (some && (WHOLE || (m < end && j < p.small))) { return bitcast<vec4u>(dy[((layer * p.small + j) * p.large + m) / 4]); }
  } else {
    let m = depth + i / (TILE_N / 4);
    let j = col + i % (TILE_N / 4) * 4;
    if (some && (WHOLE || (m < end && j < p.small))) { return bitcast<vec4u>(dy[((layer * p.large + m) * p.small + j) / 4]); }
  }
  return vec4u();
}
fn numbers_b(v: Loaded) -> vec4f { return bitcast<vec4f>(v); }

@compute @workgroup_size(THREADS)
fn project(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  fill_table(lane);
  layer = group.z / p.slices;
  let corner = vec2u(group.y * TILE_M, group.x * TILE_N);
  // Slices begin at multiples of TILE_K, so a vec4 along m lies in one of them.
  let depth = (p.large + p.slices * TILE_K - 1) / (p.slices * TILE_K) * TILE_K;
  let begin = group.z % p.slices * depth;
  var mine: Mine;
  add_up(&mine, lane, corner.x, corner.y, begin, min(p.large, begin + depth));
  let rows = p.rank * p.bases;
  for (var n = 0u; n < KEPT; n++) {
    let place = corner + place_of(n, lane);
    if (!(WHOLE || all(place < vec2u(rows, p.small)))) { continue; }
    let row = group.z % p.slices * rows + place.x;
    if (row < p.bases) {
      first[((layer * p.bases + row) * p.small + place.y) / 4] = mine.sums[n];
    } else {
      rest[((layer * (p.slices * rows - p.bases) + row - p.bases) * p.small + place.y) / 4] = mine.sums[n];
    }
  }
}
