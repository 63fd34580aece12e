// The product op(a) (m, k) * op(b) (k, n) in tiles that pass through workgroup memory, and what one invocation adds up of a tile: ROWS x
// COLS numbers in vec4s, spread over it so that neighbours read neighbouring vec4s. Both tiles are kept twice: while one pair is
// multiplied the next one is stored, and a round needs one barrier.
//
// The file says TILE_M, TILE_N, TILE_K, ROWS, COLS, TRANS_A and TRANS_B, and has load_a(i, row, depth, end) and load_b(i, col, depth, end):
// four numbers for load i of a tile, zero outside, along m with TRANS_A and along k without, along k with TRANS_B and along n without.

const SIDE_M = TILE_M / ROWS; // invocations along a tile
const SIDE_N = TILE_N / COLS;
const THREADS = SIDE_M * SIDE_N;
const SIZE_A = TILE_M * TILE_K / 4;
const SIZE_B = TILE_N * TILE_K / 4;
const LOADS_A = (SIZE_A + THREADS - 1) / THREADS;
const LOADS_B = (SIZE_B + THREADS - 1) / THREADS;
const ROWS4 = ROWS / 4;
const COLS4 = COLS / 4;
// One vec4 of padding per row spreads the transposing stores over the banks.
const STRIDE_A = TILE_M / 4 + 1;
const STRIDE_B = TILE_N / 4 + 1;
// Invocations side by side, a divisor of SIDE_N; the next ones are below them. A subgroup then covers a block, which reads few numbers of
// either tile.
const ACROSS = select(select(1u, 2u, SIDE_N % 2 == 0), 4u, SIDE_N % 4 == 0);

var<workgroup> tiles_a: array<vec4f, 2 * TILE_K * STRIDE_A>; // (2, TILE_K, TILE_M)
var<workgroup> tiles_b: array<vec4f, 2 * TILE_K * STRIDE_B>; // (2, TILE_K, TILE_N)

// Where an invocation stands in the tile.
fn row_of(lane: u32) -> u32 { return lane / ACROSS % SIDE_M; }
fn col_of(lane: u32) -> u32 { return lane / (ACROSS * SIDE_M) * ACROSS + lane % ACROSS; }

fn store_a(half: u32, i: u32, v: vec4f) {
  if (SIZE_A % THREADS != 0 && i >= SIZE_A) { return; }
  if (TRANS_A) {
    tiles_a[half * TILE_K * STRIDE_A + (i / (TILE_M / 4)) * STRIDE_A + i % (TILE_M / 4)] = v;
  } else {
    let m = i / (TILE_K / 4);
    let k = (i % (TILE_K / 4)) * 4;
    for (var c = 0u; c < 4; c++) { tiles_a[half * TILE_K * STRIDE_A + (k + c) * STRIDE_A + m / 4][m % 4] = v[c]; }
  }
}

fn store_b(half: u32, i: u32, v: vec4f) {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return; }
  if (TRANS_B) {
    let n = i / (TILE_K / 4);
    let k = (i % (TILE_K / 4)) * 4;
    for (var c = 0u; c < 4; c++) { tiles_b[half * TILE_K * STRIDE_B + (k + c) * STRIDE_B + n / 4][n % 4] = v[c]; }
  } else {
    tiles_b[half * TILE_K * STRIDE_B + (i / (TILE_N / 4)) * STRIDE_B + i % (TILE_N / 4)] = v;
  }
}

// What an invocation adds up, and the part of the next tiles that it loads.
struct Mine { sums: array<vec4f, ROWS * COLS4>, next_a: array<vec4f, LOADS_A>, next_b: array<vec4f, LOADS_B> }

fn load(mine: ptr<function, Mine>, lane: u32, row: u32, col: u32, depth: u32, end: u32) {
  for (var l = 0u; l < LOADS_A; l++) { (*mine).next_a[l] = load_a(lane + l * THREADS, row, depth, end); }
  for (var l = 0u; l < LOADS_B; l++) { (*mine).next_b[l] = load_b(lane + l * THREADS, col, depth, end); }
}

fn store(mine: ptr<function, Mine>, lane: u32, half: u32) {
  for (var l = 0u; l < LOADS_A; l++) { store_a(half, lane + l * THREADS, (*mine).next_a[l]); }
  for (var l = 0u; l < LOADS_B; l++) { store_b(half, lane + l * THREADS, (*mine).next_b[l]); }
  workgroupBarrier();
}

fn multiply(mine: ptr<function, Mine>, my_row: u32, my_col: u32, half: u32) {
  for (var k = 0u; k < TILE_K; k++) {
    var right: array<vec4f, COLS4>;
    for (var j = 0u; j < COLS4; j++) { right[j] = tiles_b[(half * TILE_K + k) * STRIDE_B + my_col + j * SIDE_N]; }
    for (var i = 0u; i < ROWS4; i++) {
      let left = tiles_a[(half * TILE_K + k) * STRIDE_A + my_row + i * SIDE_M];
      for (var j = 0u; j < COLS4; j++) {
        (*mine).sums[(i * 4 + 0) * COLS4 + j] += left.x * right[j];
        (*mine).sums[(i * 4 + 1) * COLS4 + j] += left.y * right[j];
        (*mine).sums[(i * 4 + 2) * COLS4 + j] += left.z * right[j];
        (*mine).sums[(i * 4 + 3) * COLS4 + j] += left.w * right[j];
      }
    }
  }
}

// Sums over k from `begin` to `end` for the tile at (row, col).
fn add_up(mine: ptr<function, Mine>, lane: u32, row: u32, col: u32, begin: u32, end: u32) {
  var half = 0u;
  load(mine, lane, row, col, begin, end);
  store(mine, lane, 0u);
  for (var depth = begin + TILE_K; depth < end; depth += TILE_K) {
    load(mine, lane, row, col, depth, end);
    multiply(mine, row_of(lane), col_of(lane), half);
    half = 1 - half;
    store(mine, lane, half);
  }
  multiply(mine, row_of(lane), col_of(lane), half);
}
