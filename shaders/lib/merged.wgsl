// y = w + gain() * v on a 4 x 4 block of a layer; m runs over its larger side, j over its smaller one.
override TRANSPOSED: bool = false; // in > out: w and y are (small, large)

fn write_merged(m: u32, j: u32, v: mat4x4f) {
  if (j >= p.small) { return; }
  if (TRANSPOSED) {
    if (m >= p.large) { return; }
    let turned = transpose(v);
    for (var i = 0u; i < 4; i++) {
      let at = ((j + i) * p.large + m) / 4;
      y[at] = w[at] + gain() * turned[i];
    }
  } else {
    for (var i = 0u; i < 4; i++) {
      if (m + i >= p.large) { return; }
      let at = ((m + i) * p.small + j) / 4;
      y[at] = w[at] + gain() * v[i];
    }
  }
}
