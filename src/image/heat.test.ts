import { expect, test } from "vitest";
import { overlayHeat, seenRegion } from "./heat.ts";
import { defaultProcessor } from "./processor.ts";

const grey = (width: number, height: number) => ({ width, height, data: new Uint8Array(width * height * 3).fill(100) });

test("the model sees all of a picture, or the crop's part of it", () => {
  const processor = defaultProcessor(32);
  expect(seenRegion({ width: 100, height: 50 }, processor)).toEqual([0, 0, 100, 50]);
  const cropped = { ...processor, resize: { shortestEdge: 40 }, crop: { width: 32, height: 32 } };
  expect(seenRegion({ width: 80, height: 40 }, cropped)).toEqual([24, 4, 56, 36]);
  expect(seenRegion({ width: 160, height: 80 }, cropped)).toEqual([48, 8, 112, 72]);
});

test("heat is bright where it is high, dark where it is low, and centred on its cell", () => {
  const map = { rows: 2, columns: 2, heat: Float32Array.of(0, 1, 0, 0) };
  const { data } = overlayHeat(grey(40, 40), map, [0, 0, 40, 40]);
  const red = (x: number, y: number) => data[(y * 40 + x) * 3]!;
  expect(red(30, 10)).toBeGreaterThan(200); // the cell's centre
  expect(red(20, 10)).toBeGreaterThan(red(12, 10)); // half way to the next
  expect(red(5, 35)).toBe(75); // 100 at three quarters, nearly black at one
});

test("outside the seen part nothing is lit, and blue keeps to its ramp", () => {
  const map = { rows: 1, columns: 1, heat: Float32Array.of(1) };
  const { data } = overlayHeat(grey(20, 10), map, [5, 0, 15, 10]);
  expect(data[0]).toBe(75);
  expect([...data.subarray(30, 33)]).toEqual([206, 209, 145]); // 100 × 0.3 + (252, 255, 164) × 0.7
});
