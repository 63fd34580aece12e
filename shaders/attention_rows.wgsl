// attention_rows: what happens to the rows of scores between the products of attention_product.wgsl.
//
//   forward    one workgroup per WG / LANES rows: w = softmax of s, and for the backward pass the log of its denominator and its largest key
//   backward   one workgroup per WG / LANES rows: w again, and ds = w * (dp - delta), the gradient of the scores
//   kept       one workgroup per WG / LANES rows: ds from the w that forward wrote
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
@group(0) @binding(7) var<storage, read> weights: array<f32>;          // (B * heads * T, stride): w of forward

override CAUSAL: bool = false;

const WG = 64u; // knob
const LANES = 32u; // knob
const HELD = 8u; // knob
const LOWEST = -3.0e38;

// The LANES neighbours that share a row have its numbers in turn: HELD each.
//! use group_sum

// The largest of `v` over the lanes of a row, and the lowest of the `at` that have it. In two rounds, as row_sum.
var<workgroup> tops: array<vec2f, WG>;
fn row_top(v: f32, at: f32, lane: u32) -> vec2f {
  let some = max(LANES / 8, 1);
  tops[lane] = vec2f(v, at);
  workgroupBarrier();
  var top = vec2f(LOWEST, 0.0);
  if (lane % LANES < some) {
    for (var l = 0u; l < LANES / some; l++) { top = higher(top, tops[(lane + l * some) % WG]); }
    tops[lane] = top;
  }
  workgroupBarrier();
  top = vec2f(LOWEST, 0.0);
  for (var l = 0u; l < some; l++) { top = higher(top, tops[(lane / LANES * LANES + l) % WG]); }
  return top;
}
fn higher(a: vec2f, b: vec2f) -> vec2f {
  return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y));
}

fn row_of(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
}

// Keys that row `row` sees.
fn seen(row: u32) -> u32 {
  return select(p.tokens, row % p.tokens + 1, CAUSAL);
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let own = row_of(group, groups, lane);
  let row = min(own, p.rows - 1); // barriers are for all
  let first = lane % LANES;
  let limit = seen(row);
  var held = array<f32, HELD>();
  var top = LOWEST;
  var top_key = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let key = first + i * LANES;
    held[i] = select(LOWEST, s[row * p.stride + min(key, p.stride - 1)], key < limit);
    if (held[i] > top) {
      top = held[i];
      top_key = f32(key);
    }
  }
  let best = row_top(top, top_key, lane);
  var sum = 0.0;
  for (var i = 0u; i < HELD; i++) {
    held[i] = select(0.0, exp(held[i] - best.x), first + i * LANES < limit);
    sum += held[i];
  }
  let total = row_sum(sum, lane, LANES);
  for (var i = 0u; i < HELD; i++) {
    let key = first + i * LANES;
    if (own < p.rows && key < p.stride) { w[row * p.stride + key] = held[i] / total; }
  }
  if (own < p.rows && first == 0) { softmax[p.first + row] = vec2f(best.x + log(total), best.y); }
}

// ds of a row, from its weights `held`.
fn write_gradient(held: ptr<function, array<f32, HELD>>, own: u32, lane: u32, limit: u32) {
  let row = min(own, p.rows - 1);
  let first = lane % LANES;
  let largest = u32(saved[p.first + row].y);
  let c = dp[row * p.stride + largest];
  var relative = array<f32, HELD>();
  var sum = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let key = first + i * LANES;
    let own_dp = dp[row * p.stride + min(key, p.stride - 1)];
    relative[i] = select(own_dp - c, 0.0, key == largest || key >= limit);
    sum += (*held)[i] * relative[i];
  }
  let d = row_sum(sum, lane, LANES);
  for (var i = 0u; i < HELD; i++) {
    let key = first + i * LANES;
    if (own < p.rows && key < p.stride) { ds[row * p.stride + key] = p.scale * (*held)[i] * (relative[i] - d); }
  }
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let own = row_of(group, groups, lane);
  let row = min(own, p.rows - 1);
  let limit = seen(row);
  let soft = saved[p.first + row];
  var held = array<f32, HELD>();
  for (var i = 0u; i < HELD; i++) {
    let key = lane % LANES + i * LANES;
    held[i] = select(0.0, exp(s[row * p.stride + min(key, p.stride - 1)] - soft.x), key < limit);
    if (own < p.rows && key < p.stride) { w[row * p.stride + key] = held[i]; }
  }
  write_gradient(&held, own, lane, limit);
}

@compute @workgroup_size(WG)
fn kept(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let own = row_of(group, groups, lane);
  let row = min(own, p.rows - 1);
  let limit = seen(row);
  var held = array<f32, HELD>();
  for (var i = 0u; i < HELD; i++) {
    let key = lane % LANES + i * LANES;
    held[i] = select(0.0, weights[row * p.stride + min(key, p.stride - 1)], key < limit);
  }
  write_gradient(&held, own, lane, limit);
}
