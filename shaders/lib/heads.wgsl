// Rows of q, k and v, one head at a time and four numbers at a time.
const HEAD = 64u; // knob
const PARTS = (HEAD + 3) / 4; // vec4s of one row, the last one padded with zeros

// Where a row of this workgroup's image and head begins.
fn start(t: u32, image_head: u32) -> u32 {
  return ((image_head / p.heads) * p.tokens + t) * p.heads * HEAD + (image_head % p.heads) * HEAD;
}

// Columns past the head are another head's: they count as zeros.
fn pad(x: vec4f, part: u32) -> vec4f {
  if (HEAD % 4 == 0) { return x; }
  return select(vec4f(), x, vec4u(0, 1, 2, 3) + part * 4 < vec4u(HEAD));
}
fn q4(t: u32, image_head: u32, part: u32) -> vec4f {
  let at = start(t, image_head) + part * 4;
  return pad(vec4f(q[at], q[at + 1], q[at + 2], q[at + 3]), part);
}
fn k4(t: u32, image_head: u32, part: u32) -> vec4f {
  let at = start(t, image_head) + part * 4;
  return pad(vec4f(k[at], k[at + 1], k[at + 2], k[at + 3]), part);
}
fn v4(t: u32, image_head: u32, part: u32) -> vec4f {
  let at = start(t, image_head) + part * 4;
  return pad(vec4f(v[at], v[at + 1], v[at + 2], v[at + 3]), part);
}
fn total_of(x: vec4f) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}
