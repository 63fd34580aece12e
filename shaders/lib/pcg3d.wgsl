// pcg3d (Jarzynski and Olano, JCGT 9(3), 2020): the bits of `hash` in src/tensor/random.ts, for any position at any time.
fn pcg3d(position: vec3u) -> vec3u {
  var v = position * 1664525u + 1013904223u;
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v ^= v >> vec3u(16);
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  return v;
}
