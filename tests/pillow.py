"""
Writes fixtures/pillow: images of many sizes, modes and formats, and what Pillow makes of them as transformers' image processors ask it to.
Run again with `python3 tests/pillow.py` (needs pillow with WebP and AVIF, numpy).

images.zip holds the images and index.json: for each its file, how it is prepared, and for lossy formats a twin that holds as PNG the very
pixels that Pillow decoded. expected.gz holds the prepared pixels, (crop, crop, 3) bytes each, in the order of the index.
"""

import gzip
import io
import json
import os
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "pillow")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIZES = [(2, 2), (3, 5), (5, 3), (8, 8), (16, 16), (17, 33), (33, 17), (40, 40), (64, 48), (50, 91), (97, 61), (128, 128), (6, 150), (150, 6), (224, 160), (31, 300)]
HOW = [
    {"resize": 16, "crop": 16},
    {"resize": 16, "crop": 16, "stretch": True},
    {"resize": 20, "crop": 15},
    {"resize": 12, "crop": 12, "stretch": True},
    {"resize": 9, "crop": 8},
    {"resize": 24, "crop": 13, "stretch": True},
]


def prepare(image, resize, crop, resample, stretch=False):
    """Upright, on white, RGB, resized, cropped: the reference."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # Pillow's own conversion of 16-bit greys clips at 255. What is meant is the whole range brought to 8 bits, by the upper byte, as
        # Pillow does for 16-bit colours.
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    width, height = image.size
    long = int(resize * max(width, height) / min(width, height))
    size = (resize, resize) if stretch else (resize, long) if width <= height else (long, resize)
    image = image.resize(size, FILTERS[resample])
    left, top = (size[0] - crop) // 2, (size[1] - crop) // 2
    return image.crop((left, top, left + crop, top + crop))


def scene(rng, width, height, channels):
    """Slopes, an edge and a few bright and dark dots, so that overshoot and clipping happen, in few bytes."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        a, b, c = rng.uniform(-1, 1, 3)
        plane = 127 + 120 * np.sin(a * 3 * x / width + b * 3 * y / height + 6 * c)
        plane = np.round(plane / 8) * 8  # flat steps pack well
        plane[(x * rng.uniform(0.5, 2) + y * rng.uniform(0.5, 2)) > (width + height) * rng.uniform(0.6, 1.2)] = rng.integers(0, 2) * 255
        for _ in range(3):
            plane[rng.integers(0, height), rng.integers(0, width)] = rng.integers(0, 2) * 255
        planes.append(plane)
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def write_png(samples, bits, kind, interlaced=False, chunks=()):
    """PNG as Pillow cannot write it. samples (height, width, channels) of `bits` each; kind is PNG's colour type."""
    height, width = samples.shape[:2]

    def rows(part):
        out = b""
        for line in part:
            flat = line.reshape(-1).astype(np.uint32)
            if bits == 16:
                data = flat.astype(">u2").tobytes()
            else:
                data = np.packbits(((flat[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).reshape(-1)).tobytes()
            out += b"\0" + data
        return out

    parts = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [samples]
    raw = b"".join(rows(part) for part in parts if part.size)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))
    middle = b"".join(chunk(name, data) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def saved(image, form, **options):
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def palette(rng, count):
    return rng.integers(0, 256, (count, 3)).astype(np.uint8)


def lossless(rng, width, height):
    """(name, bytes) of every lossless kind at one size."""
    rgb, rgba = scene(rng, width, height, 3), scene(rng, width, height, 4)
    grey, la = rgb[..., 0], rgba[..., 2:]
    for bits in [1, 2, 4]:
        yield f"grey{bits}.png", write_png(grey[..., None] >> (8 - bits), bits, 0)
        colours = palette(rng, 2**bits)
        index = grey[..., None] >> (8 - bits)
        yield f"palette{bits}.png", write_png(index, bits, 3, chunks=[(b"PLTE", colours.tobytes())])
    sixteen = lambda a: a.astype(np.uint16) * 257 - np.where(a > 0, rng.integers(0, 200, a.shape), 0).astype(np.uint16)
    yield "grey16.png", write_png(sixteen(grey)[..., None], 16, 0)
    yield "rgb16.png", write_png(sixteen(rgb), 16, 2)
    yield "la16.png", write_png(sixteen(la), 16, 4)
    yield "rgba16.png", write_png(sixteen(rgba), 16, 6)
    yield "grey8.png", saved(Image.fromarray(grey), "PNG")
    yield "one.png", saved(Image.fromarray(grey).convert("1"), "PNG")
    yield "la.png", saved(Image.fromarray(la), "PNG")
    yield "rgb.png", saved(Image.fromarray(rgb), "PNG")
    yield "rgba.png", saved(Image.fromarray(rgba), "PNG")
    colours = palette(rng, 256)
    alphas = rng.integers(0, 256, 256).astype(np.uint8)
    yield "palette8.png", write_png(grey[..., None], 8, 3, chunks=[(b"PLTE", colours.tobytes())])
    yield "paletteA.png", write_png(grey[..., None], 8, 3, chunks=[(b"PLTE", colours.tobytes()), (b"tRNS", alphas.tobytes())])
    yield "greyKey.png", write_png(grey[..., None], 8, 0, chunks=[(b"tRNS", struct.pack(">H", int(grey[0, 0])))])
    yield "rgbKey.png", write_png(rgb, 8, 2, chunks=[(b"tRNS", struct.pack(">3H", *map(int, rgb[0, 0])))])
    yield "adam7.png", write_png(rgb, 8, 2, interlaced=True)
    yield "adam7A.png", write_png(rgba, 8, 6, interlaced=True)
    yield "rgb.bmp", saved(Image.fromarray(rgb), "BMP")
    yield "grey.bmp", saved(Image.fromarray(grey), "BMP")
    yield "palette.gif", saved(Image.fromarray(rgb).quantize(32), "GIF")
    first, second = Image.fromarray(rgb).quantize(16), Image.fromarray(255 - rgb).quantize(16)
    yield "moving.gif", saved(first, "GIF", save_all=True, append_images=[second], duration=100, loop=0)
    yield "key.gif", saved(Image.fromarray(rgb).quantize(16), "GIF", transparency=0)
    yield "rgb.webp", saved(Image.fromarray(rgb), "WEBP", lossless=True)
    yield "rgba.webp", saved(Image.fromarray(rgba), "WEBP", lossless=True, exact=True)


def ycck(image):
    """A CMYK JPEG whose Adobe marker says that its first three planes are luminance and chrominance."""
    data = bytearray(saved(image, "JPEG", quality=90))
    at = data.index(b"Adobe")
    data[at + 11] = 2
    return bytes(data)


def lossy(rng, width, height):
    rgb = Image.fromarray(scene(rng, width, height, 3))
    cmyk = Image.fromarray(scene(rng, width, height, 4), mode="CMYK")
    yield "rgb.jpg", saved(rgb, "JPEG", quality=85, subsampling=0)
    yield "half.jpg", saved(rgb, "JPEG", quality=85, subsampling=2)
    yield "progressive.jpg", saved(rgb, "JPEG", quality=85, subsampling=0, progressive=True)
    yield "grey.jpg", saved(rgb.convert("L"), "JPEG", quality=85)
    yield "cmyk.jpg", saved(cmyk, "JPEG", quality=90)
    yield "ycck.jpg", ycck(cmyk)
    yield "lossy.webp", saved(rgb, "WEBP", quality=85)
    yield "rgb.avif", saved(rgb, "AVIF", quality=85, subsampling="4:4:4")
    yield "half.avif", saved(rgb, "AVIF", quality=85, subsampling="4:2:0")


def turned(rng):
    """EXIF's eight ways to lie, in the formats that carry it."""
    for way in range(1, 9):
        # Two of them are longer than the rows that are drawn at once.
        image = Image.fromarray(scene(rng, 300 if way in (6, 8) else 40, 24, 3))
        exif = Image.Exif()
        exif[0x0112] = way
        yield f"turned{way}.jpg", saved(image, "JPEG", quality=95, subsampling=0, exif=exif), True
        yield f"turned{way}.webp", saved(image, "WEBP", lossless=True, exif=exif), False
        yield f"turned{way}.png", saved(image, "PNG", exif=exif), False


def main():
    rng = np.random.default_rng(5)
    index, expected, files = [], [], {}

    def add(name, data, is_lossy):
        how = {**HOW[len(index) % len(HOW)], "resample": ["bicubic", "bilinear"][len(index) // 3 % 2]}
        image = Image.open(io.BytesIO(data))
        entry = {"file": name, "mode": image.mode, "lossy": is_lossy, **how}
        files[name] = data
        if is_lossy:
            files[f"{name}.png"] = saved(ImageOps.exif_transpose(image).convert("RGB"), "PNG", optimize=True)
        index.append(entry)
        expected.append(prepare(Image.open(io.BytesIO(data)), **how).tobytes())

    for n, (width, height) in enumerate(SIZES):
        for k, (name, data) in enumerate(lossless(rng, width, height)):
            # Every kind at every second size, and the large ones not in every kind.
            if (n + k) % 2 == 0 and not (len(data) > 9000 and k % 3):
                add(f"{width}x{height}-{name}", data, False)
    for width, height in [(8, 8), (17, 33), (48, 40), (90, 61)]:
        for name, data in lossy(rng, width, height):
            add(f"{width}x{height}-{name}", data, True)
    for name, data, is_lossy in turned(rng):
        add(name, data, is_lossy)
    os.makedirs(OUT, exist_ok=True)
    with zipfile.ZipFile(os.path.join(OUT, "images.zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        out.writestr("index.json", json.dumps(index))
        for name, data in files.items():
            out.writestr(name, data)
    with open(os.path.join(OUT, "expected.gz"), "wb") as out:
        out.write(gzip.compress(b"".join(expected), 9))
    print(f"{len(index)} images, {sum(not entry['lossy'] for entry in index)} of them lossless, modes {sorted({entry['mode'] for entry in index})}")


if __name__ == "__main__":
    main()
