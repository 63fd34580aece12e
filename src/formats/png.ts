/**
 * Raw pixels as a PNG without compression, so that everything behind it sees an image file like any other.
 * Source: PNG specification, third edition; RFC 1950 and 1951 for the stored blocks inside.
 */

import { adler32, crc32 } from "./checksum.ts";

/** PNG's colour types by number of channels: grey, grey with alpha, RGB, RGBA. */
const COLOUR = [0, 0, 4, 2, 6];
const STORED_MOST = 65535;

/**
 * @param pixels (height, width, channels) bytes
 * @param channels 1 grey, 2 grey with alpha, 3 RGB, 4 RGBA
 */
export function writePng(width: number, height: number, channels: 1 | 2 | 3 | 4, pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  const row = width * channels;
  const raw = new Uint8Array(height * (row + 1)); // a filter byte of 0 before each row
  for (let y = 0; y < height; y++) raw.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const blocks = Math.max(1, Math.ceil(raw.length / STORED_MOST));
  const body = 2 + blocks * 5 + raw.length + 4;
  const out = new Uint8Array(8 + 25 + 12 + body + 12);
  const view = new DataView(out.buffer);
  out.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
  const chunk = (at: number, type: string, length: number) => {
    view.setUint32(at, length);
    for (let i = 0; i < 4; i++) out[at + 4 + i] = type.charCodeAt(i);
    view.setUint32(at + 8 + length, crc32(out.subarray(at + 4, at + 8 + length)));
    return at + 12 + length;
  };
  view.setUint32(16, width);
  view.setUint32(20, height);
  out.set([8, COLOUR[channels] as number], 24);
  const data = chunk(8, "IHDR", 13);
  let at = data + 8;
  out.set([0x78, 0x01], at);
  at += 2;
  for (let from = 0, block = 1; block <= blocks; block++) {
    const part = raw.subarray(from, from + STORED_MOST);
    out[at] = block === blocks ? 1 : 0;
    view.setUint16(at + 1, part.length, true);
    view.setUint16(at + 3, ~part.length & 0xffff, true);
    out.set(part, at + 5);
    at += 5 + part.length;
    from += part.length;
  }
  view.setUint32(at, adler32(raw));
  chunk(chunk(data, "IDAT", body), "IEND", 0);
  return out;
}
