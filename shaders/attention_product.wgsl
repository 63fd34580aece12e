// attention_product: y = alpha * op(a) * op(b) for every image and head at once, where a, b and y are the heads of activations or of the
// scores between their rows.
//
//   tiled   one workgroup per TILE_M x TILE_N tile of y of one image and head
//
// All places (lib/heads.wgsl) are multiples of 4. Rows of scores are padded to such a multiple: what is in the padding of a must be
// zero, that of y is not to be used.

@group(0) @binding(1) var<storage, read> a: array<vec4f>;         // (m, k), TRANS_A: (k, m); of every image and head
@group(0) @binding(2) var<storage, read> b: array<vec4f>;         // (k, n), TRANS_B: (n, k); of every image and head
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;   // (m, n); of every image and head

//! use heads
//! use product

const TILE_M = 64u; // knob
const TILE_N = 64u; // knob
const TILE_K = 8u; // knob
const ROWS = 8u; // knob
const COLS = 8u; // knob
const SPLIT = 1u; // knob
const STAGES = 2u; // knob

alias Loaded = vec4f;
fn numbers_a(v: Loaded) -> vec4f { return v; }
fn numbers_b(v: Loaded) -> vec4f { return v; }

// Where the matrices of this workgroup begin.
var<private> from_a: u32;
var<private> from_b: u32;

fn load_a(last: Loaded, i: u32, row: u32, depth: u32, end: u32) -> Loaded {
  let some = SIZE_A % THREADS == 0 || i < SIZE_A;
  if (TRANS_A) {
    let k = depth + i / (TILE_M / 4);
    let m = row + (i % (TILE_M / 4)) * 4;
    if (some && k < end && m < p.m) { return a[(from_a + k * p.a_stride + m) / 4]; }
  } else {
    let m = row + i / (TILE_K / 4);
    let k = depth + (i % (TILE_K / 4)) * 4;
    if (some && k < end && m < p.m) { return a[(from_a + m * p.a_stride + k) / 4]; }
  }
  return vec4f();
}

fn load_b(last: Loaded, i: u32, col: u32, depth: u32, end: u32) -> Loaded {
  let some = SIZE_B % THREADS == 0 || i < SIZE_B;
  if (TRANS_B) {
    let n = col + i / (TILE_K / 4);
    let k = depth + (i % (TILE_K / 4)) * 4;
    if (some && k < end && n < p.n) { return b[(from_b + n * p.b_stride + k) / 4]; }
  } else {
    let k = depth + i / (TILE_N / 4);
    let n = col + (i % (TILE_N / 4)) * 4;
    if (some && k < end && n < p.n) { return b[(from_b + k * p.b_stride + n) / 4]; }
  }
  return vec4f();
}

@compute @workgroup_size(THREADS)
fn tiled(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let image = group.z / p.heads;
  let head = group.z % p.heads;
  from_a = p.a_first + image * p.a_image + head * p.a_head;
  from_b = p.b_first + image * p.b_image + head * p.b_head;
  let from_y = p.y_first + image * p.y_image + head * p.y_head;
  let col = group.x * TILE_N;
  let row = group.y * TILE_M;
  var mine: Mine;
  add_up(&mine, lane, row, col, 0u, p.k);
  for (var s = 0u; s < KEPT; s++) {
    let place = place_of(s, lane);
    let m = row + place.x;
    let n = col + place.y;
    if (m < p.m && n < p.n) { y[(from_y + m * p.y_stride + n) / 4] = p.alpha * mine.sums[s]; }
  }
}
