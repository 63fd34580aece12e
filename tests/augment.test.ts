/** What training images become in every step: the draws, the kernel on exact places and tones, and a race that is trained on them. */
import { describe, expect, test } from "vitest";
import { batches } from "../src/data/batch.ts";
import { splitDataset } from "../src/data/split.ts";
import oracle from "../src/ops/augment.ref.ts";
import { augment } from "../src/ops/augment.ts";
import { normalize } from "../src/ops/normalize.ts";
import { type Augment, drawViews, NO_AUGMENT, OPERATIONS } from "../src/train/augment.ts";
import { look } from "../src/train/look.ts";
import type { Race } from "../src/train/race.ts";
import { gpu } from "./gpu.ts";
import { close, given, Immediate, read } from "./launch.ts";
import { bits, dataset, kernels, LANES, openRace, toyConfig } from "./toy.ts";

const CLIP = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] } as const;
const RECIPE: Augment = { ...NO_AUGMENT, shift: 4, flip: 1 };

function drawn(settings: Partial<Augment>, size: number, images: number, seed = 3, step = 0) {
  const into = { place: new Float32Array(6 * images), tone: new Float32Array(6 * images) };
  drawViews({ ...NO_AUGMENT, ...settings }, size, seed, step, into);
  const rows = (table: Float32Array) => Array.from({ length: images }, (_, i) => [...table.subarray(6 * i, 6 * i + 6)]);
  return { ...into, places: rows(into.place), tones: rows(into.tone) };
}

/** Images of bytes that neighbour words share: 3 · size² need not be a multiple of 4. */
function bytesOf(size: number, images: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: images * 3 * size * size }, (_, i) => (i * 2_654_435_761) >>> 24);
}

async function run(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  { place, tone }: { place: Float32Array; tone?: Float32Array },
  software = true,
) {
  const r = new Immediate(software);
  const images = place.length / 6;
  const pixels = given([bytes.length / 4], new Uint32Array(bytes.buffer), "u32");
  const tables = { place: given([images, 6], place), ...(tone && { tone: given([images, 6], tone) }) };
  const { y } = augment.forward(r, { pixels, ...tables }, { size, ...CLIP });
  const plain = normalize.forward(r, { pixels }, { size, ...CLIP });
  await r.flush();
  const words = Float64Array.from(new Uint32Array(bytes.buffer));
  const shapes = { pixels: [words.length], place: [images, 6], tone: [images, 6] };
  const host = { pixels: words, place: Float64Array.from(place), ...(tone && { tone: Float64Array.from(tone) }) };
  const want = oracle.reference(host as never, shapes, { size, ...CLIP });
  return { got: await read(y), plain: await read(plain.y), want };
}

describe.each([
  ["for a CPU adapter", true],
  ["for a GPU", false],
])("%s", (_which, software) => {
  test.each([2, 15, 16])("with all off it is normalize, bit for bit (size %i)", async (size) => {
    const off = drawn({}, size, 4);
    expect(off.places).toEqual(Array(4).fill([1, 0, 0, 0, 1, 0]));
    const placed = await run(bytesOf(size, 4), size, { place: off.place }, software);
    expect(bits(placed.got)).toBe(bits(placed.plain));
  });

  test("a shift and a flip give the very bytes, the edge repeated", async () => {
    const [size, images] = [13, 12];
    const bytes = bytesOf(size, images);
    const { place, places } = drawn(RECIPE, size, images);
    const moved = new Uint8Array(bytes.length);
    places.forEach(([a, , c, , , f], image) => {
      const flip = a === -1;
      const [dx, dy] = [flip ? c! - (size - 1) : c!, f!];
      for (let k = 0; k < 3 * size * size; k++) {
        const [channel, i, j] = [k % 3, Math.floor(k / 3) % size, Math.floor(k / 3 / size)];
        const column = Math.min(size - 1, Math.max(0, (flip ? size - 1 - i : i) + dx));
        const row = Math.min(size - 1, Math.max(0, j + dy));
        moved[image * 3 * size * size + k] = bytes[3 * ((image * size + row) * size + column) + channel]!;
      }
    });
    const { got } = await run(bytes, size, { place }, software);
    const { plain } = await run(moved, size, { place }, software);
    expect(bits(got)).toBe(bits(plain));
  });
});

test("every operation, and all colours, are what the definition says", async () => {
  const size = 12;
  const bytes = bytesOf(size, 16);
  for (const settings of [
    { rand: 0.3 },
    { rand: 1 },
    { colour: 0.4 },
    { colour: 1, crop: 0.3 },
    { ...RECIPE, crop: 0.08, colour: 0.5, rand: 0.5 },
  ])
    for (let step = 0; step < 6; step++) {
      const { place, tone } = drawn(settings, size, 16, 5, step);
      const { got, want } = await run(bytes, size, { place, tone });
      // A value that rounding carries over a threshold or to another level is off by much; such are few.
      const off = want.filter((v, i) => !(Math.abs(got[i]! - v) <= 3e-4 * (1 + Math.abs(v)))).length;
      expect(off, JSON.stringify(settings)).toBeLessThan(want.length / 500);
    }
});

