// layernorm: y = (x - mean) * rstd * gamma + beta, with mean and rstd = 1 / sqrt(variance + eps) of each row (biased, as PyTorch).
//
//   forward   one workgroup per row: y, mean, rstd; the variance is summed in a second pass over the row, around its mean
//   backward  one workgroup per row: dx, with prior added if ADD
//   partials  one workgroup per COLUMNS columns and block of rows: their share of dgamma and dbeta (reduce.wgsl sums the shares)
//
// For rows that a GPU can hold, layernorm_held.wgsl is in place of forward and backward.
// saved_mean and saved_rstd are what `forward` wrote to mean and rstd.

struct Params { rows: u32, d: u32, eps: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                   // (rows, d)
@group(0) @binding(2) var<storage, read> gamma: array<f32>;               // (d)
@group(0) @binding(3) var<storage, read> beta: array<f32>;                // (d)
@group(0) @binding(4) var<storage, read_write> y: array<f32>;             // (rows, d)
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;          // (rows)
@group(0) @binding(6) var<storage, read_write> rstd: array<f32>;          // (rows)
@group(0) @binding(7) var<storage, read> saved_mean: array<f32>;          // (rows)
@group(0) @binding(8) var<storage, read> saved_rstd: array<f32>;          // (rows)
@group(0) @binding(9) var<storage, read> dy: array<f32>;                  // (rows, d)
@group(0) @binding(10) var<storage, read> prior: array<f32>;              // (rows, d), read if ADD
@group(0) @binding(11) var<storage, read_write> dx: array<f32>;           // (rows, d)
@group(0) @binding(12) var<storage, read_write> dgamma_parts: array<f32>; // (blocks, d)
@group(0) @binding(13) var<storage, read_write> dbeta_parts: array<f32>;  // (blocks, d)

override WG: u32 = 64;
override ADD: bool = false;

//! use group_sum
//! use block

// Of the rows that a workgroup sums, as many of an invocation's are under way at once.
const AHEAD = 4u;

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  let start = row * p.d;
  var sum = 0.0;
  for (var i = lane; i < p.d; i += WG) { sum += x[start + i]; }
  let mu = group_sum(sum, lane) / f32(p.d);
  sum = 0.0;
  for (var i = lane; i < p.d; i += WG) {
    let centred = x[start + i] - mu;
    sum += centred * centred;
  }
  let scale = inverseSqrt(group_sum(sum, lane) / f32(p.d) + p.eps);
  for (var i = lane; i < p.d; i += WG) { y[start + i] = (x[start + i] - mu) * scale * gamma[i] + beta[i]; }
  if (lane == 0) {
    mean[row] = mu;
    rstd[row] = scale;
  }
}

// With n = (x - mean) * rstd and g = dy * gamma:  dx = rstd * (g - mean of g - n * mean of (g * n)).
@compute @workgroup_size(WG)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  let start = row * p.d;
  let mu = saved_mean[row];
  let scale = saved_rstd[row];
  var sum_g = 0.0;
  var sum_gn = 0.0;
  for (var i = lane; i < p.d; i += WG) {
    let g = dy[start + i] * gamma[i];
    sum_g += g;
    sum_gn += g * (x[start + i] - mu) * scale;
  }
  let mean_g = group_sum(sum_g, lane) / f32(p.d);
  let mean_gn = group_sum(sum_gn, lane) / f32(p.d);
  for (var i = lane; i < p.d; i += WG) {
    let n = (x[start + i] - mu) * scale;
    var v = scale * (dy[start + i] * gamma[i] - mean_g - n * mean_gn);
    if (ADD) { v += prior[start + i]; }
    dx[start + i] = v;
  }
}

@compute @workgroup_size(WG)
fn partials(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = block_of(group, groups, lane, p.rows);
  var sums = vec2f(); // of dy * n and of dy
  for (var round = 0u; round < block.rounds; round++) {
    // A row past the end is read as the last one, and not counted.
    var terms = array<vec2f, AHEAD>();
    for (var l = 0u; l < AHEAD; l++) {
      let row = min(row_of(block, round, l), block.end - 1);
      let v = dy[row * p.d + block.column];
      terms[l] = vec2f(v * (x[row * p.d + block.column] - saved_mean[row]) * saved_rstd[row], v);
    }
    for (var l = 0u; l < AHEAD; l++) { sums += select(vec2f(), terms[l], row_of(block, round, l) < block.end); }
  }
  let sum_dyn = column_sum(sums.x, lane, COLUMNS);
  let sum_dy = column_sum(sums.y, lane, COLUMNS);
  if (lane < COLUMNS && block.column < p.d) {
    dgamma_parts[group.y * p.d + block.column] = sum_dyn;
    dbeta_parts[group.y * p.d + block.column] = sum_dy;
  }
}
