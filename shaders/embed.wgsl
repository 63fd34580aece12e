// embed: rows of a table by id, plus positions.
//
//   forward             one invocation per element of y:  y[b, t] = table[ids[b, t]] + positions[t]
//   backward_table      one invocation per element of dtable: the sum of the rows of dy whose id it is, in order
//   backward_positions  one invocation per element of dpositions: the sum over b of dy[b, t], in order; zero for t >= p.t
//
// An id beyond the table is taken for its last one.

struct Params { rows: u32, t: u32, vocabulary: u32, positions: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;               // (rows), rows = batch * t
@group(0) @binding(2) var<storage, read> table: array<f32>;             // (vocabulary, d)
@group(0) @binding(3) var<storage, read> positions: array<f32>;         // (positions, d), positions >= t
@group(0) @binding(4) var<storage, read_write> y: array<f32>;           // (rows, d)
@group(0) @binding(5) var<storage, read> dy: array<f32>;                // (rows, d)
@group(0) @binding(6) var<storage, read_write> dtable: array<f32>;      // (vocabulary, d)
@group(0) @binding(7) var<storage, read_write> dpositions: array<f32>;  // (positions, d)

override WG: u32 = 256;

//! use flat

fn id_of(row: u32) -> u32 {
  return min(ids[row], p.vocabulary - 1);
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  let row = i / p.d;
  let column = i % p.d;
  y[i] = table[id_of(row) * p.d + column] + positions[row % p.t * p.d + column];
}

@compute @workgroup_size(WG)
fn backward_table(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.vocabulary * p.d) { return; }
  let column = i % p.d;
  var sum = 0.0;
  for (var row = 0u; row < p.rows; row++) {
    if (id_of(row) == i / p.d) { sum += dy[row * p.d + column]; }
  }
  dtable[i] = sum;
}

@compute @workgroup_size(WG)
fn backward_positions(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.positions * p.d) { return; }
  var sum = 0.0;
  if (i < p.t * p.d) {
    for (var start = 0u; start < p.rows * p.d; start += p.t * p.d) { sum += dy[start + i]; }
  }
  dpositions[i] = sum;
}
