// Sums of rows that a ternary matrix names, with additions and subtractions in place of products. Sixteen entries are a word: bit 2 i
// adds what entry i stands before, bit 2 i + 1 subtracts it. A sum over sixteen entries adds the rows of the tile that the even bits
// name, then subtracts those that the odd bits name, and spends nothing on zeros. The file says TILE_M, TILE_N and ROWS, 4 or 8.

const DEPTH = 16u; // entries of a word
const SIDE_N = TILE_N / 4; // invocations that share rows of the result; each owns ROWS x 4 of its numbers
const THREADS = TILE_M / ROWS * SIDE_N;
const STRIDE = SIDE_N + 2; // even; the padding spreads transposing stores over the banks
const LOADS = (DEPTH * SIDE_N + THREADS - 1) / THREADS; // of the tile, four numbers each

var<workgroup> tile: array<vec4f, max(DEPTH * STRIDE, SIDE_N * TILE_M / 4)>; // (DEPTH, TILE_N)

// The row of the tile that the lowest set bit names, an even one, which is then cleared. Counting the bits below it is one
// instruction, where WGSL's own search for a bit may be thirty.
fn take_row(bits: ptr<function, u32>, col: u32) -> vec4f {
  let below = *bits - 1;
  let bit = countOneBits(~*bits & below);
  *bits &= below;
  return tile[bit * (STRIDE / 2) + col];
}
// Two at a time, so that their loads are under way at once. A loop that counts down to 0 ends for certain: others are given a
// second count by the compiler.
fn add_named(v: vec4f, word: u32, col: u32) -> vec4f {
  var sum = v;
  var plus = word & 0x55555555u;
  for (var pairs = countOneBits(plus) / 2; pairs > 0; pairs--) {
    let first = take_row(&plus, col);
    let second = take_row(&plus, col);
    sum += first + second;
  }
  if (plus != 0) { sum += take_row(&plus, col); }
  var minus = (word >> 1) & 0x55555555u;
  for (var pairs = countOneBits(minus) / 2; pairs > 0; pairs--) {
    let first = take_row(&minus, col);
    let second = take_row(&minus, col);
    sum -= first + second;
  }
  if (minus != 0) { sum -= take_row(&minus, col); }
  return sum;
}

// Each of an invocation's rows by its word. Spelt out: a place that a loop counts would keep the sums out of registers in a loop
// that is not unrolled. The second half is the first one again where ROWS is 4, and not compiled.
fn add_rows(sums: ptr<function, array<vec4f, ROWS>>, words: array<u32, ROWS>, col: u32) {
  (*sums)[0] = add_named((*sums)[0], words[0], col);
  (*sums)[1] = add_named((*sums)[1], words[1], col);
  (*sums)[2] = add_named((*sums)[2], words[2], col);
  (*sums)[3] = add_named((*sums)[3], words[3], col);
  if (ROWS == 8) {
    (*sums)[ROWS - 4] = add_named((*sums)[ROWS - 4], words[ROWS - 4], col);
    (*sums)[ROWS - 3] = add_named((*sums)[ROWS - 3], words[ROWS - 3], col);
    (*sums)[ROWS - 2] = add_named((*sums)[ROWS - 2], words[ROWS - 2], col);
    (*sums)[ROWS - 1] = add_named((*sums)[ROWS - 1], words[ROWS - 1], col);
  }
}

// Each number of v by its code, from the lowest bits on.
fn signed_four(v: vec4f, codes: u32) -> vec4f {
  let each = vec4u(codes) >> vec4u(0, 2, 4, 6);
  return select(vec4f(), v, (each & vec4u(1)) != vec4u()) - select(vec4f(), v, (each & vec4u(2)) != vec4u());
}
