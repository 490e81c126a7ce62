import { describe, expect, it } from "vitest";
import { random } from "../tensor/random.ts";
import { fillTruncatedNormal, normalCdf, normalQuantile } from "./truncated-normal.ts";

// scipy.stats.norm.cdf and .ppf (SciPy 1.10.1)
describe("normalCdf", () => {
  it.each([
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1, 0.15865525393145707],
    [-2.5, 0.006209665325776132],
    [5, 0.9999997133484281],
    [9, 1],
    [-100, 0],
  ])("of %d is %d", (x, p) => expect(normalCdf(x)).toBeCloseTo(p, 14));
});

describe("normalQuantile", () => {
  it.each([
    [1e-12, -7.034483825301131],
    [1e-4, -3.7190164854556804],
    [0.02, -2.053748910631823],
    [0.1, -1.2815515655446004],
    [0.25, -0.6744897501960817],
    [0.6, 0.2533471031357997],
    [0.99, 2.3263478740408408],
  ])("of %d is %d", (p, x) => expect(Math.abs(normalQuantile(p) / x - 1)).toBeLessThan(1.2e-9));

  it("is 0 in the middle and infinite at the ends", () => {
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0)).toBe(-Infinity);
    expect(normalQuantile(1)).toBe(Infinity);
  });
});

describe("fillTruncatedNormal", () => {
  it("fills the interval as the cut normal does", () => {
    const out = new Float32Array(100_000);
    fillTruncatedNormal(out, 2, 3, random(7));
    const share = (below: number) => out.reduce((n, x) => n + (x < below ? 1 : 0), 0) / out.length;
    // scipy.stats.truncnorm(-1.5, 1.5, scale=2).cdf
    expect(share(-2)).toBeCloseTo(0.106013, 2);
    expect(share(-0.5)).toBeCloseTo(0.386071, 2);
    expect(share(1)).toBeCloseTo(0.72099, 2);
    expect(out.reduce((most, x) => Math.max(most, Math.abs(x)), 0)).toBeLessThanOrEqual(3);
  });
});
