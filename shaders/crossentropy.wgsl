// crossentropy: mean over the valid rows of -sum over classes of target * log(softmax(logits)), where
// target = (1 - smoothing) * onehot(label) + smoothing / c.
//
//   forward   one workgroup per row: rows = (loss, 1 where the first largest logit is the label's), lse
//   mean      one workgroup: y
//   backward  one invocation per element: dlogits = dy * (softmax - target) / valid
//
// With weights of the classes in the sum over classes, and divided by the sum of the labels' weights, after `forward`:
//
//   weigh              one workgroup per row: weighed = (weighted loss, weight of the label)
//   weighted_mean      one workgroup: y, total
//   weighted_backward  one invocation per element
//
// Rows from count[0] on are padding: zero in rows, lse and dlogits, whatever their logits are. Without a valid row y is zero.
// A label beyond the classes is taken for the last one. saved_rows, saved_lse, saved_weighed and saved_total are what was written to rows, lse, weighed and total.

struct Params { b: u32, c: u32, smoothing: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;          // (b, c)
@group(0) @binding(2) var<storage, read> labels: array<u32>;          // (b)
@group(0) @binding(3) var<storage, read> count: array<u32>;           // (1)
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;      // (b, 2)
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;       // (b), log of the sum of exp(logits)
@group(0) @binding(6) var<storage, read> saved_rows: array<f32>;      // (b, 2)
@group(0) @binding(7) var<storage, read> saved_lse: array<f32>;       // (b)
@group(0) @binding(8) var<storage, read_write> y: array<f32>;         // (1)
@group(0) @binding(9) var<storage, read> dy: array<f32>;              // (1)
@group(0) @binding(10) var<storage, read_write> dlogits: array<f32>;  // (b, c)
@group(0) @binding(11) var<storage, read> weights: array<f32>;        // (c)
@group(0) @binding(12) var<storage, read_write> weighed: array<f32>;  // (b, 2)
@group(0) @binding(13) var<storage, read> saved_weighed: array<f32>;  // (b, 2)
@group(0) @binding(14) var<storage, read_write> total: array<f32>;    // (2), sums of the weights of the labels and of the classes
@group(0) @binding(15) var<storage, read> saved_total: array<f32>;    // (2)

override WG: u32 = 64;

//! use flat
//! use group_sum

var<workgroup> largest: array<f32, WG>;
var<workgroup> place: array<u32, WG>;

fn valid() -> u32 {
  return min(count[0], p.b);
}

fn label_of(b: u32) -> u32 {
  return min(labels[b], p.c - 1);
}

// Leaves the largest `v` of the workgroup in largest[0] and its `at` in place[0]; of equals the lowest.
fn group_argmax(v: f32, at: u32, lane: u32) {
  largest[lane] = v;
  place[lane] = at;
  workgroupBarrier();
  for (var s = WG / 2; s > 0; s >>= 1) {
    if (lane < s) {
      let other = largest[lane + s];
      if (other > largest[lane] || (other == largest[lane] && place[lane + s] < place[lane])) {
        largest[lane] = other;
        place[lane] = place[lane + s];
      }
    }
    workgroupBarrier();
  }
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.b) { return; }
  if (row >= valid()) {
    if (lane == 0) {
      rows[2 * row] = 0.0;
      rows[2 * row + 1] = 0.0;
      lse[row] = 0.0;
    }
    return;
  }
  let start = row * p.c;
  // An idle lane offers the last class, which changes nothing.
  var at = min(lane, p.c - 1);
  var best = logits[start + at];
  for (var i = lane + WG; i < p.c; i += WG) {
    if (logits[start + i] > best) {
      best = logits[start + i];
      at = i;
    }
  }
  group_argmax(best, at, lane);
  let top = largest[0];
  var exps = 0.0;
  var sum = 0.0;
  for (var i = lane; i < p.c; i += WG) {
    let z = logits[start + i] - top;
    exps += exp(z);
    sum += z;
  }
  let log_exps = log(group_sum(exps, lane));
  let mean_z = group_sum(sum, lane) / f32(p.c);
  if (lane == 0) {
    let label = label_of(row);
    rows[2 * row] = log_exps - (1.0 - p.smoothing) * (logits[start + label] - top) - p.smoothing * mean_z;
    rows[2 * row + 1] = select(0.0, 1.0, place[0] == label);
    lse[row] = top + log_exps;
  }
}

@compute @workgroup_size(WG)
fn mean(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var row = lane; row < valid(); row += WG) { sum += saved_rows[2 * row]; }
  let total = group_sum(sum, lane);
  if (lane == 0) { y[0] = total / f32(max(valid(), 1)); }
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.b * p.c) { return; }
  let row = i / p.c;
  var v = 0.0;
  if (row < valid()) {
    let goal = select(0.0, 1.0 - p.smoothing, i % p.c == label_of(row)) + p.smoothing / f32(p.c);
    v = dy[0] * (exp(logits[i] - saved_lse[row]) - goal) / f32(valid());
  }
  dlogits[i] = v;
}

@compute @workgroup_size(WG)
fn weigh(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.b) { return; }
  if (row >= valid()) {
    if (lane == 0) {
      weighed[2 * row] = 0.0;
      weighed[2 * row + 1] = 0.0;
    }
    return;
  }
  let start = row * p.c;
  var sum = 0.0;
  for (var i = lane; i < p.c; i += WG) { sum += weights[i] * (saved_lse[row] - logits[start + i]); }
  let all = group_sum(sum, lane);
  if (lane == 0) {
    let label = label_of(row);
    let own = weights[label] * (saved_lse[row] - logits[start + label]);
    weighed[2 * row] = (1.0 - p.smoothing) * own + p.smoothing * all / f32(p.c);
    weighed[2 * row + 1] = weights[label];
  }
}

@compute @workgroup_size(WG)
fn weighted_mean(@builtin(local_invocation_index) lane: u32) {
  var loss = 0.0;
  var weight = 0.0;
  for (var row = lane; row < valid(); row += WG) {
    loss += saved_weighed[2 * row];
    weight += saved_weighed[2 * row + 1];
  }
  let losses = group_sum(loss, lane);
  let all = group_sum(weight, lane);
  var classes = 0.0;
  for (var i = lane; i < p.c; i += WG) { classes += weights[i]; }
  let of_classes = group_sum(classes, lane);
  if (lane == 0) {
    y[0] = select(0.0, losses / all, all > 0.0);
    total[0] = all;
    total[1] = of_classes;
  }
}

@compute @workgroup_size(WG)
fn weighted_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.b * p.c) { return; }
  let row = i / p.c;
  var v = 0.0;
  if (row < valid() && saved_total[0] > 0.0) {
    let label = label_of(row);
    let own = (1.0 - p.smoothing) * weights[label];
    let goal = select(0.0, own, i % p.c == label) + p.smoothing / f32(p.c) * weights[i % p.c];
    v = dy[0] * (exp(logits[i] - saved_lse[row]) * (own + p.smoothing / f32(p.c) * saved_total[1]) - goal) / saved_total[0];
  }
  dlogits[i] = v;
}
