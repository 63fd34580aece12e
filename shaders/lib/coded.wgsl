// RandLoRA's frozen bases as they are stored. All forms bring the same numbers to the same places of the tiles, so that the results of
// the first two are the same bit for bit. B is (large, stride_b), every row from a word on, the first codes in the lowest bits.
const FLOATS = 0u; // B in f32
const LEVELS = 1u; // B as codes of one byte, indices of `levels`
const SIGNS = 2u;  // both as codes of two bits: bit 0 adds, bit 1 subtracts. They stand for -1, 0 and 1; `levels` are the magnitudes
override FORM: u32 = FLOATS;
override BITS: u32 = select(8u, 2u, FORM == SIGNS);

var<workgroup> table: array<f32, 256>; // of what the codes stand for, where every invocation can look up its own

fn fill_table(lane: u32) {
  if (FORM == FLOATS) { return; }
  if (FORM == SIGNS) {
    if (lane < 4) { table[lane % 4] = f32(lane % 2) - f32(lane / 2); }
  } else {
    for (var l = 0u; l < (256 + THREADS - 1) / THREADS; l++) {
      let i = lane + l * THREADS;
      if (i < 256) { table[i % 256] = levels[i]; }
    }
  }
  workgroupBarrier();
}

// Four numbers by the word that holds the first one's code, and by how much it is to be shifted.
fn coded(loaded: vec4u) -> vec4f {
  let word = loaded.x >> loaded.y;
  let codes = (vec4u(word) >> (BITS * vec4u(0, 1, 2, 3))) & vec4u((1u << BITS) - 1);
  return vec4f(table[codes.x % 256], table[codes.y % 256], table[codes.z % 256], table[codes.w % 256]);
}

// Four numbers of B as they are loaded, columns c to c + 3 of row m: those past the last column are any numbers.
fn load_basis(m: u32, c: u32) -> vec4u {
  if (!WHOLE && (m >= p.large || c >= p.rank * p.bases)) { return vec4u(); }
  let row = m * p.stride_b;
  if (FORM == LEVELS) { return vec4u(basis_b[row + c / 4], 0, 0, 0); }
  if (FORM == SIGNS) { return vec4u(basis_b[row + c / 16], c % 16 * 2, 0, 0); }
  return vec4u(basis_b[row + c], basis_b[row + c + 1], basis_b[row + c + 2], basis_b[row + c + 3]);
}
fn numbers(loaded: vec4u) -> vec4f {
  if (FORM == FLOATS) { return bitcast<vec4f>(loaded); }
  return coded(loaded);
}
