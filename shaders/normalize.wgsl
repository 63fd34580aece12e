// normalize: y = (byte / 255 - mean) / std, from interleaved RGB bytes to planes.
//
//   forward   one invocation per element of y
//
// Images follow each other without padding, so an image may begin in the middle of a word.

struct Params { n: u32, area: u32, mean_r: f32, mean_g: f32, mean_b: f32, std_r: f32, std_g: f32, std_b: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;    // (B, area, 3) bytes
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // (B, 3, area)

override WG: u32 = 256;

//! use flat
//! use pixel

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  let image = i / (3 * p.area);
  let channel = i / p.area % 3;
  y[i] = normalised(byte_at((image * p.area + i % p.area) * 3 + channel), channel);
}
