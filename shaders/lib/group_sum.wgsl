// Sum of `v` over a workgroup of WG invocations (a power of two), returned to every one of them, in a fixed order.
var<workgroup> partial: array<f32, WG>;

fn group_sum(v: f32, lane: u32) -> f32 {
  workgroupBarrier(); // the previous sum must have been read by all before it is overwritten
  partial[lane] = v;
  workgroupBarrier();
  for (var s = WG / 2; s > 0; s >>= 1) {
    if (lane < s) { partial[lane] += partial[lane + s]; }
    workgroupBarrier();
  }
  return partial[0];
}
