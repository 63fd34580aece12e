/** Image sets that were cut off, or in which someone changed bytes, by accident or with care. None throws, hangs or fills the memory. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { BlobWriter, TextReader, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { describe, expect, test } from "vitest";
import { fromFiles } from "../src/data/folder.ts";
import { refusalOf } from "../src/data/refusal.ts";
import type { Source } from "../src/data/source.ts";
import { uniform } from "../src/tensor/random.ts";

const SETS = join(import.meta.dirname, "fixtures/sets");
const read = (name: string) => new Uint8Array(readFileSync(join(SETS, name)));
const file = (name: string, bytes: BlobPart) =>
  Object.defineProperty(new File([bytes], name.split("/").at(-1) ?? name), "webkitRelativePath", { value: name.includes("/") ? name : "" });

const SINGLE = readdirSync(SETS).filter((name) => /\.(zip|tm|tar|tgz|gz|parquet|npz)$/.test(name) && !name.includes("pickle"));
const together = (folder: string) => readdirSync(join(SETS, folder)).map((name) => `${folder}/${name}`);
const inside = new Map<string, Uint8Array<ArrayBuffer>>(
  [4, 5].map((protocol) => [`p${protocol}/data_batch_1`, new Uint8Array(gunzipSync(read(`protocol${protocol}.pickle.gz`)))] as const),
);
/** The batches that Python 2 wrote, which lie in a tar.gz, whose checksum would see every change. */
const batches = gunzipSync(read("cifar-10-python.tar.gz"));
for (let at = 0; at < batches.length; ) {
  const [name = "", size] = [
    batches.toString("latin1", at, at + 100).split("\0")[0],
    Number.parseInt(batches.toString("latin1", at + 124, at + 135), 8),
  ];
  if (/batch/.test(name) && size > 0) inside.set(name, new Uint8Array(batches.subarray(at + 512, at + 512 + size)));
  at += 512 + Math.ceil((size || 0) / 512) * 512;
}
const bytesOf = (name: string) => inside.get(name) ?? read(name);
/** Each set as its files; the first is the one that is spoiled. */
const sets: readonly (readonly [string, readonly string[]])[] = [
  ...SINGLE.map((name) => [name, [name]] as const),
  ...["mnist", "emnist", "npy"].map((name) => [name, together(name)] as const),
  ...[...inside.keys()].map((name) => [name, [name, ...(name.includes("meta") ? ["cifar-10-batches-py/test_batch"] : [])]] as const),
];

/** Lists and opens everything: what came, and what was said. */
async function exhaust(source: Source): Promise<{ opened: number; said: number }> {
  let said = source.notes.length + source.warnings.length;
  let opened = 0;
  for (const { open } of source.files) {
    try {
      opened += (await open()).size > 0 ? 1 : 0;
    } catch (error) {
      expect(refusalOf(error).message).not.toBe("");
      said++;
    }
  }
  return { opened, said };
}
const spoil = (names: readonly string[], bytes: Uint8Array<ArrayBuffer>) =>
  fromFiles(names.map((name, i) => file(name, i === 0 ? bytes : bytesOf(name)))).then(exhaust);

describe.each(sets)("%s", (_, names) => {
  const whole = bytesOf(names[0] as string);

  test("cut off anywhere", async () => {
    const sound = await spoil(names, whole);
    for (let cut = 0; cut < 24; cut++) {
      const { opened, said } = await spoil(names, whole.slice(0, Math.floor((whole.length * cut) / 24)));
      expect(opened).toBeLessThanOrEqual(sound.opened);
      expect(opened + said).toBeGreaterThan(0);
    }
  });

  test("with bytes changed", async () => {
    for (let round = 0; round < 60; round++) {
      const bytes = whole.slice();
      const draw = (k: number, below: number) => Math.floor(uniform(11, round, k) * below);
      // One byte or a few, all over the file, or in its first and last parts, where the headers are.
      for (let k = 0; k <= round % 4; k++) {
        const near = Math.min(bytes.length, 400);
        const at = [draw(3 * k, bytes.length), draw(3 * k, near), bytes.length - 1 - draw(3 * k, near)][round % 3] as number;
        bytes[at] = [0, 255, draw(3 * k + 1, 256), 128][draw(3 * k + 2, 4)] as number;
      }
      const { opened, said } = await spoil(names, bytes);
      expect(opened + said).toBeGreaterThan(0);
    }
  });
});

