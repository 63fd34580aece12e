// augment: y = (value / 255 - mean) / std of images that are placed, and toned, anew: from interleaved RGB bytes to planes.
//
//   forward  one invocation per pixel: placed
//   grey     one workgroup per image: the mean grey of the placed image after its brightness, which contrast turns about
//   toned    one invocation per pixel: placed and toned
//
// Pixel (i, j) of the result comes from (a i + b j + c, d i + e j + f) of the image, centres at whole numbers, the edge repeated.
// Between four pixels it is bilinear, with nothing done against aliasing where that shrinks. Whole places give the very bytes.

struct Params { n: u32, size: u32, mean_r: f32, mean_g: f32, mean_b: f32, std_r: f32, std_g: f32, std_b: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;           // (B, size, size, 3) bytes
@group(0) @binding(2) var<storage, read> place: array<f32>;            // (B, 6): a, b, c, d, e, f
@group(0) @binding(3) var<storage, read> tone: array<f32>;             // (B, 6): brightness, contrast, saturation, hue, inversion, levels
@group(0) @binding(4) var<storage, read> saved_grey: array<f32>;       // (B)
@group(0) @binding(5) var<storage, read_write> mean_grey: array<f32>;  // (B)
@group(0) @binding(6) var<storage, read_write> y: array<f32>;          // (B, 3, size, size)

override WG: u32 = 256;

//! use flat
//! use pixel
//! use group_sum

fn pixel_at(image: u32, column: u32, row: u32) -> vec3f {
  let k = 3 * ((image * p.size + row) * p.size + column);
  return vec3f(byte_at(k), byte_at(k + 1), byte_at(k + 2));
}

// Pixel `at` of the result, which counts row by row through an image.
fn placed(image: u32, at: u32) -> vec3f {
  let k = 6 * image;
  let i = f32(at % p.size);
  let j = f32(at / p.size);
  let last = p.size - 1;
  let x = clamp(place[k] * i + place[k + 1] * j + place[k + 2], 0.0, f32(last));
  let z = clamp(place[k + 3] * i + place[k + 4] * j + place[k + 5], 0.0, f32(last));
  let left = u32(x);
  let top = u32(z);
  let right = min(left + 1, last);
  let below = min(top + 1, last);
  let upper = mix(pixel_at(image, left, top), pixel_at(image, right, top), x - f32(left));
  let lower = mix(pixel_at(image, left, below), pixel_at(image, right, below), x - f32(left));
  return mix(upper, lower, z - f32(top));
}

fn grey_of(c: vec3f) -> f32 {
  return dot(c, vec3f(0.299, 0.587, 0.114));
}

fn limited(c: vec3f) -> vec3f {
  return clamp(c, vec3f(0), vec3f(255));
}

// The nearest byte: what tells values apart is defined on bytes, and would else follow the rounding of sums.
fn whole(c: vec3f) -> vec3f {
  return floor(c + 0.5);
}

fn bright(image: u32, c: vec3f) -> vec3f {
  return limited(tone[6 * image] * c);
}

// The colour with its hue turned, 1 for a whole circle, and its value and saturation kept (HSV).
fn turned(c: vec3f, circles: f32) -> vec3f {
  let high = max(c.r, max(c.g, c.b));
  let chroma = high - min(c.r, min(c.g, c.b));
  if (chroma == 0) { return c; }
  let from_red = select(4 + (c.r - c.g) / chroma, 2 + (c.b - c.r) / chroma, high == c.g);
  let sixths = select(from_red, (c.g - c.b) / chroma, high == c.r) + 6 * circles + vec3f(5, 3, 1);
  let k = sixths - 6 * floor(sixths / 6);
  return high - chroma * clamp(min(k, 4 - k), vec3f(0), vec3f(1));
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  let area = p.size * p.size;
  write(i / area, i % area, placed(i / area, i % area));
}

@compute @workgroup_size(WG)
fn grey(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let image = group.x + group.y * groups.x;
  let area = p.size * p.size;
  if (image * area >= p.n) { return; }
  var sum = 0.0;
  for (var at = lane; at < area; at += WG) { sum += grey_of(bright(image, placed(image, at))); }
  let total = group_sum(sum, lane);
  if (lane == 0) { mean_grey[image] = total / f32(area); }
}

@compute @workgroup_size(WG)
fn toned(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n) { return; }
  let area = p.size * p.size;
  let image = i / area;
  let k = 6 * image;
  var c = bright(image, placed(image, i % area));
  c = limited(c * tone[k + 1] + saved_grey[image] * (1 - tone[k + 1])); // and not mix, which may change c at a factor of 1
  c = limited(c * tone[k + 2] + grey_of(c) * (1 - tone[k + 2]));
  if (tone[k + 3] != 0) { c = limited(turned(c, tone[k + 3])); }
  c = select(c, 255 - c, whole(c) >= vec3f(tone[k + 4]));
  if (tone[k + 5] >= 2) { c = floor(whole(c) * tone[k + 5] / 256) * 256 / tone[k + 5]; }
  write(image, i % area, c);
}

fn write(image: u32, at: u32, c: vec3f) {
  let area = p.size * p.size;
  for (var channel = 0u; channel < 3; channel++) { y[(3 * image + channel) * area + at] = normalised(c[channel], channel); }
}