test("posterize keeps the leading bits of whole bytes, solarize inverts from its value on", async () => {
  const bytes = bytesOf(16, 1);
  const place = Float32Array.of(1, 0, 0, 0, 1, 0);
  const value = (y: Float32Array, i: number) => 255 * (y[i]! * CLIP.std[Math.floor(i / 256)]! + CLIP.mean[Math.floor(i / 256)]!);
  for (const [tone, of] of [
    [[1, 1, 1, 0, 256, 16], (v: number) => v & 0xf0],
    [[1, 1, 1, 0, 256, 128], (v: number) => v & 0xfe],
    [[1, 1, 1, 0, 128, 0], (v: number) => (v >= 128 ? 255 - v : v)],
    [[1, 1, 1, 0, 0, 0], (v: number) => 255 - v],
    [[1, 1, 1, 0, 256, 0], (v: number) => v],
  ] as const) {
    const { got } = await run(bytes, 16, { place, tone: Float32Array.from(tone) });
    got.forEach((_, i) => {
      expect(value(got, i)).toBeCloseTo(of(bytes[3 * (i % 256) + Math.floor(i / 256)]!), 2);
    });
  }
});

describe("draws", () => {
  test("are a function of seed, step and place, and of no other setting", () => {
    const all: Partial<Augment> = { ...RECIPE, crop: 0.5, colour: 0.3, rand: 0.4 };
    expect(drawn(all, 64, 8, 3, 7)).toEqual(drawn(all, 64, 8, 3, 7));
    expect(drawn(all, 64, 4, 3, 7).places).toEqual(drawn(all, 64, 8, 3, 7).places.slice(0, 4));
    for (const [seed, step] of [
      [4, 7],
      [3, 8],
    ] as const)
      expect(drawn(all, 64, 8, seed, step).places).not.toEqual(drawn(all, 64, 8, 3, 7).places);
    expect(drawn({ colour: 0.3 }, 64, 8).tones).toEqual(drawn({ ...RECIPE, crop: 0.5, colour: 0.3 }, 64, 8).tones);
    expect(new Set(drawn(all, 64, 50).places.map(String)).size).toBe(50);
  });

  test("half of the images are mirrored, and all shifts come equally often", () => {
    const n = 9000;
    const { places } = drawn(RECIPE, 64, n);
    const mirrored = places.filter(([a]) => a === -1);
    expect(Math.abs(mirrored.length - n / 2)).toBeLessThan(4 * Math.sqrt(n / 4));
    for (const shifts of [places.map(([a, , c]) => (a === -1 ? c! - 63 : c!)), places.map((place) => place[5]!)])
      for (let shift = -4; shift <= 4; shift++) {
        const count = shifts.filter((one) => one === shift).length;
        expect(Math.abs(count - n / 9), `shift ${shift}`).toBeLessThan(4.5 * Math.sqrt(n / 9));
      }
  });

  test("crops lie within the image, with the area and the proportions that are asked for", () => {
    const size = 64;
    const areas: number[] = [];
    for (const [a, b, c, d, e, f] of drawn({ crop: 0.25 }, size, 2000).places as [number, number, number, number, number, number][]) {
      expect([b, d]).toEqual([0, 0]);
      const [left, top] = [c + 0.5 - a / 2, f + 0.5 - e / 2];
      const [width, height] = [a * size, e * size];
      for (const whole of [left, top, width, height]) expect(whole).toBeCloseTo(Math.round(whole), 4);
      expect(Math.min(left, top)).toBeGreaterThan(-1e-4);
      expect(Math.max(left + width, top + height)).toBeLessThan(size + 1e-3);
      // Sides are whole.
      expect((width + 1) / (height - 1)).toBeGreaterThan(3 / 4);
      expect((width - 1) / (height + 1)).toBeLessThan(4 / 3);
      areas.push(a * e);
    }
    expect(Math.min(...areas)).toBeGreaterThan(0.24);
    expect(Math.min(...areas)).toBeLessThan(0.27);
    expect(Math.max(...areas)).toBeLessThanOrEqual(1);
    // Uniform between 0.25 and 1, but for boxes near 1 that do not fit.
    const mean = areas.reduce((sum, area) => sum + area, 0) / areas.length;
    expect(mean).toBeGreaterThan(0.55);
    expect(mean).toBeLessThan(0.65);
  });

  test("colours stay within their strength", () => {
    const { tones } = drawn({ colour: 0.4 }, 64, 4000);
    for (const k of [0, 1, 2]) {
      const factors = tones.map((tone) => tone[k]!);
      expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.599);
      expect(Math.min(...factors)).toBeLessThan(0.605);
      expect(Math.max(...factors)).toBeLessThanOrEqual(1.401);
    }
    const hues = tones.map((tone) => tone[3]!);
    expect(Math.max(...hues)).toBeLessThanOrEqual(0.1);
    expect(Math.min(...hues)).toBeLessThan(-0.099);
    expect(tones.every((tone) => tone[4] === 256 && tone[5] === 0)).toBe(true);
  });

  test("two different operations of rand are drawn, about the middle of the image", () => {
    const { places, tones } = drawn({ rand: 0.5 }, 65, 4000);
    const changed = tones.filter((tone) => String(tone) !== "1,1,1,0,256,0").length;
    // The share of pairs of different ones of 11 in which one at least is of 5 that change tones.
    expect(Math.abs(changed / 4000 - (1 - (6 / 11) * (5 / 10)))).toBeLessThan(0.03);
    const turned = places.filter(([a, b, , d, e]) => a === e && b === -d! && b !== 0);
    expect(turned.length).toBeGreaterThan(200);
    for (const [a, b, c, d, e, f] of turned as [number, number, number, number, number, number][]) {
      const moved = [32 * (a + b) + c - 32, 32 * (d + e) + f - 32];
      const by = Math.hypot(...moved);
      expect(Math.min(by, Math.abs(by - 15))).toBeLessThan(1e-4);
    }
    expect(Object.keys(OPERATIONS)).toHaveLength(11);
  });
});

