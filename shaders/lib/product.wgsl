// The product op(a) (m, k) * op(b) (k, n) in tiles that pass through workgroup memory, and what one invocation adds up of a tile: ROWS x
// COLS numbers in vec4s, spread over it so that neighbours read neighbouring vec4s. With SPLIT > 1 as many invocations add up the same
// numbers, each over its own part of TILE_K, and in the end their sums meet: so a few workgroups still have many invocations, which hide
// one another's waiting. With STAGES = 2 the tiles are kept twice: while one pair is multiplied the next one is stored, and a round needs
// one barrier.
//
// The file says TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT (1, 2 or 4, with a vec4 of sums for each), STAGES, TRANS_A and TRANS_B, and has
//   Loaded                                       what a load brings: it stays as it is until it is stored, so that nothing waits for it
//   load_a(last, i, row, depth, end): Loaded     for load i of a tile, after what the same load brought of the tile before
//   load_b(last, i, col, depth, end): Loaded
//   numbers_a(loaded), numbers_b(loaded): vec4f  zero outside, along m with TRANS_A and along k without, along k with TRANS_B and along n
//                                                without
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
const ROW_A = TILE_M / 4; // vec4s of a row of a tile
const ROW_B = TILE_N / 4;
const PAD = max(1, 32 / TILE_K); // after every four rows: they spread the transposing stores of a subgroup over the banks
const FROM_B = TILE_K * ROW_A + TILE_K / 4 * PAD; // where the tile of b begins
const STAGE = FROM_B + TILE_K * ROW_B + TILE_K / 4 * PAD;
const DEPTH = TILE_K / SPLIT;
const_assert DEPTH % 4 == 0;
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
    let k = i % SIZE_A / ROW_A;
    tiles[first + k * ROW_A + k / 4 * PAD + i % ROW_A] = v;
  } else {
    let m = i % SIZE_A / (TILE_K / 4);
    let four = i % (TILE_K / 4);
    for (var c = 0u; c < 4; c++) { tiles[first + four * (4 * ROW_A + PAD) + c * ROW_A + m / 4][m % 4] = v[c]; }
  }
}

fn store_b(stage: u32, i: u32, v: vec4f) {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return; }
  let first = stage % STAGES * STAGE + FROM_B;
  if (TRANS_B) {
    let n = i % SIZE_B / (TILE_K / 4);
    let four = i % (TILE_K / 4);
    for (var c = 0u; c < 4; c++) { tiles[first + four * (4 * ROW_B + PAD) + c * ROW_B + n / 4][n % 4] = v[c]; }
  } else {
    let k = i % SIZE_B / ROW_B;
    tiles[first + k * ROW_B + k / 4 * PAD + i % ROW_B] = v;
  }
}

// What an invocation adds up, and the part of the next tiles that it loads.
struct Mine { sums: array<vec4f, SUMS>, next_a: array<Loaded, LOADS_A>, next_b: array<Loaded, LOADS_B> }

fn load(mine: ptr<function, Mine>, lane: u32, row: u32, col: u32, depth: u32, end: u32) {
  for (var l = 0u; l < LOADS_A; l++) { (*mine).next_a[l] = load_a((*mine).next_a[l], lane + l * THREADS, row, depth, end); }
  for (var l = 0u; l < LOADS_B; l++) { (*mine).next_b[l] = load_b((*mine).next_b[l], lane + l * THREADS, col, depth, end); }
}

fn store(mine: ptr<function, Mine>, lane: u32, stage: u32) {
  for (var l = 0u; l < LOADS_A; l++) { store_a(stage, lane + l * THREADS, numbers_a((*mine).next_a[l])); }
  for (var l = 0u; l < LOADS_B; l++) { store_b(stage, lane + l * THREADS, numbers_b((*mine).next_b[l])); }
  workgroupBarrier();
}

fn multiply(mine: ptr<function, Mine>, lane: u32, stage: u32) {
  let four = lane / PLANE % SPLIT * (DEPTH / 4);
  let at_a = stage % STAGES * STAGE + four * (4 * ROW_A + PAD) + lane / ACROSS % SIDE_M;
  let at_b = stage % STAGES * STAGE + FROM_B + four * (4 * ROW_B + PAD) + lane % PLANE / (ACROSS * SIDE_M) * ACROSS + lane % ACROSS;
  for (var k = 0u; k < DEPTH; k++) {
    var right: array<vec4f, COLS4>;
    for (var j = 0u; j < COLS4; j++) { right[j] = tiles[at_b + k * ROW_B + k / 4 * PAD + j * SIDE_N]; }
    for (var i = 0u; i < ROWS4; i++) {
      let left = tiles[at_a + k * ROW_A + k / 4 * PAD + i * SIDE_M];
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
