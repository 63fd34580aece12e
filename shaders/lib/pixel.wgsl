// Byte k of `pixels`, four to a little-endian word, and what the model is given for a value 0 … 255 of a channel.
fn byte_at(k: u32) -> f32 {
  return f32(extractBits(pixels[k / 4], 8 * (k % 4), 8));
}

fn normalised(value: f32, channel: u32) -> f32 {
  let mean = vec3f(p.mean_r, p.mean_g, p.mean_b);
  let deviation = vec3f(p.std_r, p.std_g, p.std_b);
  return (value / 255.0 - mean[channel]) / deviation[channel];
}
