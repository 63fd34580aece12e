// The products of the heads of all images at once. Number (row, col) of image i and head h lies at first + i * image + h * head + row *
// stride + col, given for each of a, b and y in floats.

struct Params {
  m: u32, n: u32, k: u32, heads: u32, alpha: f32,
  a_first: u32, a_image: u32, a_head: u32, a_stride: u32,
  b_first: u32, b_image: u32, b_head: u32, b_stride: u32,
  y_first: u32, y_image: u32, y_head: u32, y_stride: u32,
}

@group(0) @binding(0) var<uniform> p: Params;

override TRANS_A: bool = false;
override TRANS_B: bool = false;
