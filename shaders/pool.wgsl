// pool: one row per image out of its tokens.
//
//   forward   one invocation per element of y.  ROW:   y[b] = x[b, rows[b]], row 0 without HAS_ROWS
//                                               MEAN:  y[b] = mean of x[b, t] over p.first <= t < p.t
//                                               both:  y[b] = the row, then the mean
//   backward  one invocation per element of dx: its share of dy, zero for a token that y does not see, plus prior if ADD
//
// A row beyond the tokens is taken for the last one.

struct Params { batch: u32, t: u32, d: u32, first: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;          // (batch, t, d)
@group(0) @binding(2) var<storage, read> rows: array<u32>;       // (batch), read if HAS_ROWS
@group(0) @binding(3) var<storage, read_write> y: array<f32>;    // (batch, width), width is 2 * d with both, else d
@group(0) @binding(4) var<storage, read> dy: array<f32>;         // (batch, width)
@group(0) @binding(5) var<storage, read> prior: array<f32>;      // (batch, t, d), read if ADD
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;   // (batch, t, d)

override WG: u32 = 256;
override ROW: bool = true;
override MEAN: bool = false;
override HAS_ROWS: bool = false;
override ADD: bool = false;

//! use flat

fn row_of(b: u32) -> u32 {
  if (HAS_ROWS) { return min(rows[b], p.t - 1); }
  return 0;
}

fn width() -> u32 {
  return select(p.d, 2 * p.d, ROW && MEAN);
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.batch * width()) { return; }
  let b = i / width();
  let column = i % p.d;
  if (ROW && i % width() < p.d) {
    y[i] = x[(b * p.t + row_of(b)) * p.d + column];
  } else {
    var sum = 0.0;
    for (var t = p.first; t < p.t; t++) { sum += x[(b * p.t + t) * p.d + column]; }
    y[i] = sum / f32(p.t - p.first);
  }
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.batch * p.t * p.d) { return; }
  let t = i / p.d % p.t;
  let b = i / p.d / p.t;
  let source = b * width() + i % p.d;
  var v = 0.0;
  if (ROW && t == row_of(b)) { v = dy[source]; }
  if (MEAN && t >= p.first) { v += dy[source + width() - p.d] / f32(p.t - p.first); }
  if (ADD) { v += prior[i]; }
  dx[i] = v;
}
