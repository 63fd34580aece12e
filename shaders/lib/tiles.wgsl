// The shared tiles of a matrix product, and what one invocation adds up of it: ROWS x COLS numbers in vec4s, spread over the tile so
// that neighbours read neighbouring vec4s. The file says TILE_M, TILE_N, DEPTH, ROWS and COLS; all but DEPTH are multiples of 4.

const ROWS4 = ROWS / 4;
const COLS4 = COLS / 4;
const SIDE_M = TILE_M / ROWS; // invocations along a tile
const SIDE_N = TILE_N / COLS;
const THREADS = SIDE_M * SIDE_N;
// One vec4 of padding per row spreads the transposing stores over the banks.
const STRIDE_M = TILE_M / 4 + 1;
const STRIDE_N = TILE_N / 4 + 1;

var<workgroup> left: array<vec4f, max(DEPTH * STRIDE_M, SIDE_N * TILE_M / 4)>; // (DEPTH, TILE_M), rows of the result
var<workgroup> right: array<vec4f, DEPTH * STRIDE_N>;                          // (DEPTH, TILE_N), columns of the result

// The first of the four rows, and of the four columns, that block i of an invocation holds.
fn block_row(row: u32, i: u32) -> u32 { return 4 * (row + i * SIDE_M); }
fn block_col(col: u32, i: u32) -> u32 { return 4 * (col + i * SIDE_N); }

// sums (ROWS, COLS) += leftᵀ * right. The remainders change nothing: they show the compiler that no index needs to be clamped.
fn multiply_tiles(sums: ptr<function, array<vec4f, ROWS * COLS4>>, row: u32, col: u32) {
  for (var d = 0u; d < DEPTH; d++) {
    var r: array<vec4f, COLS4>;
    for (var j = 0u; j < COLS4; j++) { r[j] = right[d * STRIDE_N + col % SIDE_N + j * SIDE_N]; }
    for (var i = 0u; i < ROWS4; i++) {
      let l = left[d * STRIDE_M + row % SIDE_M + i * SIDE_M];
      for (var j = 0u; j < COLS4; j++) {
        (*sums)[(i * 4 + 0) * COLS4 + j] += l.x * r[j];
        (*sums)[(i * 4 + 1) * COLS4 + j] += l.y * r[j];
        (*sums)[(i * 4 + 2) * COLS4 + j] += l.z * r[j];
        (*sums)[(i * 4 + 3) * COLS4 + j] += l.w * r[j];
      }
    }
  }
}
