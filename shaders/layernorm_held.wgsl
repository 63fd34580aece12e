// layernorm_held: layernorm.wgsl for rows whose length is a multiple of four, each read once and held by its invocations.
//
//   forward   LANES invocations per row: y, mean, rstd
//   backward  LANES invocations per row: dx, with prior added if ADD
//
// An invocation has every LANES-th vector of a row, HELD of them, and all its loads are under way at once. Past the end of a row it has
// the last vector, which does not count. Rows past the last one run along, because a workgroup must meet at its barriers.

struct Params { rows: u32, d: u32, eps: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;          // (rows, d / 4)
@group(0) @binding(2) var<storage, read> gamma: array<vec4f>;      // (d / 4)
@group(0) @binding(3) var<storage, read> beta: array<vec4f>;       // (d / 4)
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;    // (rows, d / 4)
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;   // (rows)
@group(0) @binding(6) var<storage, read_write> rstd: array<f32>;   // (rows)
@group(0) @binding(7) var<storage, read> saved_mean: array<f32>;   // (rows)
@group(0) @binding(8) var<storage, read> saved_rstd: array<f32>;   // (rows)
@group(0) @binding(9) var<storage, read> dy: array<vec4f>;         // (rows, d / 4)
@group(0) @binding(10) var<storage, read> prior: array<vec4f>;     // (rows, d / 4), read if ADD
@group(0) @binding(11) var<storage, read_write> dx: array<vec4f>;  // (rows, d / 4)

override WG: u32 = 128;
override LANES: u32 = 64;
override ADD: bool = false;

const HELD = 3u; // knob

//! use group_sum

fn my_row(group: vec3u, groups: vec3u, at: u32) -> u32 {
  return (group.x + group.y * groups.x) * (WG / LANES) + at / LANES;
}

fn sum_of(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) at: u32) {
  let row = my_row(group, groups, at);
  let lane = at % LANES;
  let width = p.d / 4;
  var held = array<vec4f, HELD>();
  for (var j = 0u; j < HELD; j++) { held[j] = x[row * width + min(lane + j * LANES, width - 1)]; }
  var sum = 0.0;
  for (var j = 0u; j < HELD; j++) { sum += select(0.0, sum_of(held[j]), lane + j * LANES < width); }
  let mu = row_sum(sum, at, LANES) / f32(p.d);
  sum = 0.0;
  for (var j = 0u; j < HELD; j++) {
    held[j] -= mu;
    sum += select(0.0, sum_of(held[j] * held[j]), lane + j * LANES < width);
  }
  let scale = inverseSqrt(row_sum(sum, at, LANES) / f32(p.d) + p.eps);
  if (row >= p.rows) { return; }
  for (var j = 0u; j < HELD; j++) {
    let i = min(lane + j * LANES, width - 1);
    held[j] = held[j] * scale * gamma[i] + beta[i];
  }
  for (var j = 0u; j < HELD; j++) {
    let i = lane + j * LANES;
    if (i < width) { y[row * width + i] = held[j]; }
  }
  if (lane == 0) {
    mean[row] = mu;
    rstd[row] = scale;
  }
}

@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) at: u32) {
  let row = my_row(group, groups, at);
  let lane = at % LANES;
  let width = p.d / 4;
  let mu = saved_mean[row];
  let scale = saved_rstd[row];
  var g = array<vec4f, HELD>();
  var n = array<vec4f, HELD>();
  var known = array<vec4f, HELD>();
  for (var j = 0u; j < HELD; j++) {
    let i = min(lane + j * LANES, width - 1);
    g[j] = dy[row * width + i] * gamma[i];
    n[j] = (x[row * width + i] - mu) * scale;
    if (ADD) { known[j] = prior[row * width + i]; }
  }
  var sum_g = 0.0;
  var sum_gn = 0.0;
  for (var j = 0u; j < HELD; j++) {
    let counts = lane + j * LANES < width;
    sum_g += select(0.0, sum_of(g[j]), counts);
    sum_gn += select(0.0, sum_of(g[j] * n[j]), counts);
  }
  let mean_g = row_sum(sum_g, at, LANES) / f32(p.d);
  let mean_gn = row_sum(sum_gn, at, LANES) / f32(p.d);
  for (var j = 0u; j < HELD; j++) {
    let i = lane + j * LANES;
    if (row < p.rows && i < width) { dx[row * width + i] = scale * (g[j] - mean_g - n[j] * mean_gn) + known[j]; }
  }
}