describe("made to harm", () => {
  const kinds = async (name: string, bytes: BlobPart, ...more: File[]) => {
    const { files, notes } = await fromFiles([file(name, bytes), ...more]);
    const refused = await Promise.all(
      files.map(({ path, open }) =>
        open().then(
          () => [],
          (error) => [[path, refusalOf(error).kind]],
        ),
      ),
    );
    return [...notes.map(({ source, kind }) => [source, kind]), ...refused.flat()];
  };
  /** A tar of one entry with an honest checksum. */
  const tar = (name: string, size: string, content: Uint8Array = new Uint8Array(512)) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(size, 124, "latin1");
    header.write("0", 156);
    header.write("        ", 148);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0`,
      148,
    );
    return Buffer.concat([header, content, Buffer.alloc(1024)]);
  };

  test("tar: paths that lead out, sizes beyond the end", async () => {
    expect(await kinds("a.tar", tar("../../cat/1.jpg", "00000000010"))).toEqual([["../../cat/1.jpg", "unsafe path"]]);
    expect(await kinds("a.tar", tar("/cat/1.jpg", "00000000010"))).toEqual([["/cat/1.jpg", "unsafe path"]]);
    for (const size of ["77777777777", "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]) {
      const found = await kinds("a.tar", tar("cat/1.jpg", size));
      expect(found).toEqual([[expect.stringMatching(/1\.jpg|a\.tar/), "damaged"]]);
    }
  });

  test("gzip and zip bombs are stopped by the bytes that come out", async () => {
    const bomb = gzipSync(tar("cat/1.jpg", (70 * 2 ** 20).toString(8).padStart(11, "0"), new Uint8Array(70 * 2 ** 20)));
    expect(bomb.length).toBeLessThan(2 ** 17);
    expect(await kinds("bomb.tar.gz", bomb)).toEqual([["bomb.tar.gz", "huge"]]);
    const zip = new ZipWriter(new BlobWriter(), { useWebWorkers: false });
    await zip.add("X.npy", new Uint8ArrayReader(new Uint8Array(1000)));
    await zip.add("y.npy", new TextReader("no array"));
    expect(await kinds("set.npz", await zip.close())).toEqual([["set.npz/X.npy", "damaged"]]);
  });

  test("arrays and tables that announce more than they hold", async () => {
    const npy = (shape: string) => {
      const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117);
      return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00v\x00", "latin1"), Buffer.from(`${header}\n`), Buffer.alloc(64)]);
    };
    for (const shape of ["4294967295, 8, 8", "1, 99999999999999999999, 8", "9, 8, 8"]) {
      expect(await kinds("X.npy", npy(shape), file("y.npy", npy("1,")))).toEqual([["X.npy", "damaged"]]);
    }
    const idx = (...sides: number[]) =>
      Buffer.from([0, 0, 8, sides.length, ...sides.flatMap((n) => [n >>> 24, n >>> 16, n >>> 8, n])].map((n) => n & 255));
    const labels = file("train-labels-idx1-ubyte", Buffer.concat([idx(1), Buffer.of(7)]));
    expect(await kinds("train-images-idx3-ubyte", idx(0xffffffff, 28, 28), labels)).toEqual([["train-images-idx3-ubyte", "damaged"]]);
    expect(await kinds("train-images-idx3-ubyte", Buffer.concat([idx(2, 1, 1), Buffer.alloc(2)]), labels)).toEqual([
      ["train-images-idx3-ubyte", "damaged"],
    ]);
  });

  test("a pickle that asks for more than data", async () => {
    const evil = Buffer.from("cos\nsystem\n(S'echo'\ntR.", "latin1");
    const [note] = (await fromFiles([file("cifar/data_batch_1", evil)])).notes;
    expect(note).toMatchObject({ source: "cifar/data_batch_1", kind: "unreadable", reason: expect.stringContaining("os.system") });
  });

  test("archives in archives and in folders are named", async () => {
    const zip = new ZipWriter(new BlobWriter(), { useWebWorkers: false });
    await zip.add("cat/1.png", new TextReader("x"));
    await zip.add("more.tar.gz", new TextReader("x"));
    await zip.add("more.7z", new TextReader("x"));
    const { notes } = await fromFiles([file("set.zip", await zip.close())]);
    expect(notes.map(({ source, kind, reason }) => [source, kind, reason])).toEqual([
      ["more.tar.gz", "archive", expect.stringContaining("drop it by itself")],
      ["more.7z", "archive", expect.stringContaining("unpack it")],
    ]);
  });
});
