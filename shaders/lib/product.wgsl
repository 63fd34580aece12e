// The product op(a) (m, k) * op(b) (k, n) in tiles that pass through workgroup memory, and what one invocation adds up of a tile: ROWS x
// COLS numbers in vec4s, spread over it so that neighbours read neighbouring vec4s. With SPLIT > 1 as many invocations add up the same
// numbers, each over its own part of TILE_K, and in the end their sums meet: so a few workgroups still have many invocations, which hide
// one another's waiting. With STAGES = 2 the tiles are kept twice: while one pair is multiplied the next one is stored, and a round needs
// one barrier.
//
// The file says TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT (1, 2 or 4, with a vec4 of sums for each), STAGES, TRANS_A and TRANS_B, and has
// load_a(i, row, depth, end) and load_b(i, col, depth, end): four numbers for load i of a tile, zero outside, along m with TRANS_A and
// along k without, along k with TRANS_B and along n without.
//
// Remainders that change nothing show the compiler that no index of `tiles` needs to be clamped, which would cost a fifth of the speed.

const SIDE_M = TILE_M / ROWS; // invocations along a tile
const SIDE_N = TILE_N / COLS;
const PLANE = SIDE_M * SIDE_N; // those that hold the whole tile between them
const THREADS = PLANE * SPLIT;
const SIZE_A = TILE_M * TILE_K / 4;
const SIZE_B = TILE_N * TILE_K / 4;
const LOADS_A = (SIZE_A + THREADS - 1) / THREADS;
const LOADS_B = (SIZE_B + THREADS - 1) / THREADS;
const ROWS4 = ROWS / 4;
const COLS4 = COLS / 4;
// One vec4 of padding per row spreads the transposing stores over the banks.
const STRIDE_A = TILE_M / 4 + 1;
const STRIDE_B = TILE_N / 4 + 1;
const FROM_B = TILE_K * STRIDE_A; // where the tile of b begins
const STAGE = FROM_B + TILE_K * STRIDE_B;
const DEPTH = TILE_K / SPLIT;
const SUMS = ROWS * COLS4;
const KEPT = SUMS / SPLIT; // sums that an invocation has in the end
const GIVEN = min(4, SUMS / 2); // that it gives away at a time
// Invocations side by side; the next ones are below them. A subgroup then covers a block, which reads few numbers of either tile.
const ACROSS = 2u;

var<workgroup> tiles: array<vec4f, max(STAGES * STAGE, select(0, GIVEN * THREADS, SPLIT > 1))>; // (STAGES, (TILE_K, TILE_M) and (TILE_K, TILE_N))

fn store_a(stage: u32, i: u32, v: vec4f) {
  if (SIZE_A % THREADS != 0 && i >= SIZE_A) { return; }
  let first = stage % STAGES * STAGE;
  if (TRANS_A) {
    tiles[first + i % SIZE_A / (TILE_M / 4) * STRIDE_A + i % (TILE_M / 4)] = v;
  } else {
    let m = i % SIZE_A / (TILE_K / 4);
    let k = i % (TILE_K / 4) * 4;
    for (var c = 0u; c < 4; c++) { tiles[first + (k + c) * STRIDE_A + m / 4][m % 4] = v[c]; }
  }
}

fn store_b(stage: u32, i: u32, v: vec4f) {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return; }
  let first = stage % STAGES * STAGE + FROM_B;
  if (TRANS_B) {
    let n = i % SIZE_B / (TILE_K / 4);
    let k = i % (TILE_K / 4) * 4;
    for (var c = 0u; c < 4; c++) { tiles[first + (k + c) * STRIDE_B + n / 4][n % 4] = v[c]; }
  } else {
    tiles[first + i % SIZE_B / (TILE_N / 4) * STRIDE_B + i % (TILE_N / 4)] = v;
  }
}

// What an invocation adds up, and the part of the next tiles that it loads.
struct Mine { sums: array<vec4f, SUMS>, next_a: array<vec4f, LOADS_A>, next_b: array<vec4f, LOADS_B> }

fn load(mine: ptr<function, Mine>, lane: u32, row: u32, col: u32, depth: u32, end: u32) {
  for (var l = 0u; l < LOADS_A; l++) { (*mine).next_a[l] = load_a(lane + l * THREADS, row, depth, end); }
  for (var l = 0u; l < LOADS_B; l++) { (*mine).next_b[l] = load_b(lane + l * THREADS, col, depth, end); }
}

