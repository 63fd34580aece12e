// How sums over columns are shared out: a workgroup of WG invocations has COLUMNS columns, so that it reads a row's numbers side by
// side, and a block of rows, which are all rows in as many equal parts as there are workgroups one above the other.
const COLUMNS = 32u;
override DOWN: u32 = max(WG / COLUMNS, 1u);

// An invocation's own: its column, its first row and each DOWN-th one from there to `end`, in rounds of AHEAD.
struct Block { column: u32, first: u32, end: u32, rounds: u32 }

fn block_of(group: vec3u, groups: vec3u, lane: u32, rows: u32) -> Block {
  let size = (rows + groups.y - 1) / groups.y;
  let first = group.y * size;
  let rounds = (size + AHEAD * DOWN - 1) / (AHEAD * DOWN);
  return Block(group.x * COLUMNS + lane % COLUMNS, first + lane / COLUMNS, min(first + size, rows), rounds);
}

fn row_of(block: Block, round: u32, l: u32) -> u32 {
  return block.first + (round * AHEAD + l) * DOWN;
}