test("a look at images gives what a step gives the model, as bytes", async () => {
  const size = 15;
  const images = Array.from({ length: 5 }, (_, i) => bytesOf(size, 6).slice(3 * size * size * i, 3 * size * size * (i + 1)));
  const at = { seed: 3, step: 7, size, images };
  expect(await look(gpu, kernels, { ...at, augment: NO_AUGMENT })).toEqual(images);
  const settings = { ...RECIPE, crop: 0.5, colour: 0.4, rand: 0.5 };
  const seen = await look(gpu, kernels, { ...at, augment: settings });
  const { place, tone } = drawn(settings, size, 8, 3, 7);
  const bytes = new Uint8Array(8 * 3 * size * size);
  images.forEach((image, i) => {
    bytes.set(image, i * image.length);
  });
  const { got } = await run(bytes, size, { place, tone });
  const area = size * size;
  for (const [i, image] of seen.entries())
    image.forEach((byte, k) => {
      const [channel, pixel] = [k % 3, Math.floor(k / 3)];
      const value = 255 * (got[area * (3 * i + channel) + pixel]! * CLIP.std[channel]! + CLIP.mean[channel]!);
      expect(Math.abs(byte - value)).toBeLessThan(0.51);
    });
});

describe("a race", () => {
  const colourful: Augment = { shift: 2, flip: 1, crop: 0.5, colour: 0.4, rand: 0.3 };
  const losses = async (race: Race, lane: number, last: number) => (await race.figures(lane, 1, last)).map(({ loss }) => loss);

  test("is trained on what was drawn: a step's loss is that of the images moved for it", async () => {
    const config = toyConfig({ augment: { ...RECIPE, shift: 3 }, labelSmoothing: 0 });
    const race = await openRace(config);
    const batchOf = batches(splitDataset(dataset, config).train, config.batch, config.seed);
    const want: number[] = [];
    for (let step = 0; step < 3; step++) {
      const { places } = drawn(config.augment, 16, config.batch, config.seed, step);
      let loss = 0;
      for (const [at, image] of batchOf(step).entries()) {
        const [a, , c, , , f] = places[at]!;
        const moved = Uint8Array.from({ length: 768 }, (_, k) => {
          const [i, j] = [Math.floor(k / 3) % 16, Math.floor(k / 48)];
          const [column, row] = [a! * i + c!, j + f!].map((v) => Math.min(15, Math.max(0, v))) as [number, number];
          return (dataset.pixels.packs[0] as Uint8Array)[768 * image + 3 * (16 * row + column) + (k % 3)]!;
        });
        loss -= Math.log((await race.predict(moved)).lanes[0]![dataset.labels[image]!]!) / config.batch;
      }
      want.push(loss);
      race.step(step + 1);
    }
    close(await losses(race, 0, 3), want, 1e-5, "loss");
    race.destroy();
  });

  test("gives all lanes the same, repeats bit for bit, and measures the images as they are", async () => {
    const config = toyConfig({ augment: colourful, lanes: [LANES[0]!, LANES[0]!], steps: 6 });
    const [first, again, plain] = [await openRace(config), await openRace(config), await openRace({ ...config, augment: NO_AUGMENT })];
    const held = first.setup.split.validation;
    expect(await first.evaluate(0, held)).toEqual(await plain.evaluate(0, held));
    for (let step = 1; step <= 6; step++) {
      first.step(step);
      again.step(step);
      await again.evaluate(0, held);
      plain.step(step);
    }
    expect(await losses(first, 0, 6)).toEqual(await losses(first, 1, 6));
    expect(await losses(again, 0, 6)).toEqual(await losses(first, 0, 6));
    expect(await first.fingerprint(0)).toBe(await again.fingerprint(1));
    expect((await losses(plain, 0, 1))[0]).not.toBe((await losses(first, 0, 1))[0]);
    for (const race of [first, again, plain]) race.destroy();
  });
});
