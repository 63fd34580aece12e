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

override WG: u32 = 64;
override CAUSAL: bool = false;
const HEAD = 64u; // knob
const TILE = 16u; // knob
const PARTS = (HEAD + 3) / 4; // vec4s of one row, the last one padded with zeros
const LOWEST = -3.0e38;

var<workgroup> left: array<vec4f, TILE * PARTS>;
var<workgroup> right: array<vec4f, TILE * PARTS>;

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
  let limit = select(p.tokens, min(p.tokens, t + 1), CAUSAL);
  var query = array<vec4f, PARTS>();
  for (var i = 0u; i < HEAD; i++) { query[i / 4][i % 4] = q[mine + i] * p.scale; }
  var sums = array<vec4f, PARTS>();
  var top = LOWEST;
  var top_key = 0u;
  var total = 0.0;
  for (var first = 0u; first < p.tokens; first += TILE) {
    workgroupBarrier(); // the tile before has been used
    for (var e = lane; e < TILE * PARTS * 4; e += WG) {
      let at = start(first + e / (4 * PARTS), group.y) + e % (4 * PARTS);
      let real = inside(e, first);
      left[e / 4][e % 4] = select(0.0, k[select(0u, at, real)], real);
      right[e / 4][e % 4] = select(0.0, v[select(0u, at, real)], real);
    }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      if (first + j >= limit) { break; }
      var s = 0.0;
      for (var i = 0u; i < PARTS; i++) { s += dot(query[i], left[j * PARTS + i]); }
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
  for (var i = 0u; i < HEAD; i++) { y[mine + i] = sums[i / 4][i % 4] / total; }
  softmax[group.y * p.tokens + t] = vec2f(top + log(total), f32(top_key));
}
