// The product op(a) (m, k) * op(b) (k, n) of lib/product.wgsl for operands that are computed from what is loaded, and for few tiles. With
// SPLIT > 1 as many invocations add up the same numbers, each over its own part of a tile's depth, and in the end these sums are added in
// order: so a small tile still has many invocations. With STAGES = 2 both tiles are kept twice: while one pair is multiplied the next one
// is stored, and a round needs one barrier instead of two.
//
// The file says TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES, TRANS_A and TRANS_B, and has
//   Loaded                                       what a load brings: it stays as it is until it is stored, so that nothing waits for it
//   load_a(last, i, row, depth, end): Loaded     for load i of a tile, after what the same load brought of the tile before
//   load_b(last, i, col, depth, end): Loaded
//   numbers_a(loaded), numbers_b(loaded): vec4f  zero outside, along m with TRANS_A and along k without, along k with TRANS_B and along n
//                                                without

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
const FROM_B = TILE_K * STRIDE_A; // where the right tile begins
const STAGE = FROM_B + TILE_K * STRIDE_B;
const SUMS = ROWS * COLS4;
const KEPT = (SUMS + SPLIT - 1) / SPLIT; // sums that an invocation has in the end
// Sums of each invocation that lie in workgroup memory while those of the parts are added: as many as the tiles have room for.
const AT_ONCE = max(1, min(SUMS, STAGES * STAGE / THREADS));
// Invocations side by side; the next ones are below them. A subgroup then covers a block, which reads few numbers of either tile.
const ACROSS = 4u;
const_assert SIDE_N % ACROSS == 0;

override WHOLE: bool = false; // all tiles are whole: no load and no store needs a guard

var<workgroup> tiles: array<vec4f, max(STAGES * STAGE, AT_ONCE * THREADS)>; // STAGES times (TILE_K, TILE_M) and (TILE_K, TILE_N)

// Where an invocation stands in the tile.
fn row_of(lane: u32) -> u32 { return lane / ACROSS % SIDE_M; }
fn col_of(lane: u32) -> u32 { return lane % PLANE / (ACROSS * SIDE_M) * ACROSS + lane % ACROSS; }

fn store_a(stage: u32, i: u32, v: vec4f) {
  if (SIZE_A % THREADS != 0 && i >= SIZE_A) { return; }
  let at = stage % STAGES * STAGE;
  if (TRANS_A) {
    tiles[at + i / (TILE_M / 4) % TILE_K * STRIDE_A + i % (TILE_M / 4)] = v;
  } else {
    let m = i / (TILE_K / 4) % TILE_M;
    let k = (i % (TILE_K / 4)) * 4;
    for (var c = 0u; c < 4; c++) { tiles[at + (k + c) * STRIDE_A + m / 4][m % 4] = v[c]; }
  }
}

fn store_b(stage: u32, i: u32, v: vec4f) {
  if (SIZE_B % THREADS != 0 && i >= SIZE_B) { return; }
  let at = stage % STAGES * STAGE + FROM_B;
  if (TRANS_B) {
    let n = i / (TILE_K / 4) % TILE_N;
    let k = (i % (TILE_K / 4)) * 4;
    for (var c = 0u; c < 4; c++) { tiles[at + (k + c) * STRIDE_B + n / 4][n % 4] = v[c]; }
  } else {
    tiles[at + i / (TILE_N / 4) % TILE_K * STRIDE_B + i % (TILE_N / 4)] = v;
  }
}

// What an invocation adds up, and the part of the next tiles that it loads.
struct Mine { sums: array<vec4f, SUMS>, next_a: array<Loaded, LOADS_A>, next_b: array<Loaded, LOADS_B> }

fn load(mine: ptr<function, Mine>, lane: u32, row: u32, col: u32, depth: u32, end: u32) {
  for (var l = 0u; l < LOADS_A; l++) { (*mine).next_a[l] = load_a((*mine).next_a[l], lane + l * THREADS, row, depth, end); }
  for (var l = 0u; l < LOADS_B; l++) { (*mine).next_b[l] = load_b((*mine).next_b[l], lane + l * THREADS, col, depth, end); }
}

