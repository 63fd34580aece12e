// attention_backward: the gradients of attention.wgsl. Probabilities are recomputed as w = exp(s - log of the denominator).
//
//   rows      one invocation per query row; writes `centre` for the other entries
//   queries   one invocation per query row; dq = scale * sum_j ds[j] k[j]
//   keys      one invocation per key row;   dk = scale * sum_t ds[t] q[t]
//   values    one invocation per key row;   dv = sum_t w[t] dy[t]
//
// With dp[j] = dy · v[j], the textbook has ds = w * (dp - delta), delta = sum_j w[j] dp[j]. Where one key holds nearly all the
// weight, dp - delta is the difference of equal numbers and loses every digit. Here dp is taken relative to the largest key's,
// exactly zero for that key itself: ds = w * ((dp - c) - d), c = dp[largest], d = sum_j w[j] (dp[j] - c). Gradients a billion
// times smaller than their neighbours stay right.

struct Params { tokens: u32, heads: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;                 // (B * T, heads * HEAD)
@group(0) @binding(2) var<storage, read> k: array<f32>;                 // (B * T, heads * HEAD)
@group(0) @binding(3) var<storage, read> v: array<f32>;                 // (B * T, heads * HEAD)
@group(0) @binding(4) var<storage, read> dy: array<f32>;                // (B * T, heads * HEAD)
@group(0) @binding(5) var<storage, read> softmax: array<vec2f>;         // (B * heads, T, 2): log of the denominator, largest key
@group(0) @binding(6) var<storage, read_write> centre_out: array<vec2f>; // (B * heads, T, 2): c and d
@group(0) @binding(7) var<storage, read> centre: array<vec2f>;          // (B * heads, T, 2): c and d
@group(0) @binding(8) var<storage, read_write> dq: array<f32>;          // (B * T, heads * HEAD)
@group(0) @binding(9) var<storage, read_write> dk: array<f32>;          // (B * T, heads * HEAD)
@group(0) @binding(10) var<storage, read_write> dv: array<f32>;         // (B * T, heads * HEAD)

override WG: u32 = 32;
override CAUSAL: bool = false;
const TILE = 8u; // knob
override LOADS: u32 = (TILE * PARTS + WG - 1) / WG;

var<workgroup> left: array<vec4f, TILE * PARTS>;
var<workgroup> right: array<vec4f, TILE * PARTS>;
var<workgroup> row_softmax: array<vec2f, TILE>;
var<workgroup> row_centre: array<vec2f, TILE>;

//! use heads

fn dy4(t: u32, image_head: u32, part: u32) -> vec4f {
  let at = start(t, image_head) + part * 4;
  return pad(vec4f(dy[at], dy[at + 1], dy[at + 2], dy[at + 3]), part);
}

// In a fixed number of rounds, so that all loads are under way at once. Rows past the end are never used.
fn load_keys_and_values(first: u32, image_head: u32, lane: u32) {
  workgroupBarrier(); // the tile before has been used
  for (var l = 0u; l < LOADS; l++) {
    let e = lane + l * WG;
    if (e < TILE * PARTS) {
      let row = min(first + e / PARTS, p.tokens - 1);
      left[e] = k4(row, image_head, e % PARTS);
      right[e] = v4(row, image_head, e % PARTS);
    }
  }
  workgroupBarrier();
}

fn load_queries_and_gradients(first: u32, image_head: u32, lane: u32) {
  workgroupBarrier(); // the tile before has been used
  for (var l = 0u; l < LOADS; l++) {
    let e = lane + l * WG;
    if (e < TILE * PARTS) {
      let row = min(first + e / PARTS, p.tokens - 1);
      left[e] = q4(row, image_head, e % PARTS);
      right[e] = dy4(row, image_head, e % PARTS);
    }
  }
}

@compute @workgroup_size(WG)
fn rows(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let row = min(t, p.tokens - 1); // rows past the end repeat the last one and write nothing
  let limit = select(p.tokens, min(p.tokens, t + 1), CAUSAL);
  let soft = softmax[group.y * p.tokens + row];
  let largest = u32(soft.y);
  var query = array<vec4f, PARTS>();
  var grad = array<vec4f, PARTS>();
  var products_c = vec4f();
  for (var i = 0u; i < PARTS; i++) {
    query[i] = q4(row, group.y, i) * p.scale;
    grad[i] = dy4(row, group.y, i);
    products_c += grad[i] * v4(largest, group.y, i);
  }
  let c = total_of(products_c);
  var d = 0.0;
  for (var first = 0u; first < p.tokens; first += TILE) {
    load_keys_and_values(first, group.y, lane);
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= limit) { break; }
      var products = vec4f();
      var grads = vec4f();
      for (var i = 0u; i < PARTS; i++) {
        products += query[i] * left[j * PARTS + i];
        grads += grad[i] * right[j * PARTS + i];
      }
      let s = total_of(products);
      let dp = total_of(grads) - c;
      if (first + j != largest) { d += exp(s - soft.x) * dp; }
    }
  }
  if (t < p.tokens) { centre_out[group.y * p.tokens + t] = vec2f(c, d); }
}

