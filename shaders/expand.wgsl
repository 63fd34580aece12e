// expand: the scaled copies of RandLoRA's A, one below the other, for the way on the activations. With c = k * bases + b:
//
//   forward      one invocation per number:   y[c, j] = lambda[c] * a[k, j] * gamma[b, j]
//   backward_l   one workgroup per c:         dlambda[c] = sum_j dy[c, j] * a[k, j] * gamma[b, j]
//   backward_g   one invocation per (b, j):   dgamma[b, j] = sum_k dy[c, j] * a[k, j] * lambda[c]

struct Params { rank: u32, bases: u32, small: u32, stride: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;                // (rank, stride), the first `small` columns
@group(0) @binding(2) var<storage, read> lambda: array<f32>;           // (rank, bases)
@group(0) @binding(3) var<storage, read> gamma: array<f32>;            // (bases, small)
@group(0) @binding(4) var<storage, read_write> y: array<f32>;          // (rank * bases, small)
@group(0) @binding(5) var<storage, read> dy: array<f32>;               // (rank * bases, small)
@group(0) @binding(6) var<storage, read_write> dlambda: array<f32>;    // (rank, bases)
@group(0) @binding(7) var<storage, read_write> dgamma: array<f32>;     // (bases, small)

override WG: u32 = 64;

//! use flat
//! use group_sum

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rank * p.bases * p.small) { return; }
  let c = i / p.small;
  let j = i % p.small;
  y[i] = lambda[c] * a[(c / p.bases) * p.stride + j] * gamma[(c % p.bases) * p.small + j];
}

@compute @workgroup_size(WG)
fn backward_l(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = group.x + group.y * groups.x;
  if (c >= p.rank * p.bases) { return; }
  var sum = 0.0;
  for (var j = lane; j < p.small; j += WG) {
    sum += dy[c * p.small + j] * a[(c / p.bases) * p.stride + j] * gamma[(c % p.bases) * p.small + j];
  }
  let total = group_sum(sum, lane);
  if (lane == 0) { dlambda[c] = total; }
}

@compute @workgroup_size(WG)
fn backward_g(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.bases * p.small) { return; }
  let b = i / p.small;
  let j = i % p.small;
  var sum = 0.0;
  for (var k = 0u; k < p.rank; k++) {
    let c = k * p.bases + b;
    sum += dy[c * p.small + j] * a[k * p.stride + j] * lambda[c];
  }
  dgamma[i] = sum;
}
