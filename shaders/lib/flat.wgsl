// The position of an invocation among all of a launch that `flatGroups` spread over two directions.
fn flat_index(id: vec3u, groups: vec3u, size: u32) -> u32 {
  return id.x + id.y * groups.x * size;
}
