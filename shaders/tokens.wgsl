// tokens: the class token before each image's patches, plus positions.
//
//   forward             one invocation per element of y:  y[b, 0] = cls + positions[0],  y[b, t] = patches[b, t - 1] + positions[t]
//   backward_patches    one invocation per element of dpatches: the rows of dy behind the class token
//   backward_cls        one invocation per element of dcls: the sum over b of dy[b, 0], in order
//   backward_positions  one invocation per element of dpositions: the sum over b of dy[b, t], in order

struct Params { batch: u32, t: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> patches: array<f32>;           // (batch, t - 1, d)
@group(0) @binding(2) var<storage, read> cls: array<f32>;               // (d)
@group(0) @binding(3) var<storage, read> positions: array<f32>;         // (t, d)
@group(0) @binding(4) var<storage, read_write> y: array<f32>;           // (batch, t, d)
@group(0) @binding(5) var<storage, read> dy: array<f32>;                // (batch, t, d)
@group(0) @binding(6) var<storage, read_write> dpatches: array<f32>;    // (batch, t - 1, d)
@group(0) @binding(7) var<storage, read_write> dcls: array<f32>;        // (d)
@group(0) @binding(8) var<storage, read_write> dpositions: array<f32>;  // (t, d)

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
  var v = positions[t * p.d + column];
  if (t == 0) { v += cls[column]; } else { v += patches[(row - b - 1) * p.d + column]; }
  y[i] = v;
}

@compute @workgroup_size(WG)
fn backward_patches(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.batch * (p.t - 1) * p.d) { return; }
  let b = i / ((p.t - 1) * p.d);
  dpatches[i] = dy[i + (b + 1) * p.d];
}

// Sum over the batch of element i of an image's (t, d).
fn sum_over_batch(i: u32) -> f32 {
  var sum = 0.0;
  for (var b = 0u; b < p.batch; b++) { sum += dy[b * p.t * p.d + i]; }
  return sum;
}

@compute @workgroup_size(WG)
fn backward_cls(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.d) { return; }
  dcls[i] = sum_over_batch(i);
}

@compute @workgroup_size(WG)
fn backward_positions(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.t * p.d) { return; }
  dpositions[i] = sum_over_batch(i);
}
