// What the gradient of a weight gives to the diagonals of a RandLoRA update: the loads of it, and what becomes of a row of g = B^T dy.
override TRANSPOSED: bool = false; // in > out: dy is (small, large)

// Four numbers of the (DEPTH, TILE_N) tile of dy at (m, j), for load i: of a row, or TRANSPOSED of a column; zero from row `end` on.
fn load_dy(i: u32, m: u32, j: u32, end: u32) -> vec4f {
  if (TRANSPOSED) {
    let at_m = m + i % (DEPTH / 4) * 4;
    let at_j = j + i / (DEPTH / 4);
    if (at_m < end && at_j < p.small) { return dy[(at_j * p.large + at_m) / 4]; }
  } else {
    let at_m = m + i / (TILE_N / 4);
    let at_j = j + i % (TILE_N / 4) * 4;
    if (at_m < end && at_j < p.small) { return dy[(at_m * p.small + at_j) / 4]; }
  }
  return vec4f();
}

// The rows of dy that a slice sums: first, and one past the last. Slices begin at multiples of DEPTH, so a vec4 lies in one of them.
fn slice_rows(slice: u32) -> vec2u {
  let rows = (p.large + p.slices * DEPTH - 1) / (p.slices * DEPTH) * DEPTH;
  return min(vec2u(slice * rows, (slice + 1) * rows), vec2u(p.large));
}

// Row c of g, columns j to j + 3: writes its part of dgamma and returns its part of dlambda.
fn reduce_row(slice: u32, c: u32, j: u32, g: vec4f) -> f32 {
  if (c >= p.rank * p.bases || j >= p.small) { return 0.0; }
  let k = c / p.bases;
  let by_a = gain() * times_a(g, k, j);
  dgamma_parts[((slice * p.rank * p.bases + c) * p.small + j) / 4] = lambda[c] * by_a;
  return dot(by_a, gamma[((c - k * p.bases) * p.small + j) / 4]);
}
