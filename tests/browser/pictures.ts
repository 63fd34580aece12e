/** Files of pictures for tests: PNGs, and zips of them. */
import { writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";

/** A PNG of 24 × 24 pixels: a gradient and a square that no other seed has. */
export function png(seed: number): Buffer {
  const size = 24;
  const rows = Buffer.alloc(size * (1 + size * 3));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = Math.abs(x - (seed % 23)) < 5 && Math.abs(y - (Math.floor(seed / 23) % 19)) < 4;
      const at = y * (1 + size * 3) + 1 + x * 3;
      rows[at] = inside ? 255 - (seed % 7) * 20 : x * 6 + (seed % 90);
      rows[at + 1] = inside ? (seed * 7) % 256 : y * 6 + ((seed * 3) % 90);
      rows[at + 2] = Math.floor(seed / 437) * 10;
    }
  }
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.from([0, 0, 0, size, 0, 0, 0, size, 8, 2, 0, 0, 0]);
  const start = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([start, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

/** Stored, without compression. */
export function writeZip(path: string, files: ReadonlyMap<string, Buffer>): void {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of files) {
    const text = Buffer.from(name);
    // Version, flags (UTF-8), method, time, date, checksum, both sizes, length of the name, of extras.
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x800, 2);
    fields.writeUInt16LE(0x21, 8);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(text.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), fields, text, data);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), fields, place, text);
    offset += 30 + text.length + data.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.size, 8);
  end.writeUInt16LE(files.size, 10);
  end.writeUInt32LE(length, 12);
  end.writeUInt32LE(offset, 16);
  writeFileSync(path, Buffer.concat([...parts, ...directory, end]));
}