@compute @workgroup_size(WG)
fn queries(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let row = min(t, p.tokens - 1);
  let limit = select(p.tokens, min(p.tokens, t + 1), CAUSAL);
  let soft = softmax[group.y * p.tokens + row];
  let middle = centre[group.y * p.tokens + row];
  var query = array<vec4f, PARTS>();
  var grad = array<vec4f, PARTS>();
  for (var i = 0u; i < PARTS; i++) {
    query[i] = q4(row, group.y, i) * p.scale;
    grad[i] = dy4(row, group.y, i);
  }
  var sums = array<vec4f, PARTS>();
  for (var first = 0u; first < p.tokens; first += TILE) {
    load_keys_and_values(first, group.y, lane);
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= limit) { break; }
      var products = vec4f();
      var grads = vec4f();
      for (var i = 0u; i < PARTS; i++) {
        products += query[i] * left[j * PARTS + i];
        grads += grad[i] * right[j * PARTS + i];
      }
      let s = total_of(products);
      let dp = select(total_of(grads) - middle.x, 0.0, first + j == u32(soft.y));
      let ds = exp(s - soft.x) * (dp - middle.y) * p.scale;
      for (var i = 0u; i < PARTS; i++) { sums[i] += ds * left[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { dq[start(t, group.y) + i] = sums[i / 4][i % 4]; }
}

@compute @workgroup_size(WG)
fn keys(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let row = min(t, p.tokens - 1);
  var key = array<vec4f, PARTS>();
  var value = array<vec4f, PARTS>();
  for (var i = 0u; i < PARTS; i++) {
    key[i] = k4(row, group.y, i) * p.scale;
    value[i] = v4(row, group.y, i);
  }
  var sums = array<vec4f, PARTS>();
  for (var first = 0u; first < p.tokens; first += TILE) {
    load_queries_and_gradients(first, group.y, lane);
    for (var j = lane; j < TILE; j += WG) {
      let at = group.y * p.tokens + min(first + j, p.tokens - 1);
      row_softmax[j] = softmax[at];
      row_centre[j] = centre[at];
    }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= p.tokens) { break; }
      if (CAUSAL && first + j < t) { continue; }
      var products = vec4f();
      var grads = vec4f();
      for (var i = 0u; i < PARTS; i++) {
        products += key[i] * left[j * PARTS + i];
        grads += value[i] * right[j * PARTS + i];
      }
      let s = total_of(products);
      let dp = select(total_of(grads) - row_centre[j].x, 0.0, t == u32(row_softmax[j].y));
      let ds = exp(s - row_softmax[j].x) * (dp - row_centre[j].y) * p.scale;
      for (var i = 0u; i < PARTS; i++) { sums[i] += ds * left[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { dk[start(t, group.y) + i] = sums[i / 4][i % 4]; }
}

@compute @workgroup_size(WG)
fn values(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let row = min(t, p.tokens - 1);
  var key = array<vec4f, PARTS>();
  for (var i = 0u; i < PARTS; i++) { key[i] = k4(row, group.y, i) * p.scale; }
  var sums = array<vec4f, PARTS>();
  for (var first = 0u; first < p.tokens; first += TILE) {
    load_queries_and_gradients(first, group.y, lane);
    for (var j = lane; j < TILE; j += WG) { row_softmax[j] = softmax[group.y * p.tokens + min(first + j, p.tokens - 1)]; }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= p.tokens) { break; }
      if (CAUSAL && first + j < t) { continue; }
      var products = vec4f();
      for (var i = 0u; i < PARTS; i++) { products += key[i] * left[j * PARTS + i]; }
      let w = exp(total_of(products) - row_softmax[j].x);
      for (var i = 0u; i < PARTS; i++) { sums[i] += w * right[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { dv[start(t, group.y) + i] = sums[i / 4][i % 4]; }
}
