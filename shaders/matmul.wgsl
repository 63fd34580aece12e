// matmul: y = alpha * op(a) * op(b) + bias + add, through shared memory.
//
//   tiled   one workgroup per TILE_M x TILE_N tile of y and per slice of k
//
// op(a) is (m, k): a itself, or its transpose with TRANS_A; op(b) is (k, n) likewise. All rows are read four numbers at a time,
// so the inner sizes of a, b and y must be multiples of 4 (matmul_any.wgsl takes any size).
// Of stacked operands p.results products are written, or their sum: then the depth runs through all of them, one after the other, and
// k must be a multiple of TILE_K. An operand that is the same for all has a step of 0.
// With p.slices > 1 every slice of the depth writes its own y, with neither alpha, bias nor add: matmul_sum.wgsl sums them.

struct Params { m: u32, n: u32, k: u32, slices: u32, results: u32, depth: u32, step_a: u32, step_b: u32, alpha: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;         // (stack, m, k), TRANS_A: (stack, k, m)
@group(0) @binding(2) var<storage, read> b: array<vec4f>;         // (stack, k, n), TRANS_B: (stack, n, k); read unless PACKED
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;      // (results, n), read if HAS_BIAS
@group(0) @binding(4) var<storage, read> add: array<vec4f>;       // (results, m, n), read if HAS_ADD
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;   // (slices, results, m, n)
@group(0) @binding(6) var<storage, read> half_b: array<vec2u>;    // (stack, k, n), TRANS_B: (stack, n, k); two numbers a word, read if PACKED

override TRANS_A: bool = false;
override TRANS_B: bool = false;
override HAS_BIAS: bool = false;
override HAS_ADD: bool = false;
override SUMMED: bool = false;
override WHOLE: bool = false; // all tiles and slices are whole: no load needs a guard

//! use half
//! use product

const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const TILE_K = 16u; // knob
const ROWS = 4u; // knob
const COLS = 4u; // knob
const SPLIT = 1u; // knob
const STAGES = 2u; // knob

alias Loaded = vec4f;
fn numbers_a(v: Loaded) -> vec4f { return v; }
fn numbers_b(v: Loaded) -> vec4f { return v; }

var<private> result: u32; // which one of them this workgroup is for

// Of the tiles at `depth`: which one of the stack they lie in, and how deep in it.
fn lies(depth: u32) -> vec2u {
  if (!SUMMED) { return vec2u(result, depth); }
  let one = depth / p.k;
  return vec2u(one, depth - one * p.k);
}
// Tiles of a sum begin and end within one of the stack.
fn is_within(k: u32, end: u32) -> bool { return SUMMED || k < end; }

// Four numbers of op(a) for load `i` of the tile at (row, depth); zero outside.
fn load_a(last: Loaded, i: u32, row: u32, depth: u32, end: u32) -> Loaded {
  let some = SIZE_A % THREADS == 0 || i < SIZE_A;
  let at = lies(depth);
  if (TRANS_A) {
    let k = at.y + i / (TILE_M / 4);
    let m = row + (i % (TILE_M / 4)) * 4;
    if (some && (WHOLE || (is_within(k, end) && m < p.m))) { return a[(at.x * p.step_a + k * p.m + m) / 4]; }
  } else {
    let m = row + i / (TILE_K / 4);
    let k = at.y + (i % (TILE_K / 4)) * 4;
    if (some && (WHOLE || (is_within(k, end) && m < p.m))) { return a[(at.x * p.step_a + m * p.k + k) / 4]; }
  }
  return vec4f();
}

// Vec4 `i` of b. A packed one is read from its own view: both kinds in one would make loads of f32 narrower or those of halves wider.
fn b_at(i: u32) -> vec4f {
  if (PACKED == 0) { return b[i]; }
  let words = half_b[i];
  return vec4f(both_of(words.x), both_of(words.y));
}

fn load_b(last: Loaded, i: u32, col: u32, depth: u32, end: u32) -> Loaded {
  let some = SIZE_B % THREADS == 0 || i < SIZE_B;
  let at = lies(depth);
  if (TRANS_B) {
    let n = col + i / (TILE_K / 4);
    let k = at.y + (i % (TILE_K / 4)) * 4;
    if (some && (WHOLE || (is_within(k, end) && n < p.n))) { return b_at((at.x * p.step_b + n * p.k + k) / 4); }
  } else {
    let k = at.y + i / (TILE_N / 4);
    let n = col + (i % (TILE_N / 4)) * 4;
    if (some && (WHOLE || (is_within(k, end) && n < p.n))) { return b_at((at.x * p.step_b + k * p.n + n) / 4); }
  }
  return vec4f();
}

@compute @workgroup_size(THREADS)
fn tiled(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = group.x * TILE_N;
  let row = group.y * TILE_M;
  // Slices begin at multiples of TILE_K, so that every vec4 along k lies in one slice.
  let depth_per_slice = (p.depth + p.slices * TILE_K - 1) / (p.slices * TILE_K) * TILE_K;
  let begin = group.z / p.results * depth_per_slice;
  let end = min(p.depth, begin + depth_per_slice);
  result = group.z % p.results;
  var mine: Mine;
  add_up(&mine, lane, row, col, begin, end);

  for (var s = 0u; s < KEPT; s++) {
    let place = place_of(s, lane);
    let m = row + place.x;
    let n = col + place.y;
    if (!WHOLE && (m >= p.m || n >= p.n)) { continue; }
    var v = mine.sums[s];
    if (p.slices == 1) {
      v *= p.alpha;
      if (HAS_BIAS) { v += bias[(result * p.n + n) / 4]; }
      if (HAS_ADD) { v += add[((result * p.m + m) * p.n + n) / 4]; }
    }
    y[((group.z * p.m + m) * p.n + n) / 4] = v;
  }
}
