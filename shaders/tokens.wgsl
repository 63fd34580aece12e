// tokens: the class token and e extra tokens before each image's patches, plus positions.
//
//   forward             one invocation per element of y:  y[b, 0] = cls, y[b, 1 + j] = extra[j], y[b, 1 + e + i] = patches[b, i],
//                       each plus its row of positions
//   backward_patches    one invocation per element of dpatches: the rows of dy behind the other tokens
//   backward_head       one invocation per element of dhead: the sum over b of dy[b, p.first + row], in order
//   backward_positions  one invocation per element of dpositions: the sum over b of dy[b, t], in order
//
// Positions have a row for every token, or none for the extra ones: p.bare is how many tokens behind the first have none.

struct Params { batch: u32, t: u32, d: u32, extra: u32, bare: u32, first: u32, rows: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> patches: array<f32>;           // (batch, t - 1 - e, d)
@group(0) @binding(2) var<storage, read> cls: array<f32>;               // (d)
@group(0) @binding(3) var<storage, read> extra: array<f32>;             // (e, d), read if e > 0
@group(0) @binding(4) var<storage, read> positions: array<f32>;         // (t - bare, d)
@group(0) @binding(5) var<storage, read_write> y: array<f32>;           // (batch, t, d)
@group(0) @binding(6) var<storage, read> dy: array<f32>;                // (batch, t, d)
@group(0) @binding(7) var<storage, read_write> dpatches: array<f32>;    // (batch, t - 1 - e, d)
@group(0) @binding(8) var<storage, read_write> dhead: array<f32>;       // (rows, d): dcls or dextra
@group(0) @binding(9) var<storage, read_write> dpositions: array<f32>;  // (t - bare, d)

override WG: u32 = 256;

//! use flat

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.batch * p.t * p.d) { return; }
  let row = i / p.d;
  let b = row / p.t;
  let t = row % p.t;
  let column = i % p.d;
  let head = 1 + p.extra;
  var v = 0.0;
  if (t == 0) {
    v = cls[column];
  } else if (t < head) {
    v = extra[(t - 1) * p.d + column];
  } else {
    v = patches[(b * (p.t - head) + t - head) * p.d + column];
  }
  if (t == 0) {
    v += positions[column];
  } else if (t > p.bare) {
    v += positions[(t - p.bare) * p.d + column];
  }
  y[i] = v;
}

@compute @workgroup_size(WG)
fn backward_patches(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  let head = 1 + p.extra;
  if (i >= p.batch * (p.t - head) * p.d) { return; }
  let b = i / ((p.t - head) * p.d);
  dpatches[i] = dy[i + (b + 1) * head * p.d];
}

// Sum over the batch of element i of an image's (t, d).
fn sum_over_batch(i: u32) -> f32 {
  var sum = 0.0;
  for (var b = 0u; b < p.batch; b++) { sum += dy[b * p.t * p.d + i]; }
  return sum;
}

@compute @workgroup_size(WG)
fn backward_head(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  dhead[i] = sum_over_batch(p.first * p.d + i);
}

@compute @workgroup_size(WG)
fn backward_positions(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= (p.t - p.bare) * p.d) { return; }
  dpositions[i] = sum_over_batch(select(i + p.bare * p.d, i, i < p.d));
}
