/** EXIF's word on which way up an image is. Pure. Source: Exif 2.3, 4.6; TIFF 6.0, section 2. */

const ORIENTATION = 0x0112;

/**
 * @param bytes an EXIF block, with or without "Exif\0\0" in front
 * @returns 1 (as it lies) … 8; 1 for a block that makes no sense
 */
export function exifOrientation(bytes: Uint8Array): number {
  const start = bytes[0] === 0x45 && bytes[4] === 0 ? 6 : 0;
  const data = new DataView(bytes.buffer, bytes.byteOffset + Math.min(start, bytes.length), Math.max(0, bytes.length - start));
  try {
    const little = data.getUint16(0) === 0x4949;
    const fields = data.getUint32(4, little);
    for (let i = 0, at = fields + 2; i < data.getUint16(fields, little); i++, at += 12) {
      if (data.getUint16(at, little) !== ORIENTATION) continue;
      const value = data.getUint16(at + 8, little);
      return value >= 1 && value <= 8 ? value : 1;
    }
  } catch {
    // cut off: nothing is known
  }
  return 1;
}
