// matmul_any: y = alpha * op(a) * op(b) + bias + add for any size, through shared memory.
//
//   tiled   one workgroup per TILE_M x TILE_N tile of y and per slice of k
//
// As matmul.wgsl, but all numbers are read one by one, so no size need be a multiple of anything. Thin matrices have tiles of their
// own: where y has few rows or columns, an invocation keeps one or two numbers of it, and its workgroup reads as much as any other.
// With p.slices > 1 every slice of k writes its own y (slices, m, n), with neither alpha, bias nor add: matmul_sum.wgsl sums them.

struct Params { m: u32, n: u32, k: u32, slices: u32, alpha: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;         // (m, k), TRANS_A: (k, m)
@group(0) @binding(2) var<storage, read> b: array<f32>;         // (k, n), TRANS_B: (n, k); read unless PACKED
@group(0) @binding(3) var<storage, read> bias: array<f32>;      // (n), read if HAS_BIAS
@group(0) @binding(4) var<storage, read> add: array<f32>;       // (m, n), read if HAS_ADD
@group(0) @binding(5) var<storage, read_write> y: array<f32>;   // (slices, m, n)
@group(0) @binding(6) var<storage, read> half_b: array<u32>;    // (k, n), TRANS_B: (n, k); two numbers a word, read if PACKED

override TRANS_A: bool = false;
override TRANS_B: bool = false;
override HAS_BIAS: bool = false;
override HAS_ADD: bool = false;

//! use half

const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const TILE_K = 16u; // knob
const ROWS = 4u; // knob
const COLS = 4u; // knob
// An invocation's rows, and its columns, are this far apart: neighbours write neighbouring numbers of y.
const STEP_M = TILE_M / ROWS;
const STEP_N = TILE_N / COLS;
const THREADS = STEP_M * STEP_N;
const SIZE_A = TILE_M * TILE_K;
const SIZE_B = TILE_N * TILE_K;
const LOADS_A = (SIZE_A + THREADS - 1) / THREADS;
const LOADS_B = (SIZE_B + THREADS - 1) / THREADS;
// Steps of k that are multiplied in one go: enough to hide the reads of the tiles, few enough for a matrix that is thin along k.
const UNROLL = 4u;
// One number of padding per row spreads the transposing stores over the banks.
const STRIDE_A = TILE_M + 1;
const STRIDE_B = TILE_N + 1;

var<workgroup> tile_a: array<f32, TILE_K * STRIDE_A>; // (TILE_K, TILE_M)
var<workgroup> tile_b: array<f32, TILE_K * STRIDE_B>; // (TILE_K, TILE_N)

// Row and depth of number `i` of a tile, so that neighbouring invocations read neighbours in memory.
fn place_a(i: u32) -> vec2u {
  if (TRANS_A) { return vec2u(i % TILE_M, i / TILE_M); }
  return vec2u(i / TILE_K, i % TILE_K);
}

fn place_b(i: u32) -> vec2u {
  if (TRANS_B) { return vec2u(i / TILE_K, i % TILE_K); }
  return vec2u(i % TILE_N, i / TILE_N);
}

// Number `i` of the tile of op(a) at (row, depth); zero outside. A select and not a branch: all loads are under way at once.
fn load_a(i: u32, row: u32, depth: u32, end: u32) -> f32 {
  let at = vec2u(row, depth) + place_a(i);
  let inside = i < SIZE_A && at.x < p.m && at.y < end;
  return select(0, a[select(0, select(at.x * p.k + at.y, at.y * p.m + at.x, TRANS_A), inside)], inside);
}

fn load_b(i: u32, col: u32, depth: u32, end: u32) -> f32 {
  let at = vec2u(col, depth) + place_b(i);
  let inside = i < SIZE_B && at.x < p.n && at.y < end;
  return select(0, b_at(select(0, select(at.y * p.n + at.x, at.x * p.k + at.y, TRANS_B), inside)), inside);
}

fn b_at(i: u32) -> f32 {
  if (PACKED == 0) { return b[i]; }
  return number_of(half_b[i / 2], i);
}

fn store_a(i: u32, v: f32) {
  let at = place_a(i);
  if (i < SIZE_A) { tile_a[at.y * STRIDE_A + at.x] = v; }
}

fn store_b(i: u32, v: f32) {
  let at = place_b(i);
  if (i < SIZE_B) { tile_b[at.y * STRIDE_B + at.x] = v; }
}

@compute @workgroup_size(THREADS)
fn tiled(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = group.x * TILE_N;
  let row = group.y * TILE_M;
  // Slices begin at multiples of TILE_K: all but the last tile are whole.
  let depth_per_slice = (p.k + p.slices * TILE_K - 1) / (p.slices * TILE_K) * TILE_K;
  let begin = group.z * depth_per_slice;
  let end = min(p.k, begin + depth_per_slice);
  let my_row = lane / STEP_N;
  let my_col = lane % STEP_N;

  var sums: array<f32, ROWS * COLS>;
  var next_a: array<f32, LOADS_A>;
  var next_b: array<f32, LOADS_B>;
  for (var l = 0u; l < LOADS_A; l++) { next_a[l] = load_a(lane + l * THREADS, row, begin, end); }
  for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_b(lane + l * THREADS, col, begin, end); }

  for (var depth = begin; depth < end; depth += TILE_K) {
    workgroupBarrier(); // all have read the tiles of the round before
    for (var l = 0u; l < LOADS_A; l++) { store_a(lane + l * THREADS, next_a[l]); }
    for (var l = 0u; l < LOADS_B; l++) { store_b(lane + l * THREADS, next_b[l]); }
    workgroupBarrier();
    // The next tiles are on their way while these are multiplied.
    for (var l = 0u; l < LOADS_A; l++) { next_a[l] = load_a(lane + l * THREADS, row, depth + TILE_K, end); }
    for (var l = 0u; l < LOADS_B; l++) { next_b[l] = load_b(lane + l * THREADS, col, depth + TILE_K, end); }
    let deep = min(TILE_K, end - depth);
    for (var first = 0u; first < deep; first += UNROLL) {
      for (var k = first; k < first + UNROLL; k++) {
        var right = array<f32, COLS>();
        for (var j = 0u; j < COLS; j++) { right[j] = tile_b[k * STRIDE_B + my_col + j * STEP_N]; }
        for (var i = 0u; i < ROWS; i++) {
          let left = tile_a[k * STRIDE_A + my_row + i * STEP_M];
          for (var j = 0u; j < COLS; j++) { sums[i * COLS + j] += left * right[j]; }
        }
      }
    }
  }

  for (var i = 0u; i < ROWS; i++) {
    let m = row + my_row + i * STEP_M;
    if (m >= p.m) { continue; }
    for (var j = 0u; j < COLS; j++) {
      let n = col + my_col + j * STEP_N;
      if (n >= p.n) { continue; }
      var v = sums[i * COLS + j];
      if (p.slices == 1) {
        v *= p.alpha;
        if (HAS_BIAS) { v += bias[n]; }
        if (HAS_ADD) { v += add[m * p.n + n]; }
      }
      y[(group.z * p.m + m) * p.n + n] = v;
    }
  }
}