fn store(mine: ptr<function, Mine>, lane: u32, stage: u32) {
  if (STAGES == 1) { workgroupBarrier(); } // all have read the tiles before
  for (var l = 0u; l < LOADS_A; l++) { store_a(stage, lane + l * THREADS, numbers_a((*mine).next_a[l])); }
  for (var l = 0u; l < LOADS_B; l++) { store_b(stage, lane + l * THREADS, numbers_b((*mine).next_b[l])); }
  workgroupBarrier();
}

// The remainders change nothing: they show the compiler that no index needs to be clamped.
fn multiply(mine: ptr<function, Mine>, stage: u32, lane: u32) {
  let first = lane / PLANE % SPLIT * (TILE_K / SPLIT);
  let at_a = stage % STAGES * STAGE + first * STRIDE_A + row_of(lane);
  let at_b = stage % STAGES * STAGE + FROM_B + first * STRIDE_B + col_of(lane) % SIDE_N;
  for (var k = 0u; k < TILE_K / SPLIT; k++) {
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

// Sums over k from `begin` to `end` for the tile at (row, col).
fn add_up(mine: ptr<function, Mine>, lane: u32, row: u32, col: u32, begin: u32, end: u32) {
  var stage = 0u;
  load(mine, lane, row, col, begin, end);
  store(mine, lane, stage);
  for (var depth = begin + TILE_K; depth < end; depth += TILE_K) {
    load(mine, lane, row, col, depth, end);
    multiply(mine, stage, lane);
    stage = 1 - stage;
    store(mine, lane, stage);
  }
  multiply(mine, stage, lane);
}

// kept = the sums over the whole depth, every SPLIT-th of the plane's for each invocation. One call after the other: compilers unroll no
// loop that has barriers, and in one that is not unrolled all sums would lie in memory instead of registers, for the whole kernel.
const_assert SPLIT == 1 || SUMS <= 9 * AT_ONCE;
fn gather(kept: ptr<function, array<vec4f, KEPT>>, mine: ptr<function, Mine>, lane: u32) {
  if (SPLIT == 1) {
    for (var i = 0u; i < SUMS; i++) { (*kept)[i % KEPT] = (*mine).sums[i]; }
    return;
  }
  gather_some(kept, mine, 0u, lane);
  if (SUMS > AT_ONCE) { gather_some(kept, mine, AT_ONCE, lane); }
  if (SUMS > 2 * AT_ONCE) { gather_some(kept, mine, 2 * AT_ONCE, lane); }
  if (SUMS > 3 * AT_ONCE) { gather_some(kept, mine, 3 * AT_ONCE, lane); }
  if (SUMS > 4 * AT_ONCE) { gather_some(kept, mine, 4 * AT_ONCE, lane); }
  if (SUMS > 5 * AT_ONCE) { gather_some(kept, mine, 5 * AT_ONCE, lane); }
  if (SUMS > 6 * AT_ONCE) { gather_some(kept, mine, 6 * AT_ONCE, lane); }
  if (SUMS > 7 * AT_ONCE) { gather_some(kept, mine, 7 * AT_ONCE, lane); }
  if (SUMS > 8 * AT_ONCE) { gather_some(kept, mine, 8 * AT_ONCE, lane); }
}
fn gather_some(kept: ptr<function, array<vec4f, KEPT>>, mine: ptr<function, Mine>, first: u32, lane: u32) {
  workgroupBarrier(); // all have read what lay here
  for (var q = 0u; q < AT_ONCE; q++) { tiles[q * THREADS + lane % THREADS] = (*mine).sums[(first + q) % SUMS]; }
  workgroupBarrier();
  for (var q = 0u; q < AT_ONCE; q++) {
    let i = first + q;
    if (lane / PLANE != i % SPLIT || i >= SUMS) { continue; }
    var sum = vec4f();
    for (var s = 0u; s < SPLIT; s++) { sum += tiles[q * THREADS + s * PLANE + lane % PLANE]; }
    (*kept)[i / SPLIT % KEPT] = sum;
  }
}

// The row and the first column in the tile of kept sum n.
fn place_of(n: u32, lane: u32) -> vec2u {
  let i = n * SPLIT + lane / PLANE;
  let r = i / COLS4;
  return 4 * vec2u(row_of(lane) + r / 4 * SIDE_M, col_of(lane) + i % COLS4 * SIDE_N) + vec2u(r % 4, 0);
}
// There may be fewer sums than places for them.
fn holds(n: u32, lane: u32) -> bool { return n * SPLIT + lane / PLANE < SUMS; }
