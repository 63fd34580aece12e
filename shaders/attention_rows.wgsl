// attention_rows: what happens to the rows of scores between the products of attention_product.wgsl.
//
//   forward    one workgroup per row: w = softmax of s, and for the backward pass the log of its denominator and its largest key
//   backward   one workgroup per row: w again, and ds = w * (dp - delta), the gradient of the scores
//
// With dp[j] = dy · v[j], the textbook has delta = sum_j w[j] dp[j]. Where one key holds nearly all the weight, dp - delta is the
// difference of equal numbers and loses every digit. Here dp is taken relative to the largest key's, exactly zero for that key itself:
// ds = w * ((dp - c) - d), c = dp[largest], d = sum_j w[j] (dp[j] - c). Gradients a billion times smaller than their neighbours stay
// right.
//
// Rows are `stride` apart, a multiple of 4: what is between their ends is written as zeros. With CAUSAL, row t sees keys 0 … t.

struct Params { first: u32, rows: u32, tokens: u32, stride: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> s: array<f32>;                // (B * heads * T, stride)
@group(0) @binding(2) var<storage, read_write> w: array<f32>;          // (B * heads * T, stride)
@group(0) @binding(3) var<storage, read_write> softmax: array<vec2f>;  // (B * heads * T, 2): log of the denominator, largest key; these rows from `first` on
@group(0) @binding(4) var<storage, read> saved: array<vec2f>;          // (B * heads * T, 2): what forward wrote to softmax
@group(0) @binding(5) var<storage, read> dp: array<f32>;               // (B * heads * T, stride)
@group(0) @binding(6) var<storage, read_write> ds: array<f32>;         // (B * heads * T, stride), times scale

override CAUSAL: bool = false;

const WG = 32u; // knob
const HELD = 8u; // knob
const LOWEST = -3.0e38;

// Invocation `lane` has numbers lane, lane + WG, … of a row; HELD of them.
//! use group_sum

// The largest of `v` over the workgroup, and the lowest of the `at` that have it.
var<workgroup> tops: array<vec2f, WG>;
fn group_top(v: f32, at: f32, lane: u32) -> vec2f {
  tops[lane] = vec2f(v, at);
  workgroupBarrier();
  for (var half = WG / 2; half > 0; half >>= 1) {
    if (lane < half) {
      let other = tops[lane + half];
      if (other.x > tops[lane].x || (other.x == tops[lane].x && other.y < tops[lane].y)) { tops[lane] = other; }
    }
    workgroupBarrier();
  }
  return tops[0];
}

// Keys that row `row` sees.
fn seen(row: u32) -> u32 {
  return select(p.tokens, row % p.tokens + 1, CAUSAL);
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  let limit = seen(row);
  var held = array<f32, HELD>();
  var top = LOWEST;
  var top_key = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let key = lane + i * WG;
    held[i] = select(LOWEST, s[row * p.stride + min(key, p.stride - 1)], key < limit);
    if (held[i] > top) {
      top = held[i];
      top_key = f32(key);
    }
  }
  let best = group_top(top, top_key, lane);
  var sum = 0.0;
  for (var i = 0u; i < HELD; i++) {
    held[i] = select(0.0, exp(held[i] - best.x), lane + i * WG < limit);
    sum += held[i];
  }
  let total = group_sum(sum, lane);
  for (var i = 0u; i < HELD; i++) {
    let key = lane + i * WG;
    if (key < p.stride) { w[row * p.stride + key] = held[i] / total; }
  }
  if (lane == 0) { softmax[p.first + row] = vec2f(best.x + log(total), best.y); }
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  let limit = seen(row);
  let soft = saved[p.first + row];
  let largest = u32(soft.y);
  let c = dp[row * p.stride + largest];
  var held = array<f32, HELD>();
  var relative = array<f32, HELD>();
  var sum = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let key = lane + i * WG;
    let at = row * p.stride + min(key, p.stride - 1);
    held[i] = select(0.0, exp(s[at] - soft.x), key < limit);
    relative[i] = select(dp[at] - c, 0.0, key == largest || key >= limit);
    sum += held[i] * relative[i];
  }
  let d = group_sum(sum, lane);
  for (var i = 0u; i < HELD; i++) {
    let key = lane + i * WG;
    if (key < p.stride) {
      w[row * p.stride + key] = held[i];
      ds[row * p.stride + key] = p.scale * held[i] * (relative[i] - d);
    }
  }
}
