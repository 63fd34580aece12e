/** Statistics over several seeds: each number beside what SciPy and NumPy give, and tests that keep their promise on noise. */
import { describe, expect, test } from "vitest";
import { accuracyInterval, comparePaired, describeComparison, flipSigns, holm } from "../src/analysis/compare.ts";
import { judge } from "../src/analysis/judge.ts";
import { balancedAccuracy, bootstrapAccuracy, quantile } from "../src/analysis/resample.ts";
import { criticalT, twoSided } from "../src/analysis/student.ts";
import { uniform } from "../src/tensor/random.ts";

/** Two methods whose hits differ by d (seeds, images). */
function apart(d: readonly (readonly number[])[]): [Uint8Array[], Uint8Array[]] {
  return [d.map((row) => Uint8Array.from(row, (x) => Number(x > 0))), d.map((row) => Uint8Array.from(row, (x) => Number(x < 0)))];
}

describe("Student's t", () => {
  test.each([
    // scipy.stats.t.sf(x, df) for x = 0.1, 1, 2.5, 10, and t.ppf(0.975, df)
    [1, [0.4682744825694465, 0.25, 0.12111894159084341, 0.03172551743055357], 12.706204736174694],
    [2.5, [0.4639032720312449, 0.20203051363913682, 0.0522849815390777, 0.0022207478836537117], 3.5746548420036817],
    [7.3, [0.46151774856991473, 0.17464922822655723, 0.019825117332800214, 8.050127600740506e-6], 2.345066736547703],
    [30, [0.4605048058951356, 0.1626543077130151, 0.009057824534033344, 2.287625704114809e-11], 2.0422724563012378],
    [1e6, [0.4601721727460216, 0.15865537491678916, 0.006209744751081627, 7.63930538408909e-24], 1.959966356814107],
  ] as const)("with %f degrees of freedom is SciPy's", (freedom, tails, critical) => {
    [0.1, 1, 2.5, 10].forEach((t, i) => {
      const want = 2 * (tails[i] as number);
      expect(Math.abs(twoSided(t, freedom) / want - 1)).toBeLessThan(1e-8);
      expect(twoSided(-t, freedom)).toBe(twoSided(t, freedom));
    });
    expect(criticalT(0.05, freedom)).toBeCloseTo(critical, 8);
  });
});

describe("an accuracy's interval", () => {
  const ones = (right: number, images: number) => Uint8Array.from({ length: images }, (_, i) => Number(i < right));

  test("of one seed is the binomial's", () => {
    // scipy.stats.binom.ppf([0.025, 0.975], 200, 0.75) / 200
    const [low, high] = bootstrapAccuracy([ones(150, 200)]);
    expect(Math.abs(low - 0.69)).toBeLessThanOrEqual(0.0051);
    expect(Math.abs(high - 0.81)).toBeLessThanOrEqual(0.0051);
    expect(bootstrapAccuracy([ones(150, 200)])).toEqual([low, high]);
  });

  test("of several seeds is that of NumPy's resampling of both", () => {
    const hits = [0, 1, 2, 3].map((s) => Uint8Array.from({ length: 60 }, (_, i) => Number((i * 7 + s * s * 3) % 10 < 6 + s)));
    const [low, high] = bootstrapAccuracy(hits);
    expect(Math.abs(low - 0.5944)).toBeLessThan(0.008);
    expect(Math.abs(high - 0.8889)).toBeLessThan(0.008);
  });

  test("of two seeds that disagree in everything leaves everything open", () => {
    expect(bootstrapAccuracy([ones(40, 40), ones(0, 40)])).toEqual([0, 1]);
  });

  test("where all is right is Wilson's, not a point", () => {
    expect(bootstrapAccuracy([ones(20, 20), ones(20, 20)])).toEqual(accuracyInterval(20, 20));
    expect(bootstrapAccuracy([])).toEqual([0, 1]);
    expect(() => bootstrapAccuracy([ones(1, 2), ones(1, 3)])).toThrow("different images");
  });

  test("quantiles lie between neighbours as NumPy's do", () => {
    expect(quantile(Float64Array.of(1, 2, 4, 8), 0.4)).toBeCloseTo(2.4, 12);
  });

  test("balanced accuracy counts every class alike", () => {
    expect(balancedAccuracy(Uint8Array.of(1, 1, 1, 0, 0), Uint32Array.of(0, 0, 0, 0, 7))).toBeCloseTo(0.375, 12);
  });
});

