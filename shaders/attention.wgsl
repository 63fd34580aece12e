// attention: y = softmax(scale * q kᵀ) v for every image and head; no T x T matrix is ever in memory.
//
//   forward     one invocation per query row; keys and values pass by in tiles; keeps lse, the log of the softmax's denominator
//   backward_q  one invocation per query row; writes dq and delta = sum(dy * y)
//   backward_k  one invocation per key row;   queries pass by in tiles; needs delta
//   backward_v  one invocation per key row
//
// A head is HEAD consecutive columns. Probabilities are recomputed as exp(s - lse). With CAUSAL, row t sees keys 0 … t.

struct Params { tokens: u32, heads: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;             // (B * T, heads * HEAD)
@group(0) @binding(2) var<storage, read> k: array<f32>;             // (B * T, heads * HEAD)
@group(0) @binding(3) var<storage, read> v: array<f32>;             // (B * T, heads * HEAD)
@group(0) @binding(4) var<storage, read_write> y: array<f32>;       // (B * T, heads * HEAD)
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;     // (B * heads, T)
@group(0) @binding(6) var<storage, read> y_in: array<f32>;          // (B * T, heads * HEAD), the forward's y
@group(0) @binding(7) var<storage, read> lse_in: array<f32>;        // (B * heads, T)
@group(0) @binding(8) var<storage, read> dy: array<f32>;            // (B * T, heads * HEAD)
@group(0) @binding(9) var<storage, read_write> delta: array<f32>;   // (B * heads, T)
@group(0) @binding(10) var<storage, read> delta_in: array<f32>;     // (B * heads, T)
@group(0) @binding(11) var<storage, read_write> dq: array<f32>;     // (B * T, heads * HEAD)
@group(0) @binding(12) var<storage, read_write> dk: array<f32>;     // (B * T, heads * HEAD)
@group(0) @binding(13) var<storage, read_write> dv: array<f32>;     // (B * T, heads * HEAD)

override WG: u32 = 64;
override CAUSAL: bool = false;
const HEAD = 64u; // knob
const TILE = 16u; // knob
const PARTS = (HEAD + 3) / 4; // vec4s of one row, the last one padded with zeros
const LOWEST = -3.0e38;

var<workgroup> left: array<vec4f, TILE * PARTS>;
var<workgroup> right: array<vec4f, TILE * PARTS>;
var<workgroup> row_lse: array<f32, TILE>;
var<workgroup> row_delta: array<f32, TILE>;

// Where a row of this workgroup's image and head begins.
fn start(t: u32, image_head: u32) -> u32 {
  return ((image_head / p.heads) * p.tokens + t) * p.heads * HEAD + (image_head % p.heads) * HEAD;
}

// True for element `e` of a tile whose first row is `first`, if it is a number of the tensor and not padding.
fn inside(e: u32, first: u32) -> bool {
  return first + e / (4 * PARTS) < p.tokens && e % (4 * PARTS) < HEAD;
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let mine = start(min(t, p.tokens - 1), group.y); // rows past the end repeat the last one and write nothing
  let limit = select(p.tokens, t + 1, CAUSAL);
  var query: array<vec4f, PARTS>;
  for (var i = 0u; i < HEAD; i++) { query[i / 4][i % 4] = q[mine + i] * p.scale; }
  var sums: array<vec4f, PARTS>;
  var top = LOWEST;
  var total = 0.0;
  for (var first = 0u; first < p.tokens; first += TILE) {
    workgroupBarrier(); // the tile before has been used
    for (var e = lane; e < TILE * PARTS * 4; e += WG) {
      let at = start(first + e / (4 * PARTS), group.y) + e % (4 * PARTS);
      if (inside(e, first)) { left[e / 4][e % 4] = k[at]; right[e / 4][e % 4] = v[at]; } else { left[e / 4][e % 4] = 0.0; right[e / 4][e % 4] = 0.0; }
    }
    workgroupBarrier();
    var score: array<f32, TILE>;
    var highest = top;
    for (var j = 0u; j < TILE; j++) {
      var s = 0.0;
      for (var i = 0u; i < PARTS; i++) { s += dot(query[i], left[j * PARTS + i]); }
      score[j] = select(LOWEST, s, first + j < min(limit, p.tokens));
      highest = max(highest, score[j]);
    }
    let shrink = exp(top - highest);
    top = highest;
    total *= shrink;
    for (var i = 0u; i < PARTS; i++) { sums[i] *= shrink; }
    for (var j = 0u; j < TILE; j++) {
      let w = select(0.0, exp(score[j] - top), first + j < min(limit, p.tokens));
      total += w;
      for (var i = 0u; i < PARTS; i++) { sums[i] += w * right[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { y[mine + i] = sums[i / 4][i % 4] / total; }
  lse[group.y * p.tokens + t] = top + log(total);
}

@compute @workgroup_size(WG)
fn backward_q(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let row = min(t, p.tokens - 1);
  let mine = start(row, group.y);
  let limit = select(p.tokens, t + 1, CAUSAL);
  let log_total = lse_in[group.y * p.tokens + row];
  var query: array<vec4f, PARTS>;
  var grad: array<vec4f, PARTS>;
  var d = 0.0;
  for (var i = 0u; i < HEAD; i++) {
    query[i / 4][i % 4] = q[mine + i] * p.scale;
    grad[i / 4][i % 4] = dy[mine + i];
    d += dy[mine + i] * y_in[mine + i];
  }
  var sums: array<vec4f, PARTS>;
  for (var first = 0u; first < p.tokens; first += TILE) {
    workgroupBarrier(); // the tile before has been used
    for (var e = lane; e < TILE * PARTS * 4; e += WG) {
      let at = start(first + e / (4 * PARTS), group.y) + e % (4 * PARTS);
      if (inside(e, first)) { left[e / 4][e % 4] = k[at]; right[e / 4][e % 4] = v[at]; } else { left[e / 4][e % 4] = 0.0; right[e / 4][e % 4] = 0.0; }
    }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= min(limit, p.tokens)) { break; }
      var s = 0.0;
      var dp = 0.0;
      for (var i = 0u; i < PARTS; i++) {
        s += dot(query[i], left[j * PARTS + i]);
        dp += dot(grad[i], right[j * PARTS + i]);
      }
      let ds = exp(s - log_total) * (dp - d) * p.scale;
      for (var i = 0u; i < PARTS; i++) { sums[i] += ds * left[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { dq[mine + i] = sums[i / 4][i % 4]; }
  delta[group.y * p.tokens + t] = d;
}

@compute @workgroup_size(WG)
fn backward_k(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let mine = start(min(t, p.tokens - 1), group.y);
  var key: array<vec4f, PARTS>;
  var value: array<vec4f, PARTS>;
  for (var i = 0u; i < HEAD; i++) {
    key[i / 4][i % 4] = k[mine + i] * p.scale;
    value[i / 4][i % 4] = v[mine + i];
  }
  var sums: array<vec4f, PARTS>;
  for (var first = 0u; first < p.tokens; first += TILE) {
    workgroupBarrier(); // the tile before has been used
    for (var e = lane; e < TILE * PARTS * 4; e += WG) {
      let at = start(first + e / (4 * PARTS), group.y) + e % (4 * PARTS);
      if (inside(e, first)) { left[e / 4][e % 4] = q[at]; right[e / 4][e % 4] = dy[at]; } else { left[e / 4][e % 4] = 0.0; right[e / 4][e % 4] = 0.0; }
    }
    for (var j = lane; j < TILE; j += WG) {
      let at = group.y * p.tokens + min(first + j, p.tokens - 1);
      row_lse[j] = lse_in[at];
      row_delta[j] = delta_in[at];
    }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= p.tokens) { break; }
      if (CAUSAL && first + j < t) { continue; }
      var s = 0.0;
      var dp = 0.0;
      for (var i = 0u; i < PARTS; i++) {
        s += dot(key[i], left[j * PARTS + i]);
        dp += dot(value[i], right[j * PARTS + i]);
      }
      let ds = exp(s - row_lse[j]) * (dp - row_delta[j]) * p.scale;
      for (var i = 0u; i < PARTS; i++) { sums[i] += ds * left[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { dk[mine + i] = sums[i / 4][i % 4]; }
}

@compute @workgroup_size(WG)
fn backward_v(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let mine = start(min(t, p.tokens - 1), group.y);
  var key: array<vec4f, PARTS>;
  for (var i = 0u; i < HEAD; i++) { key[i / 4][i % 4] = k[mine + i] * p.scale; }
  var sums: array<vec4f, PARTS>;
  for (var first = 0u; first < p.tokens; first += TILE) {
    workgroupBarrier(); // the tile before has been used
    for (var e = lane; e < TILE * PARTS * 4; e += WG) {
      let at = start(first + e / (4 * PARTS), group.y) + e % (4 * PARTS);
      if (inside(e, first)) { left[e / 4][e % 4] = q[at]; right[e / 4][e % 4] = dy[at]; } else { left[e / 4][e % 4] = 0.0; right[e / 4][e % 4] = 0.0; }
    }
    for (var j = lane; j < TILE; j += WG) { row_lse[j] = lse_in[group.y * p.tokens + min(first + j, p.tokens - 1)]; }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= p.tokens) { break; }
      if (CAUSAL && first + j < t) { continue; }
      var s = 0.0;
      for (var i = 0u; i < PARTS; i++) { s += dot(key[i], left[j * PARTS + i]); }
      let w = exp(s - row_lse[j]);
      for (var i = 0u; i < PARTS; i++) { sums[i] += w * right[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { dv[mine + i] = sums[i / 4][i % 4]; }
}
