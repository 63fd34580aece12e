// embed: rows of a table by id, plus positions.
//
//   forward             one invocation per element of y:  y[b, t] = table[ids[b, t]] + positions[t]
//   links               one invocation per row: the next row of the same id (p.rows without one), and whether it is the first of its id
//   clear               one invocation per element of dtable: zero
//   backward_table      one invocation per element of dy: where its row is the first of its id, the sum of dy over the rows of that
//                       id, in order, goes to dtable; the rest of dtable stays as `clear` left it
//   backward_positions  one invocation per element of dpositions: the sum over b of dy[b, t], in order; zero for t >= p.t
//
// An id beyond the table is taken for its last one.

struct Params { rows: u32, t: u32, vocabulary: u32, positions: u32, d: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;               // (rows), rows = batch * t
@group(0) @binding(2) var<storage, read> table: array<f32>;             // (vocabulary, d), read unless PACKED
@group(0) @binding(3) var<storage, read> positions: array<f32>;         // (positions, d), positions >= t
@group(0) @binding(4) var<storage, read_write> y: array<f32>;           // (rows, d)
@group(0) @binding(5) var<storage, read> dy: array<f32>;                // (rows, d)
@group(0) @binding(6) var<storage, read_write> dtable: array<f32>;      // (vocabulary, d)
@group(0) @binding(7) var<storage, read_write> dpositions: array<f32>;  // (positions, d)
@group(0) @binding(8) var<storage, read_write> links_out: array<vec2u>; // (rows, 2): next row, 1 for the first of its id
@group(0) @binding(9) var<storage, read> links_in: array<vec2u>;        // (rows, 2): what `links` wrote
@group(0) @binding(10) var<storage, read> half_table: array<u32>;       // (vocabulary, d), two numbers a word, read if PACKED

override WG: u32 = 256;

//! use flat
//! use half

fn id_of(row: u32) -> u32 {
  return min(ids[row], p.vocabulary - 1);
}

fn entry(i: u32) -> f32 {
  if (PACKED == 0) { return table[i]; }
  return number_of(half_table[i / 2], i);
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  let row = i / p.d;
  let column = i % p.d;
  y[i] = entry(id_of(row) * p.d + column) + positions[row % p.t * p.d + column];
}

@compute @workgroup_size(WG)
fn links(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = flat_index(id, groups, WG);
  if (row >= p.rows) { return; }
  let own = id_of(row);
  var earlier = 0u;
  while (earlier < row && id_of(earlier) != own) { earlier++; }
  var next = row + 1;
  while (next < p.rows && id_of(next) != own) { next++; }
  links_out[row] = vec2u(next, u32(earlier == row));
}

@compute @workgroup_size(WG)
fn clear(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.vocabulary * p.d) { return; }
  dtable[i] = 0.0;
}

@compute @workgroup_size(WG)
fn backward_table(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups, WG);
  if (i >= p.rows * p.d) { return; }
  let first = i / p.d;
  let column = i % p.d;
  if (links_in[first].y == 0) { return; }
  var sum = 0.0;
  for (var row = first; row < p.rows; row = links_in[row].x) { sum += dy[row * p.d + column]; }
  dtable[id_of(first) * p.d + column] = sum;
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
