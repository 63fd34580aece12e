// attention: y = softmax(scale * q kᵀ) v for every image and head; no T x T matrix is ever in memory.
//
//   forward   one invocation per query row; keys and values pass by in tiles; keeps for the backward of each row the log of its
//             softmax's denominator and the index of its largest score
//
// A head is HEAD consecutive columns. With CAUSAL, row t sees keys 0 … t.

struct Params { tokens: u32, heads: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;             // (B * T, heads * HEAD)
@group(0) @binding(2) var<storage, read> k: array<f32>;             // (B * T, heads * HEAD)
@group(0) @binding(3) var<storage, read> v: array<f32>;             // (B * T, heads * HEAD)
@group(0) @binding(4) var<storage, read_write> y: array<f32>;       // (B * T, heads * HEAD)
@group(0) @binding(5) var<storage, read_write> softmax: array<vec2f>; // (B * heads, T, 2): log of the denominator, largest key

override WG: u32 = 32;
override CAUSAL: bool = false;
const TILE = 8u; // knob
override LOADS: u32 = (TILE * PARTS + WG - 1) / WG;
const LOWEST = -3.0e38;

var<workgroup> left: array<vec4f, TILE * PARTS>;
var<workgroup> right: array<vec4f, TILE * PARTS>;

//! use heads

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * WG + lane;
  let row = min(t, p.tokens - 1); // rows past the end repeat the last one and write nothing
  let limit = select(p.tokens, min(p.tokens, t + 1), CAUSAL);
  var query = array<vec4f, PARTS>();
  for (var i = 0u; i < PARTS; i++) { query[i] = q4(row, group.y, i) * p.scale; }
  var sums = array<vec4f, PARTS>();
  var top = LOWEST;
  var top_key = 0u;
  var total = 0.0;
  for (var first = 0u; first < p.tokens; first += TILE) {
    workgroupBarrier(); // the tile before has been used
    // A fixed number of rounds, so that the compiler can have all loads under way at once. Keys past the end are never used.
    for (var l = 0u; l < LOADS; l++) {
      let e = lane + l * WG;
      if (e < TILE * PARTS) {
        let key = min(first + e / PARTS, p.tokens - 1);
        left[e] = k4(key, group.y, e % PARTS);
        right[e] = v4(key, group.y, e % PARTS);
      }
    }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= limit) { break; }
      var products = vec4f(); // four sums side by side wait for one another a quarter as often as one
      for (var i = 0u; i < PARTS; i++) { products += query[i] * left[j * PARTS + i]; }
      let s = total_of(products);
      if (s > top) {
        // A new largest score: what was summed relative to the old one shrinks. It happens a few times per row.
        let shrink = exp(top - s);
        top = s;
        top_key = first + j;
        total *= shrink;
        for (var i = 0u; i < PARTS; i++) { sums[i] *= shrink; }
      }
      let w = exp(s - top);
      total += w;
      for (var i = 0u; i < PARTS; i++) { sums[i] += w * right[j * PARTS + i]; }
    }
  }
  if (t >= p.tokens) { return; }
  for (var i = 0u; i < HEAD; i++) { y[start(t, group.y) + i] = sums[i / 4][i % 4] / total; }
  softmax[group.y * p.tokens + t] = vec2f(top + log(total), f32(top_key));
}
