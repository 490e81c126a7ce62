import { describe, expect, it } from "vitest";
import { random } from "../tensor/random.ts";
import { createHistogram } from "./histogram.ts";
import { entropyRange, percentileRange } from "./ranges.ts";

const stream = random("ranges");
const normal = Float32Array.from({ length: 200_000 }, () => stream.normal());

describe("createHistogram", () => {
  it("counts the same whether it grew or not", () => {
    const [grown, whole] = [createHistogram(), createHistogram()];
    whole.add(Float32Array.of(7)); // reach 8 from the start
    grown.add(normal.subarray(0, 1000).map((value) => value / 1000));
    whole.add(normal.subarray(0, 1000).map((value) => value / 1000));
    grown.add(Float32Array.of(7));
    expect([grown.reach, whole.reach]).toEqual([8, 8]);
    expect(grown.counts).toEqual(whole.counts);
    expect(grown.counts.reduce((a, b) => a + b)).toBe(1001);
    expect(grown).toMatchObject({ most: 7, least: whole.least });
  });

  it("puts values where they belong", () => {
    const histogram = createHistogram();
    histogram.add(Float32Array.of(-4, -3.999, -0.001, 0, 3.999, 4));
    const filled = [...histogram.counts.entries()].filter(([, count]) => count > 0);
    expect(filled).toEqual([
      [0, 2],
      [2047, 1],
      [2048, 1],
      [4095, 2],
    ]);
  });
});

/** Ends of what the bytes stand for. */
const ends = ({ scale, zero }: { scale: number; zero: number }) => [-zero * scale, (255 - zero) * scale] as const;

describe("ranges", () => {
  const withOutlier = createHistogram();
  withOutlier.add(normal);
  withOutlier.add(Float32Array.of(300));

  it("percentile leaves single outliers out, and keeps what is common", () => {
    const [low, high] = ends(percentileRange(withOutlier));
    expect(high).toBeGreaterThan(3.5);
    expect(high).toBeLessThan(5.5);
    expect(low).toBeLessThan(-3.5);
    expect(low).toBeGreaterThan(-5.5);
  });

  it("both keep values that fill their range evenly, on either side of zero", () => {
    const even = createHistogram();
    even.add(Float32Array.from({ length: 100_000 }, (_, i) => (3 * i) / 100_000 - 1));
    for (const range of [percentileRange(even), entropyRange(even)]) {
      const [low, high] = ends(range);
      expect(Math.abs(low + 1)).toBeLessThan(0.05);
      expect(Math.abs(high - 2)).toBeLessThan(0.05);
    }
  });

  it("entropy leaves single outliers out", () => {
    const [, high] = ends(entropyRange(withOutlier));
    expect(high).toBeLessThan(50);
    expect(high).toBeGreaterThan(2.5);
  });

  it("nothing but zeros is a range too", () => {
    const zeros = createHistogram();
    zeros.add(new Float32Array(10));
    expect(percentileRange(zeros)).toEqual({ scale: 1, zero: 0 });
    expect(entropyRange(zeros)).toEqual({ scale: 1, zero: 0 });
  });
});
