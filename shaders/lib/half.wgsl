// Numbers of two bytes, two to a word, the first in the low half.
override PACKED: u32 = 0; // how a buffer holds its numbers: 0 as f32, 1 as binary16, 2 as bfloat16 (the upper half of an f32)

fn both_of(word: u32) -> vec2f {
  if (PACKED == 1) { return unpack2x16float(word); }
  return bitcast<vec2f>(vec2u(word << 16, word & 0xffff0000));
}

// Number `i` of a buffer, out of its word i / 2.
fn number_of(word: u32, i: u32) -> f32 {
  return both_of(word >> (16 * (i % 2))).x;
}