describe("two methods over several seeds", () => {
  const small = [
    [0, 1, 0, 0, 1, -1, 0, 1],
    [0, 1, 1, 0, 0, -1, 0, 1],
    [1, 1, 0, 0, 1, 0, 0, 1],
  ];
  const pattern = [
    [1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0],
    [0, 0, -1, 0, 1, 0, 0, 1, 0, -1, 0, 0],
    [1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0],
  ];

  test("signs are flipped exactly", () => {
    // All 2⁸ flips of 1 3 1 0 2 −2 0 3 counted.
    expect(flipSigns(Int32Array.of(1, 3, 1, 0, 2, -2, 0, 3))).toBeCloseTo(0.1875, 12);
    expect(flipSigns(Int32Array.of(0, 0))).toBe(1);
  });

  test("the interval and p are those of NumPy's mean squares with SciPy's t", () => {
    const first = comparePaired(...apart(small));
    expect(first).toMatchObject({ images: 8, seeds: 3, p: expect.closeTo(0.1875, 12) as number });
    expect(first.low).toBeCloseTo(-0.15441198627045033, 9);
    expect(first.high).toBeCloseTo(0.821078652937117, 9);
    // Seeds differ: the images alone would say p < 0.001.
    const seeds = comparePaired(...apart(pattern.map((row) => [...row, ...row, ...row])));
    expect(flipSigns(Int32Array.from({ length: 36 }, (_, i) => pattern.reduce((sum, row) => sum + row[i % 12]!, 0)))).toBeLessThan(0.001);
    expect(seeds.p).toBeCloseTo(0.20877593568420932, 9);
    expect([seeds.low, seeds.high]).toEqual([expect.closeTo(-0.385858327517021, 9), expect.closeTo(0.9969694386281321, 9)]);
  });

  test("noise of seeds and images is called a difference no more often than promised", () => {
    const [runs, images, seeds] = [300, 60, 3];
    let draws = 0;
    const next = () => uniform(5, 1, draws++);
    let [false_, flipped] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const d = Array.from({ length: seeds }, () => {
        const lean = 0.5 + 0.5 * (next() - 0.5); // of this seed, towards A or B
        return Array.from({ length: images }, () => (next() < 0.4 ? (next() < lean ? 1 : -1) : 0));
      });
      if (comparePaired(...apart(d)).p < 0.05) false_++;
      if (flipSigns(Int32Array.from({ length: images }, (_, i) => d.reduce((sum, row) => sum + row[i]!, 0))) < 0.05) flipped++;
    }
    expect(flipped / runs).toBeGreaterThan(0.1);
    expect(false_ / runs).toBeLessThan(0.06);
  });

  test("how many images it takes holds when they are there", () => {
    const images = 200;
    const d = (n: number) => Array.from({ length: n }, (_, i) => (i % 20 === 0 ? 1 : i % 40 === 1 ? -1 : 0));
    const { imagesNeeded, p } = comparePaired(...apart([d(images)]));
    expect(p).toBeGreaterThan(0.05);
    // z = (1.96 + 0.84) of a mean of 0.025 with variance 0.0744
    expect(imagesNeeded).toBeGreaterThan(850);
    expect(imagesNeeded).toBeLessThan(1000);
    expect(comparePaired(...apart([d(imagesNeeded as number)])).p).toBeLessThan(0.05);
  });

  test("where seeds differ more than images, it is seeds that are asked for", () => {
    const [a, b] = apart([Array(400).fill(1), [...Array(300).fill(0), ...Array(100).fill(-1)], Array(400).fill(0)]);
    const compared = comparePaired(a, b);
    expect(compared.imagesNeeded).toBeNull();
    expect(compared.seedsNeeded).toBeGreaterThan(3);
    expect(describeComparison("A", "B", compared, { part: "test", comparisons: 1 })).toMatch(
      /Results move more than this from one seed to the next\. About [\d,]+ seeds would be needed/,
    );
  });

  test("several comparisons are corrected as Holm's paper does", () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02].map((p) => expect.closeTo(p, 12)));
    expect(holm([0.7, 0.6])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});

describe("a judgement", () => {
  const labels = Uint32Array.of(0, 0, 1, 1);
  const hits = (...bits: number[]) => Uint8Array.from(bits);

  test("has every lane's accuracy over its seeds and every pair on the seeds that both have", () => {
    const { lanes, pairs } = judge({
      labels,
      lanes: [
        [hits(1, 1, 1, 0), hits(1, 1, 0, 0)],
        [hits(1, 0, 1, 0), null],
        [null, null],
      ],
    });
    expect(lanes[0]).toMatchObject({ seeds: 2, accuracy: 5 / 8, balanced: 5 / 8 });
    expect(lanes[1]).toMatchObject({ seeds: 1, accuracy: 1 / 2 });
    expect(lanes[2]).toBeNull();
    expect(pairs.map(({ a, b }) => [a, b])).toEqual([[0, 1]]);
    expect(pairs[0]?.compared).toMatchObject({ seeds: 1, onlyA: 1, onlyB: 0, p: 1 });
  });

  test("corrects the p values of three methods", () => {
    const first = Uint8Array.from({ length: 40 }, () => 1);
    const second = Uint8Array.from({ length: 40 }, (_, i) => Number(i >= 7));
    const { pairs } = judge({ labels: new Uint32Array(40), lanes: [[first], [second], [second]] });
    expect(pairs.map(({ compared }) => compared.p)).toEqual([3 / 64, 3 / 64, 1].map((p) => expect.closeTo(p, 12)));
  });
});
