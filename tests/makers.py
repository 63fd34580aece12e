"""
Writes fixtures/sets: one small image set in every form in which image sets are handed around, each written by the tool that people write it
with (zip, tar, NumPy, pyarrow, Hugging Face's datasets), or byte by byte as its makers document it (IDX, CIFAR, WebDataset).
Run again with `python3 tests/makers.py` (needs zip, GNU tar, pillow, numpy, pyarrow, datasets). With torch and torchvision,
`python3 tests/makers.py check` has torchvision read what it has a reader for, the forms written byte by byte among them.

Image i of 12 has the class CLASSES[i % 3], belongs to part(i), and is drawn by colour(i) or grey(i): imports.test.ts draws them again.
"""

import gzip
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import numpy as np
from PIL import Image

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "sets")
CLASSES = ["cat", "dog", "owl"]
COUNT = 12


def part(i):
    return "train" if i < 8 else "validation" if i < 10 else "test"


def colour(i, side=8):
    r, c = np.mgrid[0:side, 0:side]
    return np.stack([20 * i + 3 * r, 10 * r + 2 * c, 30 * c + i], axis=-1).astype(np.uint8)


def grey(i, side=8):
    r, c = np.mgrid[0:side, 0:side]
    return (20 * i + 2 * r + (c > 4)).astype(np.uint8)


def png(i):
    data = io.BytesIO()
    Image.fromarray(colour(i)).save(data, "PNG", optimize=True)
    return data.getvalue()


def path(*names):
    full = os.path.join(OUT, *names)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def write(data, *names):
    with open(path(*names), "wb") as file:
        file.write(data)


def of(name):
    return [i for i in range(COUNT) if part(i) == name]


def folders():
    for i in range(COUNT):
        folder = {"train": "train", "validation": "val", "test": "test"}[part(i)]
        write(png(i), "folder", folder, CLASSES[i % 3], f"{i}.png")


def run(*words, cwd=None):
    subprocess.run(words, cwd=cwd or path("folder", ""), check=True, stdout=subprocess.DEVNULL)


def zips():
    for name in ["infozip.zip", "encrypted.zip"]:
        if os.path.exists(path(name)):
            os.remove(path(name))
    run("zip", "-r", "-q", path("infozip.zip"), ".")
    run("zip", "-r", "-q", "-P", "secret", path("encrypted.zip"), "val")
    with zipfile.ZipFile(path("methods.zip"), "w") as out:
        for i, method in enumerate([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]):
            out.writestr(f"cat/{i}.png", png(i), method)
        # Sizes in ZIP64's extra field, although they are small.
        with out.open("cat/64.png", "w", force_zip64=True) as entry:
            entry.write(png(4))
        out.writestr("caf#/5.png", png(5))
    with open(path("methods.zip"), "rb") as file:
        data = file.read()
    write(data.replace(b"caf#", b"caf\x82"), "methods.zip")  # "é" as DOS wrote it


LONG = "a folder whose name is much longer than the hundred bytes that the first tar had for it, so that it must be written elsewhere"


def tars():
    with tempfile.TemporaryDirectory() as scratch:
        tree = os.path.join(scratch, "tree")
        shutil.copytree(path("folder", ""), tree)
        for form in ["v7", "ustar", "gnu", "posix"]:
            run("tar", f"--format={form}", "--owner=0", "--group=0", "-cf", path(f"{form}.tar"), ".", cwd=tree)
        os.makedirs(os.path.join(tree, "train", LONG))
        write(png(0), tree, "train", LONG, "é.png")
        for form in ["gnu", "posix"]:
            run("tar", f"--format={form}", "--owner=0", "--group=0", "-czf", path(f"{form}.tar.gz"), "train", cwd=tree)
        with tarfile.open(path("python.tgz"), "w:gz") as out:
            out.add(os.path.join(tree, "test"), "test")


