// adamw: AdamW with decoupled weight decay (arXiv 1711.05101) over all trainables of a lane at once, with a global clip of the
// gradient's norm (arXiv 1211.5063) and a count of gradients that are NaN or infinite.
//
//   norm     one workgroup for each of the equal parts that the gradient is cut into: (sum of squares, how many are not finite)
//   record   one workgroup: sums the parts; writes stats, and the step's line in the ring that the page reads
//   update   one invocation per vector; leaves everything as it was when a gradient is not finite, so that the run can stop
//            with its last good weights
//
// Numbers come in n vectors of four: the place of a trainable is a multiple of 256 bytes, filled up with zeros.
// The exponent test is on bits: WGSL lets an implementation assume that NaN does not exist.

struct Params { n: u32, parts: u32, batch: u32, ring: u32, beta1: f32, beta2: f32, eps: f32, decay: f32, clip: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;           // (n, 4)
@group(0) @binding(2) var<storage, read_write> parts: array<vec2f>;        // (parts, 2)
@group(0) @binding(3) var<storage, read> parts_in: array<vec2f>;           // (parts, 2)
@group(0) @binding(4) var<storage, read> loss: array<f32>;                 // (1)
@group(0) @binding(5) var<storage, read> rows: array<vec2f>;               // (batch, 2): loss, right or not
@group(0) @binding(6) var<storage, read> hyper: array<f32>;                // (4): learning rate, 1 - beta1^t, 1 - beta2^t, t - 1
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;          // (2): factor for the gradient, how many are not finite
@group(0) @binding(8) var<storage, read_write> history: array<vec4f>;      // (ring, 4): loss, share right, norm, not finite
@group(0) @binding(9) var<storage, read> stats_in: array<f32>;             // (2)
@group(0) @binding(10) var<storage, read_write> weight: array<vec4f>;      // (n, 4), accumulates
@group(0) @binding(11) var<storage, read_write> mean: array<vec4f>;        // (n, 4), accumulates
@group(0) @binding(12) var<storage, read_write> variance: array<vec4f>;    // (n, 4), accumulates

override WG: u32 = 256;

//! use flat
//! use group_sum

fn not_finite(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7f800000u) == 0x7f800000u;
}

@compute @workgroup_size(WG)
fn norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let size = (p.n + p.parts - 1) / p.parts;
  var squares = 0.0;
  var bad = 0.0;
  for (var i = group.x * size + lane; i < min(p.n, (group.x + 1) * size); i += WG) {
    let g = gradient[i];
    let wrong = (bitcast<vec4u>(g) & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
    let right = select(g, vec4f(), wrong);
    squares += dot(right, right);
    bad += dot(select(vec4f(), vec4f(1.0), wrong), vec4f(1.0));
  }
  let squares_sum = group_sum(squares, lane);
  let bad_sum = group_sum(bad, lane);
  if (lane == 0) { parts[group.x] = vec2f(squares_sum, bad_sum); }
}

@compute @workgroup_size(WG)
fn record(@builtin(local_invocation_index) lane: u32) {
  var squares = 0.0;
  var bad = 0.0;
  for (var i = lane; i < p.parts; i += WG) {
    squares += parts_in[i].x;
    bad += parts_in[i].y;
  }
  var right = 0.0;
  for (var i = lane; i < p.batch; i += WG) { right += rows[i].y; }
  let norm = sqrt(group_sum(squares, lane));
  var bad_sum = group_sum(bad, lane);
  let right_sum = group_sum(right, lane);
  if (lane == 0) {
    if (not_finite(loss[0]) || not_finite(norm)) { bad_sum += 1.0; }
    var factor = 1.0;
    if (p.clip > 0 && norm > p.clip) { factor = p.clip / norm; }
    stats[0] = factor;
    stats[1] = bad_sum;
    history[u32(hyper[3]) % p.ring] = vec4f(loss[0], right_sum / f32(p.batch), norm, bad_sum);
  }
}

@compute @workgroup_size(WG)
fn update(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.n || stats_in[1] > 0) { return; }
  // All is read before anything is written: a load behind a store would wait for it.
  let w = weight[i];
  let g = gradient[i] * stats_in[0];
  let m = p.beta1 * mean[i] + (1 - p.beta1) * g;
  let v = p.beta2 * variance[i] + (1 - p.beta2) * g * g;
  let lr = hyper[0];
  weight[i] = w * (1 - lr * p.decay) - lr * (m / hyper[1]) / (sqrt(v / hyper[2]) + p.eps);
  mean[i] = m;
  variance[i] = v;
}
