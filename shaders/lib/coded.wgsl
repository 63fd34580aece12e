// RandLoRA's B, (large, stride_b): bits of f32, or with LEVELS codes of one byte, four to a word and every row from a word on, each
// the index of its number in `levels`. Both ways bring the same numbers to the same places, so all results are the same bit for bit.
// The file says B_ROWS and B_COLS, the part of B that it holds in a tile.
override LEVELS: bool = false;

var<workgroup> table: array<f32, 256>; // levels, where every invocation can look up its own

fn fill_table(lane: u32) {
  if (LEVELS) { for (var i = lane; i < 256; i += THREADS) { table[i] = levels[i]; } }
}

// The word of row m that holds column c; 0 outside.
fn b_word(m: u32, c: u32) -> u32 {
  if (m >= p.large || c >= p.rank * p.bases) { return 0u; }
  return basis_b[m * p.stride_b + select(c, c / 4, LEVELS)];
}
// Four numbers of the tile at (m, c), for load i: with LEVELS a word's, otherwise those of four rows in a column, which neighbours
// read beside each other.
fn load_b(i: u32, m: u32, c: u32) -> vec4u {
  if (LEVELS) { return vec4u(b_word(m + i / (B_COLS / 4), c + i % (B_COLS / 4) * 4), 0, 0, 0); }
  var four: vec4u;
  for (var q = 0u; q < 4; q++) { four[q] = b_word(m + i / B_COLS + q * (B_ROWS / 4), c + i % B_COLS); }
  return four;
}
// Where number q of load i lies in its tile: row, column.
fn place_b(i: u32, q: u32) -> vec2u {
  if (LEVELS) { return vec2u(i / (B_COLS / 4), i % (B_COLS / 4) * 4 + q); }
  return vec2u(i / B_COLS + q * (B_ROWS / 4), i % B_COLS);
}
fn numbers_b(loaded: vec4u) -> vec4f {
  if (!LEVELS) { return bitcast<vec4f>(loaded); }
  let word = loaded.x;
  return vec4f(table[word % 256], table[(word >> 8) % 256], table[(word >> 16) % 256], table[(word >> 24) % 256]);
}
