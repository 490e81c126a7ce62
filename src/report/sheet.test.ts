import { expect, it } from "vitest";
import { reconstructionSheet } from "./sheet.ts";

const EDGE = 2;
/** Picture i has the value (i + offset) / 15 in red, and 0 elsewhere. */
const pictures = (count: number, offset: number) =>
  Float32Array.from({ length: count * 12 }, (_, j) => (j % 12 < 4 ? (Math.floor(j / 12) + offset) / 15 : 0));

it("puts each reconstruction below its original, so many pairs beside each other", () => {
  const { width, height, data } = reconstructionSheet(pictures(3, 1), pictures(3, 5), EDGE, 2);
  expect([width, height]).toEqual([2 * EDGE + 2, 2 * (2 * EDGE + 2) + 10]);
  const red = (x: number, y: number) => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
  const shade = (parts: number) => [17 * parts, 0, 0];
  expect(red(0, 0)).toEqual(shade(1)); // first pair
  expect(red(1, 5)).toEqual(shade(5));
  expect(red(4, 0)).toEqual(shade(2)); // second
  expect(red(5, 5)).toEqual(shade(6));
  expect(red(0, 16)).toEqual(shade(3)); // third, in the next row
  expect(red(0, 20)).toEqual(shade(7));
  expect(red(4, 16)).toEqual([255, 255, 255]); // no fourth
  expect(red(2, 0)).toEqual([255, 255, 255]); // between
});

it("cuts off what lies outside of [0, 1]", () => {
  const { data } = reconstructionSheet(pictures(1, 20), pictures(1, -20), EDGE);
  expect(data[0]).toBe(255);
  expect(data[3 * 2 * (EDGE + 2)]).toBe(0);
});
