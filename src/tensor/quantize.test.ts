import { describe, expect, it } from "vitest";
import { byteRange, LARGEST_WEIGHT, quantizeColumns } from "./quantize.ts";
import { float32 } from "./tensor.ts";

describe("quantizeColumns", () => {
  // Columns (1, −0.5, 0.25), (0, 0, 0), (−2, 4, 1): the largest magnitudes 1, none and 4 become 64.
  const bytes = [64, 0, -32, -32, 0, 64, 16, 0, 16];

  it("gives each column the scale of its largest value", () => {
    const matrix = float32([1, 0, -2, -0.5, 0, 4, 0.25, 0, 1], [3, 3]);
    const { bytes: found, scales } = quantizeColumns(matrix);
    expect([...scales.data]).toEqual([1 / 64, 1, 4 / 64]);
    expect([...found.data]).toEqual(bytes);
    expect(found.shape).toEqual([3, 3]);
  });

  it("reads a matrix whose columns are stored as rows", () => {
    const turned = float32([1, -0.5, 0.25, 0, 0, 0, -2, 4, 1], [3, 3]);
    expect([...quantizeColumns(turned, true).bytes.data]).toEqual(bytes);
    const tall = quantizeColumns(float32([1, 2, 3, 4, -5, 6], [2, 3]), true);
    expect(tall.bytes.shape).toEqual([3, 2]);
    expect([...tall.scales.data]).toEqual([3 / 64, 6 / 64].map(Math.fround));
    expect([...tall.bytes.data]).toEqual([21, 43, 43, -53, 64, 64]); // 64 · (1, 2, 3) / 3 and 64 · (4, −5, 6) / 6
  });

  it("keeps two products with the largest activations within 16 bits", () => {
    expect(2 * 255 * LARGEST_WEIGHT).toBeLessThan(2 ** 15);
  });
});

describe("byteRange", () => {
  it.each([
    [-1, 3, 4 / 255, 64], // 255 / 4 = 63.75 steps below zero
    [-2, 2, 4 / 255, 128],
    [0.5, 2, 2 / 255, 0], // 0 is always inside
    [-3, -1, 3 / 255, 255],
    [0, 0, 1, 0],
  ])("%d to %d", (low, high, scale, zero) => {
    expect(byteRange(low, high)).toEqual({ scale: Math.fround(scale), zero });
  });
});
