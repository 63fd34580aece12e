// The shared tiles of a matrix product, and what one invocation adds up of it: ROWS x COLS numbers in vec4s, spread over the tile so
// that neighbours read neighbouring vec4s. With SPLIT > 1 as many invocations add up the same numbers, each over its own part of the
// depth, and in the end these sums are added in order: so a workgroup with a small tile still has many invocations. With STAGES = 2 the
// tiles are kept twice: while one pair is multiplied the next one is stored, and a round needs one barrier. The file says TILE_M,
// TILE_N, ROWS and COLS, which are multiples of 4, DEPTH, a multiple of 4 that SPLIT divides, and SPLIT and STAGES. Where SPLIT > 1 an
// invocation sums 16 or 32 numbers, 64 or 96.

const COLS4 = COLS / 4;
const SIDE_M = TILE_M / ROWS; // invocations along a tile
const SIDE_N = TILE_N / COLS;
const PLANE = SIDE_M * SIDE_N; // those that hold the whole tile between them
const THREADS = PLANE * SPLIT;
// One vec4 of padding per row spreads the transposing stores over the banks.
const STRIDE_M = TILE_M / 4 + 1;
const STRIDE_N = TILE_N / 4 + 1;
const RIGHT = DEPTH * STRIDE_M; // where the right tile begins
const STAGE = RIGHT + DEPTH * STRIDE_N;
const SUMS = ROWS * COLS4;
const KEPT = (SUMS + SPLIT - 1) / SPLIT; // sums that an invocation has in the end

override WHOLE: bool = false; // all tiles are whole: no load and no store needs a guard

var<workgroup> tiles: array<vec4f, max(STAGES * STAGE, select(0, 2 * THREADS, SPLIT > 1))>; // (DEPTH, TILE_M), rows of the result, and (DEPTH, TILE_N), its columns

// sums (ROWS, COLS) += leftᵀ * right. The remainders change nothing: they show the compiler that no index needs to be clamped.
fn multiply_tiles(sums: ptr<function, array<vec4f, SUMS>>, stage: u32, lane: u32) {
  let first = lane / PLANE % SPLIT * (DEPTH / SPLIT);
  let l_at = stage % STAGES * STAGE + first * STRIDE_M + lane / SIDE_N % SIDE_M;
  let r_at = stage % STAGES * STAGE + RIGHT + first * STRIDE_N + lane % SIDE_N;
  for (var d = 0u; d < DEPTH / SPLIT; d++) {
    var r: array<vec4f, COLS4>;
    for (var j = 0u; j < COLS4; j++) { r[j] = tiles[r_at + d * STRIDE_N + j * SIDE_N]; }
    for (var i = 0u; i < ROWS / 4; i++) {
      let l = tiles[l_at + d * STRIDE_M + i * SIDE_M];
      for (var j = 0u; j < COLS4; j++) {
        (*sums)[(i * 4 + 0) * COLS4 + j] += l.x * r[j];
        (*sums)[(i * 4 + 1) * COLS4 + j] += l.y * r[j];
        (*sums)[(i * 4 + 2) * COLS4 + j] += l.z * r[j];
        (*sums)[(i * 4 + 3) * COLS4 + j] += l.w * r[j];
      }
    }
  }
}

// kept = the sums over the whole depth, every SPLIT-th of the plane's for each invocation. In eights: compilers unroll no long loop that
// has barriers, and in one that is not unrolled all sums would lie in memory instead of registers, for the whole kernel.
fn gather(kept: ptr<function, array<vec4f, KEPT>>, sums: ptr<function, array<vec4f, SUMS>>, lane: u32) {
  if (SPLIT == 1) {
    for (var i = 0u; i < SUMS; i++) { (*kept)[i % KEPT] = (*sums)[i]; }
    return;
  }
  workgroupBarrier(); // all have read the last tiles
  gather_eight(kept, sums, 0u, lane);
  if (SUMS > 8) { gather_eight(kept, sums, 8u, lane); }
  if (SUMS > 16) { gather_eight(kept, sums, 16u, lane); }
}
fn gather_eight(kept: ptr<function, array<vec4f, KEPT>>, sums: ptr<function, array<vec4f, SUMS>>, first: u32, lane: u32) {
  for (var q = 0u; q < min(SUMS, 8); q++) {
    let i = first + q;
    // In turns between two halves, so that the next sums may come before all have read these.
    tiles[i % 2 * THREADS + lane % THREADS] = (*sums)[i % SUMS];
    workgroupBarrier();
    if (lane / PLANE == i % SPLIT) {
      var sum = vec4f();
      for (var s = 0u; s < SPLIT; s++) { sum += tiles[i % 2 * THREADS + s * PLANE + lane % PLANE]; }
      (*kept)[i / SPLIT % KEPT] = sum;
    }
  }
}

// The row and the first column in the tile of kept sum n.
fn place_of(n: u32, lane: u32) -> vec2u {
  let i = n * SPLIT + lane / PLANE;
  let r = i / COLS4;
  return 4 * vec2u(lane / SIDE_N % SIDE_M + r / 4 * SIDE_M, lane % SIDE_N + i % COLS4 * SIDE_N) + vec2u(r % 4, 0);
}
// There may be fewer sums than places for them.
fn holds(n: u32, lane: u32) -> bool { return n * SPLIT + lane / PLANE < SUMS; }
