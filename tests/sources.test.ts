import { readFileSync } from "node:fs";
import { BlobWriter, TextReader, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { describe, expect, test } from "vitest";
import { fromDrop, fromFiles } from "../src/data/folder.ts";
import { readHeader } from "../src/data/header.ts";
import { judgePath, labelPaths, partIn } from "../src/data/paths.ts";
import { Refusal } from "../src/data/refusal.ts";
import { SAMPLES } from "../src/data/samples.ts";
import { fromZip } from "../src/data/zip.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url));

describe("paths", () => {
  const labels = (...paths: string[]) => labelPaths(paths).labels.map((label) => label.className);

  test.each([
    ["__MACOSX/cat/._1.jpg", "system file", "__MACOSX/"],
    ["pets/.git/objects/ab", "system file", "pets/.git/"],
    ["pets/.DS_Store", "system file", "pets/.DS_Store"],
    ["pets/cat/Thumbs.db", "system file", "pets/cat/Thumbs.db"],
    ["pets/inner.zip", "archive", "pets/inner.zip"],
    ["pets/inner.tar.gz", "archive", "pets/inner.tar.gz"],
    ["pets/LICENSE", "not an image", "pets/LICENSE"],
    ["pets/cat/labels.csv", "not an image", "pets/cat/labels.csv"],
  ])("%s is left out", (path, kind, source) => {
    expect(judgePath(path)).toMatchObject({ kind, source, outcome: "left out" });
  });

  test("the class is the folder that holds the image", () => {
    expect(judgePath("pets/cat/1.JPG")).toBeUndefined();
    expect(labels("pets/cat/1.jpg", "pets/dog/1.jpg")).toEqual(["cat", "dog"]);
    expect(labels("cat/1.jpg", "cat/2.jpg")).toEqual(["cat", "cat"]);
    expect(labels("a/b/cat/1.jpg", "a/b/stray.jpg")).toEqual(["cat", undefined]);
    expect(labels("1.jpg")).toEqual([undefined]);
    expect(labels("cafe\u0301/1.jpg", "caf\u00e9/2.jpg")).toEqual(["caf\u00e9", "caf\u00e9"]);
    expect(labelPaths(["1.jpg"], "cats").labels).toEqual([{ path: "1.jpg", className: "cats" }]);
    expect(labelPaths(["pets/cat/1.jpg", "pets/dog/1.jpg"]).labels[1]).toEqual({ path: "dog/1.jpg", className: "dog" });
  });

  test("folders named after a part tell it", () => {
    const parts = (...paths: string[]) => labelPaths(paths).labels.map(({ className, part }) => [className, part]);
    expect(parts("d/train/cat/1.jpg", "d/Val/cat/1.jpg", "d/testing/cat/1.jpg", "d/test/9.jpg")).toEqual([
      ["cat", "train"],
      ["cat", "validation"],
      ["cat", "test"],
      [undefined, "test"],
    ]);
    expect(parts("d/valid/cat/1.jpg", "d/dev/cat/2.jpg", "d/eval/dog/3.jpg").map(([, part]) => part)).toEqual(Array(3).fill("validation"));
    expect(parts("cat/train/1.jpg", "dog/train/1.jpg", "dog/test/1.jpg")).toEqual([
      ["cat", "train"],
      ["dog", "train"],
      ["dog", "test"],
    ]);
    expect(parts("d/train/cat/1.jpg", "d/train/dog/1.jpg")).toEqual([
      ["cat", "train"],
      ["dog", "train"],
    ]);
    expect(labelPaths(["d/train/cat/1.jpg", "d/Val/cat/1.jpg"]).warnings).toEqual([]);
    expect(labels("train/1.jpg", "bus/1.jpg")).toEqual(["train", "bus"]);
    expect(labelPaths(["train/1.jpg", "test/1.jpg"]).warnings[0]).toContain("looks like a split");
    expect(partIn("data/train-00000-of-00002.parquet")).toBe("train");
    expect(partIn("contrast/1.parquet")).toBeUndefined();
  });

  test("names that differ by case, and folders of one name, become one class with a warning", () => {
    const { labels: one, warnings } = labelPaths(["Cat/1.jpg", "cat/2.jpg"]);
    expect(one.map((label) => label.className)).toEqual(["Cat", "Cat"]);
    expect(warnings).toEqual(["Cat and cat were taken as one class, Cat."]);
    expect(labelPaths(["a/x/1.jpg", "b/x/2.jpg"]).warnings).toEqual(["2 folders named x were taken as one class."]);
  });
});

describe("sources", () => {
  const file = (name: string, path = "", parts: BlobPart[] = [name]) =>
    Object.defineProperty(new File(parts, name), "webkitRelativePath", { value: path });

  test("files of a folder input, and files for one class", async () => {
    const folder = await fromFiles([file("1.jpg", "pets/cat/1.jpg"), file("2.jpg", "pets/dog/2.jpg"), file("x.jpg", "pets/x.jpg")]);
    expect(folder.name).toBe("pets");
    expect(folder.files.map((f) => f.className)).toEqual(["cat", "dog"]);
    expect(folder.notes).toMatchObject([{ source: "pets/x.jpg", kind: "no class" }]);
    const loose = await fromFiles([file("1.jpg"), file("2.jpg")], " owl ");
    expect(loose.files.map((f) => [f.path, f.className])).toEqual([
      ["owl/1.jpg", "owl"],
      ["owl/2.jpg", "owl"],
    ]);
  });

  test("a dropped folder is walked to its end, past the browser's batches of 100", async () => {
    const leaf = (path: string) => ({ isFile: true, fullPath: path, name: path, file: (done: (f: File) => void) => done(file(path)) });
    const folder = (path: string, children: unknown[]) => ({
      isDirectory: true,
      fullPath: path,
      name: path.split("/").at(-1),
      createReader: () => {
        const rest = [...children];
        return { readEntries: (done: (batch: unknown[]) => void) => done(rest.splice(0, 100)) };
      },
    });
    const cats = Array.from({ length: 250 }, (_, i) => leaf(`/pets/cat/${i}.jpg`));
    const root = folder("/pets", [folder("/pets/cat", cats), folder("/pets/.git", [leaf("/pets/.git/x")]), leaf("/pets/dog/1.jpg")]);
    const items = [{ webkitGetAsEntry: () => root }] as unknown as DataTransferItem[];
    const source = await fromDrop(items);
    expect(source.files).toHaveLength(251);
    expect(source.notes).toMatchObject([{ source: "pets/.git/", kind: "system file" }]);
    expect(await (await source.files[0]?.open())?.text()).toBe("/pets/cat/0.jpg");
  });

  async function makeZip(): Promise<Blob> {
    const zip = new ZipWriter(new BlobWriter(), { useWebWorkers: false });
    await zip.add("pets/cat/1.jpg", new TextReader("cat one ".repeat(100)));
    await zip.add("pets/dog/1.jpg", new TextReader("dog one"), { level: 0 });
    await zip.add("pets/dog/secret.jpg", new TextReader("secret"), { password: "p" });
    await zip.add("__MACOSX/pets/cat/._1.jpg", new TextReader("x"));
    await zip.add("pets/inner.zip", new TextReader("x"));
    await zip.add("../../evil.jpg", new TextReader("x"));
    await zip.add("pets/LICENSE.txt", new TextReader("MIT"));
    await zip.add("pets/dog/bomb.jpg", new Uint8ArrayReader(new Uint8Array(2 ** 20)));
    return zip.close();
  }
  const limits = { file: 2 ** 16, data: 2 ** 16, total: 2 ** 17, entries: 100 };

  test("a zip: every entry is listed or named", async () => {
    const source = await fromZip(await makeZip(), "pets.zip", {}, limits);
    expect(source.files.map((f) => f.path)).toEqual(["cat/1.jpg", "dog/1.jpg", "dog/bomb.jpg"]);
    expect(Object.fromEntries(source.notes.map((n) => [n.source, n.kind]))).toEqual({
      "pets/dog/secret.jpg": "encrypted",
      "__MACOSX/": "system file",
      "pets/inner.zip": "archive",
      "../../evil.jpg": "unsafe path",
      "pets/LICENSE.txt": "not an image",
    });
    expect(await (await source.files[0]?.open())?.text()).toBe("cat one ".repeat(100));
    await expect(source.files[2]?.open()).rejects.toMatchObject({ kind: "huge" });
  });

  test("a bomb that lies about its size is stopped by the bytes that come out", async () => {
    const data = new Uint8Array(await (await makeZip()).arrayBuffer());
    const view = new DataView(data.buffer);
    for (let at = 0; at + 4 < data.length; at++) {
      if (view.getUint32(at) === 0x504b0102 && view.getUint32(at + 24, true) === 2 ** 20) view.setUint32(at + 24, 100, true);
    }
    const forged = await fromZip(new Blob([data]), "forged.zip", {}, limits);
    await expect(forged.files[2]?.open()).rejects.toBeInstanceOf(Refusal);
    const small = await fromZip(await makeZip(), "small.zip", {}, { ...limits, total: 500 });
    await expect(small.files[0]?.open()).rejects.toMatchObject({ message: "the zip unpacks to more than 0 MiB in all" });
    await expect(small.files[1]?.open()).rejects.toMatchObject({ kind: "huge" });
    const few = await fromZip(await makeZip(), "few.zip", {}, { ...limits, entries: 2 });
    expect(few.warnings[0]).toContain("more than 2 entries");
  });

  test("corrupt zips are named, not thrown", async () => {
    const zip = await makeZip();
    for (const bad of [zip.slice(0, zip.size / 2), new Blob(["no zip"]), new Blob([])]) {
      const source = await fromZip(bad, "bad.zip");
      expect(source.files).toEqual([]);
      expect(source.notes).toMatchObject([{ source: "bad.zip", kind: "damaged", outcome: "left out" }]);
    }
    const flipped = new Uint8Array(await zip.arrayBuffer());
    const at = Buffer.from(flipped).indexOf("dog one");
    flipped[at] = 0;
    const source = await fromZip(new Blob([flipped]), "flipped.zip");
    await expect(source.files[1]?.open()).rejects.toMatchObject({ kind: "damaged" });
  });

  test("a zip of bare images takes its own name as the class; a zip dropped beside a folder is opened", async () => {
    const zip = new ZipWriter(new BlobWriter(), { useWebWorkers: false });
    await zip.add("1.jpg", new TextReader("one"));
    const blob = await zip.close();
    const both = await fromFiles([file("owls.zip", "", [blob]), file("1.jpg", "cat/1.jpg")]);
    expect(both.files.map((f) => f.className)).toEqual(["cat", "owls"]);
  });

  test.each(SAMPLES)("sample $id has the classes, images and notice it claims", async (sample) => {
    const source = await fromZip(new Blob([new Uint8Array(read(`../public/${sample.file}`))]), `${sample.id}.zip`);
    expect(source.files).toHaveLength(sample.count);
    expect([...new Set(source.files.map((f) => f.className))].sort()).toEqual(Object.keys(sample.classes).sort());
    expect(read(`../public/${sample.notice}`).toString()).toMatch(/MIT License|CC0 1.0/);
    const first = await source.files[0]?.open();
    expect(readHeader(new Uint8Array((await first?.arrayBuffer()) ?? []))).toMatchObject({ format: "JPEG" });
  });
});
