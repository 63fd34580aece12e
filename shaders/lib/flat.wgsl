// The position of an invocation among all of a launch that `flatGroups` spread over two directions.
fn flat_index(id: vec3u, groups: vec3u, size: u32) -> u32 {
  return id.x + id.y * groups.x * size;
}

// Its four positions, where a workgroup takes 4 * size of them: neighbours have neighbouring ones, so that they read and write whole
// lines of memory together. An invocation that reads four numbers before it writes one waits a quarter as often.
fn flat_four(id: vec3u, groups: vec3u, size: u32) -> vec4u {
  let i = flat_index(id, groups, size);
  return i + i / size * (3 * size) + size * vec4u(0, 1, 2, 3);
}
