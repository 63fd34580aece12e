// patches: the squares under a Conv2d of stride = kernel size, as rows for a matmul with its flattened weight.
//
//   forward   one invocation per element of y
//
// Patches go row by row through an image; the numbers of one patch are ordered as a Conv2d weight (D, 3, size, size).
// Pixels beyond the last whole patch of a row or column are dropped, as Conv2d does.

struct Params { n: u32, height: u32, width: u32, size: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> pixels: array<f32>;    // (B, 3, height, width)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // (B * P, 3 * size * size), P = (height / size) * (width / size)

override WG: u32 = 256;

//! use flat

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  let area = p.size * p.size;
  let across = p.width / p.size;
  let down = p.height / p.size;
  let square = i / (3 * area);
  let image = square / (across * down);
  let channel = i / area % 3;
  let row = square / across % down * p.size + i % area / p.size;
  let column = square % across * p.size + i % p.size;
  y[i] = pixels[((image * 3 + channel) * p.height + row) * p.width + column];
}