fn store(mine: ptr<function, Mine>, lane: u32, stage: u32) {
  for (var l = 0u; l < LOADS_A; l++) { store_a(stage, lane + l * THREADS, (*mine).next_a[l]); }
  for (var l = 0u; l < LOADS_B; l++) { store_b(stage, lane + l * THREADS, (*mine).next_b[l]); }
  workgroupBarrier();
}

fn multiply(mine: ptr<function, Mine>, lane: u32, stage: u32) {
  let first = lane / PLANE % SPLIT * DEPTH;
  let at_a = stage % STAGES * STAGE + first * STRIDE_A + lane / ACROSS % SIDE_M;
  let at_b = stage % STAGES * STAGE + FROM_B + first * STRIDE_B + lane % PLANE / (ACROSS * SIDE_M) * ACROSS + lane % ACROSS;
  for (var k = 0u; k < DEPTH; k++) {
    var right: array<vec4f, COLS4>;
    for (var j = 0u; j < COLS4; j++) { right[j] = tiles[at_b + k * STRIDE_B + j * SIDE_N]; }
    for (var i = 0u; i < ROWS4; i++) {
      let left = tiles[at_a + k * STRIDE_A + i * SIDE_M];
      for (var j = 0u; j < COLS4; j++) {
        (*mine).sums[(i * 4 + 0) * COLS4 + j] += left.x * right[j];
        (*mine).sums[(i * 4 + 1) * COLS4 + j] += left.y * right[j];
        (*mine).sums[(i * 4 + 2) * COLS4 + j] += left.z * right[j];
        (*mine).sums[(i * 4 + 3) * COLS4 + j] += left.w * right[j];
      }
    }
  }
}

// Of 2 * `half` sums each of two invocations `apart` gives away one half, and adds what it gets to the other: GIVEN of them, from
// `first` on. Compilers unroll no loop that has barriers or whose length they do not see, and in one that is not unrolled all sums would
// lie in memory instead of registers, for the whole kernel: so there is none, and no index depends on the invocation.
fn meet(mine: ptr<function, Mine>, lane: u32, apart: u32, half: u32, first: u32) {
  let later = lane / apart % 2 == 1;
  let other = select(lane + apart, lane - apart, later);
  workgroupBarrier(); // all have read the last tiles, or sums
  for (var g = 0u; g < GIVEN; g++) {
    let i = first + g;
    if (i < half) { tiles[g * THREADS + lane % THREADS] = select((*mine).sums[i + half], (*mine).sums[i], later); }
  }
  workgroupBarrier();
  for (var g = 0u; g < GIVEN; g++) {
    let i = first + g;
    if (i < half) { (*mine).sums[i] = select((*mine).sums[i], (*mine).sums[i + half], later) + tiles[g * THREADS + other % THREADS]; }
  }
}

// Sums over k from `begin` to `end` for the tile at (row, col): the first KEPT of `sums` are then those of the whole depth that
// place_of() tells.
fn add_up(mine: ptr<function, Mine>, lane: u32, row: u32, col: u32, begin: u32, end: u32) {
  var stage = 0u;
  load(mine, lane, row, col, begin, end);
  store(mine, lane, 0u);
  for (var depth = begin + TILE_K; depth < end; depth += TILE_K) {
    load(mine, lane, row, col, depth, end);
    multiply(mine, lane, stage);
    if (STAGES == 1) { workgroupBarrier(); }
    stage = 1 - stage;
    store(mine, lane, stage);
  }
  multiply(mine, lane, stage);
  if (SPLIT > 1) { meet(mine, lane, THREADS / 2, SUMS / 2, 0u); }
  if (SPLIT > 1 && SUMS / 2 > GIVEN) { meet(mine, lane, THREADS / 2, SUMS / 2, GIVEN); }
  if (SPLIT > 2) { meet(mine, lane, PLANE, SUMS / 4, 0u); }
}

// The row and the first column in the tile of kept sum s.
fn place_of(s: u32, lane: u32) -> vec2u {
  let i = lane / PLANE * KEPT + s;
  let row = (lane / ACROSS % SIDE_M + i / COLS4 / 4 * SIDE_M) * 4 + i / COLS4 % 4;
  return vec2u(row, (lane % PLANE / (ACROSS * SIDE_M) * ACROSS + lane % ACROSS + i % COLS4 * SIDE_N) * 4);
}
