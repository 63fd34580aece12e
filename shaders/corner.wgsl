// corner: the first rows and columns of a matrix, which may be stored as codes in words; every row begins at a word.
//
//   forward   one invocation per number:   y[i, j] = x[i, j]
//
// BITS of an entry: 32, an f32. 8: the index of its number in `levels` (256). 2: bit 0 is +levels[basis], bit 1 is -levels[basis].

struct Params { rows: u32, cols: u32, stride: u32, basis: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;          // (>= rows, stride)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;    // (rows, cols)
@group(0) @binding(3) var<storage, read> levels: array<f32>;     // (256) or (2), read if BITS < 32

override WG: u32 = 256;
override BITS: u32 = 32;

//! use flat

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.cols) { return; }
  let at = i % p.cols * BITS;
  let code = extractBits(x[(i / p.cols) * p.stride + at / 32], at % 32, BITS);
  if (BITS == 32) {
    y[i] = bitcast<f32>(code);
  } else if (BITS == 8) {
    y[i] = levels[code];
  } else {
    y[i] = (f32(code & 1) - f32(code >> 1)) * levels[p.basis];
  }
}