def shards():
    for name, images in [("train-000000", of("train")[:4]), ("train-000001", of("train")[4:]), ("val-000000", of("validation"))]:
        with tarfile.open(path(f"{name}.tar"), "w", format=tarfile.USTAR_FORMAT) as out:
            for k, i in enumerate(images):
                for ending, data in [("png", png(i)), ("cls", str(i % 3).encode())]:
                    info = tarfile.TarInfo(f"{k:06d}.{ending}")
                    info.size = len(data)
                    out.addfile(info, io.BytesIO(data))
    with tarfile.open(path("records-test.tar"), "w", format=tarfile.USTAR_FORMAT) as out:
        for i in of("test"):
            record = json.dumps({"label": i % 3, "label_name": CLASSES[i % 3], "width": 8}).encode()
            for ending, data in [("png", png(i)), ("json", record)]:
                info = tarfile.TarInfo(f"sample_{i}.{ending}")
                info.size = len(data)
                out.addfile(info, io.BytesIO(data))


def parquets():
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)})
    names = {"train": "train-00000-of-00001", "validation": "validation-00000-of-00001", "test": "test-00000-of-00001"}
    for name, file in names.items():
        rows = {"image": [{"bytes": png(i), "path": f"{i}.png"} for i in of(name)], "label": [i % 3 for i in of(name)]}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(path("hub", "data", f"{file}.parquet"), batch_size=3)
    rows = {"image": [{"bytes": png(i), "path": None} for i in range(3)], "label": [1, None, -1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path("unlabelled.parquet"))
    two = datasets.Features(
        {"img": datasets.Image(), "fine_label": datasets.ClassLabel(names=CLASSES), "coarse_label": datasets.ClassLabel(names=["pet", "bird"])}
    )
    rows = {
        "img": [{"bytes": png(i), "path": None} for i in range(COUNT)],
        "fine_label": [i % 3 for i in range(COUNT)],
        "coarse_label": [int(i % 3 == 2) for i in range(COUNT)],
    }
    datasets.Dataset.from_dict(rows, features=two).to_parquet(path("two.parquet"))
    table = pa.table({"image": [{"bytes": png(i), "path": ""} for i in range(COUNT)], "label": [CLASSES[i % 3] for i in range(COUNT)]})
    for codec in ["none", "gzip", "zstd", "brotli", "lz4"]:
        pq.write_table(table, path(f"{codec}.parquet"), compression=codec, row_group_size=5, use_dictionary=codec == "none")


class Python2(pickle._Pickler):
    """Writes bytes and text as Python 2 wrote its str, which is how the CIFAR batches are."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str2(self, value):
        data = value if isinstance(value, bytes) else value.encode("latin1")
        self.write((b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))) + data)
        self.memo[id(value)] = (len(self.memo), value)
        self.write(self.put(len(self.memo) - 1))

    dispatch[bytes] = save_str2
    dispatch[str] = save_str2

    def save_global(self, obj, name=None):
        module = "numpy.core.multiarray" if obj.__name__ == "_reconstruct" else "numpy"
        self.write(b"c" + module.encode() + b"\n" + obj.__name__.encode() + b"\n")
        self.memoize(obj)

    for kind in [type(len), type(lambda: 0), type]:
        dispatch[kind] = save_global


def python2(value, *names):
    data = io.BytesIO()
    Python2(data, 2).dump(value)
    write(data.getvalue(), *names)


def planes(i):
    return colour(i, 32).transpose(2, 0, 1).reshape(-1)


def cifar():
    # The first three of CIFAR-10's own names stand where cat, dog and owl do elsewhere.
    ten = {"data_batch_1": of("train")[:4], "data_batch_2": of("train")[4:], "test_batch": of("validation") + of("test")}
    for name, images in ten.items():
        record = b"".join(bytes([i % 3]) + planes(i).tobytes() for i in images)
        write(record, "cifar-10-batches-bin", f"{name}.bin")
        data = np.stack([planes(i) for i in images])
        batch = {"batch_label": name, "labels": [i % 3 for i in images], "data": data, "filenames": [f"{i}.png" for i in images]}
        python2(batch, "cifar-10-batches-py", name)
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    write("\n".join([*names, "", ""]).encode(), "cifar-10-batches-bin", "batches.meta.txt")
    python2({"label_names": names, "num_cases_per_batch": 10000, "num_vis": 3072}, "cifar-10-batches-py", "batches.meta")
    run("tar", "--owner=0", "--group=0", "-czf", path("cifar-10-python.tar.gz"), "cifar-10-batches-py", cwd=OUT)
    run("tar", "--owner=0", "--group=0", "-czf", path("cifar-10-binary.tar.gz"), "cifar-10-batches-bin", cwd=OUT)
    shutil.rmtree(path("cifar-10-batches-py", ""))
    shutil.rmtree(path("cifar-10-batches-bin", ""))
    for name, images in {"train": range(8), "test": range(8, 12)}.items():
        batch = {"fine_labels": [i % 3 for i in images], "coarse_labels": [0 for i in images], "data": np.stack([planes(i) for i in images])}
        python2(batch, "cifar-100-python", name)
        write(b"".join(bytes([0, i % 3]) + planes(i).tobytes() for i in images), "cifar-100-binary", f"{name}.bin")
    python2({"fine_label_names": CLASSES, "coarse_label_names": ["animals"]}, "cifar-100-python", "meta")
    write("".join(f"{name}\n" for name in CLASSES).encode(), "cifar-100-binary", "fine_label_names.txt")
    write(b"animals\n", "cifar-100-binary", "coarse_label_names.txt")
    for form in ["python", "binary"]:
        run("tar", "--owner=0", "--group=0", "-czf", path(f"cifar-100-{form}.tar.gz"), f"cifar-100-{form}", cwd=OUT)
        shutil.rmtree(path(f"cifar-100-{form}", ""))
    # As Python 3 writes it.
    batch = {"data": np.stack([planes(i) for i in range(COUNT)]), "labels": [i % 3 for i in range(COUNT)]}
    for protocol in [4, 5]:
        write(gzip.compress(pickle.dumps(batch, protocol)), f"protocol{protocol}.pickle.gz")


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


def mnist():
    for name, images in {"train": range(8), "t10k": range(8, 12)}.items():
        pictures = idx(np.stack([grey(i) for i in images]))
        labels = idx(np.array([i % 3 for i in images]))
        write(pictures, "mnist", f"{name}-images-idx3-ubyte")
        write(labels, "mnist", f"{name}-labels-idx1-ubyte")
        write(gzip.compress(pictures), "fashion-mnist", f"{name}-images-idx3-ubyte.gz")
        write(gzip.compress(labels), "fashion-mnist", f"{name}-labels-idx1-ubyte.gz")
    for name, images in {"train": range(8), "test": range(8, 12)}.items():
        start = f"emnist-letters-{name}"
        write(gzip.compress(idx(np.stack([grey(i).T for i in images]))), "emnist", f"{start}-images-idx3-ubyte.gz")
        write(gzip.compress(idx(np.array([i % 3 + 1 for i in images]))), "emnist", f"{start}-labels-idx1-ubyte.gz")
    write(b"1 65 97\n2 66 98\n3 67 99\n", "emnist", "emnist-letters-mapping.txt")


def arrays():
    x, y = np.stack([colour(i) for i in range(COUNT)]), np.array([i % 3 for i in range(COUNT)])
    g = np.stack([grey(i) for i in range(COUNT)])
    np.savez(path("keras.npz"), x_train=g[:8], y_train=y[:8].astype(np.uint8), x_test=g[8:], y_test=y[8:].astype(np.uint8))
    np.savez_compressed(
        path("medmnist.npz"),
        **{f"{name}_images": x[of(part)] for name, part in [("train", "train"), ("val", "validation"), ("test", "test")]},
        **{f"{name}_labels": y[of(part)][:, None] for name, part in [("train", "train"), ("val", "validation"), ("test", "test")]},
    )
    hot = np.eye(3, dtype=np.float32)[y]
    np.savez_compressed(path("floats.npz"), X=(x / 255).astype(np.float32), y=hot, class_names=np.array(CLASSES))
    np.savez_compressed(path("planes.npz"), images=x.transpose(0, 3, 1, 2).astype(np.int64), labels=np.array([CLASSES[k] for k in y]))
    np.savez_compressed(path("fortran.npz"), X=np.asfortranarray(x.astype(np.float64)), y=y.astype(">i4"))
    np.savez_compressed(path("objects.npz"), X=x, y=np.array([CLASSES[k] for k in y], dtype=object))
    np.save(path("npy", "X.npy"), x)
    np.save(path("npy", "y.npy"), np.array([CLASSES[k].encode() for k in y]))


def teachable():
    with zipfile.ZipFile(path("project.tm"), "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("manifest.json", json.dumps({"type": "image", "version": "2.4.10", "classes": CLASSES, "appdata": {"trainEpochs": 50}}))
        for i in range(COUNT):
            out.writestr(f"{CLASSES[i % 3]}-!-{i // 3}.png", png(i))
    with zipfile.ZipFile(path("folders.tm"), "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("manifest.json", "{}")
        for i in range(COUNT):
            out.writestr(f"{CLASSES[i % 3]}/{i}.png", png(i))


def check():
    """torchvision's own readers find the images that were meant."""
    from torchvision import datasets as tv

    # Their check asks for the sums of the real sets; it is all that is left out.
    whole = {"_check_integrity": lambda self: True, "_check_exists": lambda self: True}
    seen = 0

    def same(found, wanted, draw):
        nonlocal seen
        assert len(found) == len(wanted), (len(found), len(wanted))
        for (image, label), i in zip(found, wanted):
            assert label == i % 3 and np.array_equal(np.array(image), draw(i)), i
            seen += 1

    for name, folder in {"train": "train", "validation": "val", "test": "test"}.items():
        split = tv.ImageFolder(path("folder", folder, ""))
        wanted = sorted(of(name), key=lambda i: (CLASSES[i % 3], str(i)))
        names = [split.classes[label] for _, label in split.samples]
        assert names == [CLASSES[i % 3] for i in wanted]
        same([(image, CLASSES.index(split.classes[label])) for image, label in split], wanted, colour)
    with tempfile.TemporaryDirectory() as scratch:
        for form in ["10", "100"]:
            with tarfile.open(path(f"cifar-{form}-python.tar.gz")) as tar:
                tar.extractall(scratch)
        ten = [["data_batch_1", ""], ["data_batch_2", ""]]
        meta = lambda reader: {**reader.meta, "md5": None}
        cifar10 = type("CIFAR10", (tv.CIFAR10,), {**whole, "train_list": ten, "meta": meta(tv.CIFAR10)})
        cifar100 = type("CIFAR100", (tv.CIFAR100,), {**whole, "meta": meta(tv.CIFAR100)})
        large = lambda i: colour(i, 32)
        same(cifar10(scratch, train=True), of("train"), large)
        same(cifar10(scratch, train=False), of("validation") + of("test"), large)
        same(cifar100(scratch, train=True), range(8), large)
        same(cifar100(scratch, train=False), range(8, 12), large)
        for reader, folder in [(tv.MNIST, "mnist"), (tv.FashionMNIST, "fashion-mnist"), (tv.EMNIST, "emnist")]:
            raw = os.path.join(scratch, reader.__name__, "raw")
            os.makedirs(raw)
            for file in os.listdir(path(folder, "")):
                with open(path(folder, file), "rb") as packed:
                    data = packed.read()
                with open(os.path.join(raw, file.removesuffix(".gz")), "wb") as out:
                    out.write(gzip.decompress(data) if file.endswith(".gz") else data)
            more = {"split": "letters"} if reader is tv.EMNIST else {}
            for train, wanted in [(True, range(8)), (False, range(8, 12))]:
                found = type(reader.__name__, (reader,), whole)(scratch, train=train, **more)
                if reader is tv.EMNIST:  # Its images lie on their side, and its letters count from 1.
                    same([(np.array(image).T, label - 1) for image, label in found], wanted, grey)
                else:
                    same(found, wanted, grey)
    print(f"torchvision read {seen} images as they were meant")


if __name__ == "__main__" and sys.argv[1:] == ["check"]:
    check()
elif __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    for make in [folders, zips, tars, shards, parquets, cifar, mnist, arrays, teachable]:
        make()
