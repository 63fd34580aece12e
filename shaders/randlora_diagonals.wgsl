// randlora_diagonals: the gradient of the diagonals of a RandLoRA update, from that of the scaled copies of A. With c = k * bases + b:
//
//   dlambda[c]   = gain * sum_j g[c, j] * basis_a[k, j] * gamma[b, j]
//   dgamma[b, j] = gain * sum_k g[c, j] * basis_a[k, j] * lambda[c]
//
//   diagonals   one workgroup per basis, for each layer of a stack
//
// g comes in slices to be summed, and its first `bases` rows lie where dgamma is to be. `small` and, unless A is codes, stride_a must be
// multiples of 4.

struct Params { small: u32, rank: u32, bases: u32, stride_a: u32, slices: u32, gain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rest: array<vec4f>;          // (stack, slices * rank * bases - bases, small): all but the first rows of g
@group(0) @binding(2) var<storage, read> basis_a: array<vec4f>;       // (rank, stride_a), the first `small` columns; read unless SIGNED
@group(0) @binding(3) var<storage, read> signs_a: array<u32>;         // (rank, stride_a), the first `small` columns; read if SIGNED
@group(0) @binding(4) var<storage, read> lambda: array<f32>;          // (stack, rank, bases)
@group(0) @binding(5) var<storage, read> gamma: array<vec4f>;         // (stack, bases, small)
@group(0) @binding(6) var<storage, read> levels: array<f32>;          // (2), the magnitudes of A and of B, read if SIGNED
@group(0) @binding(7) var<storage, read_write> dlambda: array<f32>;   // (stack, rank, bases)
@group(0) @binding(8) var<storage, read_write> dgamma: array<vec4f>;  // (stack, bases, small): the first rows of g, then dgamma

override WG: u32 = 64;
override SIGNED: bool = false; // A as codes of two bits: bit 0 adds, bit 1 subtracts
// Ranks at once, whose loads are under way together: 4 or 8.
const RANKS = 4u; // knob
const RANKS4 = RANKS / 4;

var<workgroup> parts: array<vec4f, WG * RANKS4>; // (RANKS4, WG)

fn gain() -> f32 {
  if (SIGNED) { return p.gain * (levels[0] * levels[1]); }
  return p.gain;
}
fn a4(k: u32, j: u32) -> vec4f {
  if (!SIGNED) { return basis_a[(k * p.stride_a + j) / 4]; }
  let codes = vec4u(signs_a[k * p.stride_a + j / 16]) >> (j % 16 * 2 + vec4u(0, 2, 4, 6));
  return vec4f(codes & vec4u(1)) - vec4f((codes >> vec4u(1)) & vec4u(1));
}

// Columns j to j + 3 of basis b, ranks k to k + RANKS - 1: writes dgamma, onto that of the ranks before, and adds to dlambda's sums.
fn columns(sums: ptr<function, array<vec4f, RANKS4>>, layer: u32, k: u32, b: u32, j: u32) {
  let at = ((layer * p.bases + b) * p.small + j) / 4;
  let above = layer * (p.slices * p.rank - 1) * p.bases;
  let scale = gain() * gamma[at];
  var a: array<vec4f, RANKS>;
  for (var q = 0u; q < RANKS; q++) { a[q] = a4(min(k + q, p.rank - 1), j); }
  var g: array<vec4f, RANKS>;
  for (var s = 0u; s < p.slices; s++) {
    for (var q = 0u; q < RANKS; q++) {
      let row = (s * p.rank + min(k + q, p.rank - 1)) * p.bases + b;
      if (q == 0 && row < p.bases) { g[q] = dgamma[at]; } else { g[q] += rest[((above + max(row, p.bases) - p.bases) * p.small + j) / 4]; }
    }
  }
  var sum: vec4f;
  if (k > 0) { sum = dgamma[at]; }
  for (var q = 0u; q < RANKS; q++) {
    if (k + q >= p.rank) { break; }
    sum += gain() * lambda[(layer * p.rank + k + q) * p.bases + b] * (g[q] * a[q]);
    (*sums)[q / 4][q % 4] += dot(g[q] * a[q], scale);
  }
  dgamma[at] = sum;
}

@compute @workgroup_size(WG)
fn diagonals(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  for (var some = 0u; some < (p.rank + RANKS - 1) / RANKS; some++) {
    let k = some * RANKS;
    var sums = array<vec4f, RANKS4>();
    for (var round = 0u; round < (p.small / 4 + WG - 1) / WG; round++) {
      let j = (round * WG + lane) * 4;
      if (j < p.small) { columns(&sums, group.y, k, group.x, j); }
    }
    workgroupBarrier(); // all have read the sums before
    for (var t = 0u; t < RANKS4; t++) { parts[t * WG + lane] = sums[t]; }
    workgroupBarrier();
    // Eight invocations sum up what all have, then each of RANKS these eight for one rank.
    if (lane < 8) {
      for (var t = 0u; t < RANKS4; t++) {
        for (var l = 1u; l < WG / 8; l++) { sums[t] += parts[t * WG + lane + l * 8]; }
        parts[t * WG + lane] = sums[t];
      }
    }
    workgroupBarrier();
    if (lane < RANKS && k + lane < p.rank) {
      var total = 0.0;
      for (var l = 0u; l < 8; l++) { total += parts[lane / 4 * WG + l][lane % 4]; }
      dlambda[(group.y * p.rank + k + lane) * p.bases + group.x] = total;
    }
  }
}
