import { expect, test } from "vitest";
import type { Pixels } from "../tensor/pixels.ts";
import { random } from "../tensor/random.ts";
import { emptyScene, upperPart, zoomOut } from "./zoom-out.ts";

/** A picture of one grey. */
const flat = (width: number, height: number, level: number): Pixels => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(level),
});

test("the picture grows up to the longest side, keeping its aspect", () => {
  for (let seed = 0; seed < 50; seed++) {
    const { width, height, data } = zoomOut(flat(60, 80, 9), random(seed), { maxScale: 3, longSide: 120 });
    expect(data.length).toBe(width * height * 3);
    expect(height).toBeGreaterThanOrEqual(80);
    expect(height).toBeLessThanOrEqual(120);
    expect(Math.abs(width / height - 0.75)).toBeLessThan(0.02);
  }
});

test("a scale of one without a soft seam gives the picture back", () => {
  const picture = { width: 4, height: 3, data: Uint8Array.from({ length: 36 }, (_, i) => i * 7) };
  const same = Array.from({ length: 40 }, (_, seed) => zoomOut(picture, random(seed), { maxScale: 1 })).filter(
    ({ data }) => data.every((value, i) => value === picture.data[i]),
  );
  expect(same.length).toBeGreaterThan(10);
});

test("a picture of one colour over itself stays that colour, and is always there", () => {
  const greys = Array.from({ length: 60 }, (_, seed) => {
    const { data } = zoomOut(flat(40, 40, 90), random(seed), { maxScale: 2.5 });
    return data.filter((value) => Math.abs(value - 90) <= 1).length / data.length;
  });
  expect(greys.filter((share) => share === 1).length).toBeGreaterThan(20); // mirrored or softened
  expect(Math.min(...greys)).toBeGreaterThan(0.06); // the picture's inside at least: 1 / 2.5² less a soft seam
});

test("strips of photographs lie behind about half of the pictures", () => {
  const seen = Array.from({ length: 200 }, (_, seed) => {
    const options = { maxScale: 2.5, grounds: [flat(50, 30, 200)] };
    const { data } = zoomOut(flat(40, 40, 10), random(seed), options);
    return data.filter((value) => value === 200).length > 0.1 * data.length;
  });
  expect(seen.filter(Boolean).length).toBeGreaterThan(80);
  expect(seen.filter(Boolean).length).toBeLessThan(150);
});

test("strips run into their mirror images and fill the whole ground", () => {
  const strip = {
    width: 30,
    height: 12,
    data: Uint8Array.from({ length: 30 * 12 * 3 }, (_, i) => 100 + ((i / 90) | 0)),
  };
  let real = 0;
  for (let seed = 0; seed < 60; seed++) {
    const options = { maxScale: 4, grounds: [strip], mirrors: false };
    const { scene } = emptyScene(flat(40, 40, 10), random(seed), 4, [0.5, 1], options);
    const column = Array.from({ length: scene.height }, (_, y) => scene.data[y * scene.width * 3]!);
    if (column[0] !== 100 || !column.every((value) => value >= 100 && value < 112)) continue; // soft or mottled
    real++;
    const jumps = column.slice(1).map((value, y) => Math.abs(value - column[y]!));
    expect(Math.max(...jumps)).toBeLessThanOrEqual(1); // from row to row of the strip, down and up again
    expect(column.indexOf(111)).toBeLessThan(Math.round(12 * (scene.width / 30) * 1.6));
    expect(column.lastIndexOf(111)).toBeGreaterThan(column.indexOf(111));
  }
  expect(real).toBeGreaterThan(20);
});

test("the upper part of a picture is its first rows, one at least", () => {
  const picture = { width: 2, height: 5, data: Uint8Array.from({ length: 30 }, (_, i) => i) };
  expect(upperPart(picture, 0.5)).toEqual({ width: 2, height: 2, data: picture.data.slice(0, 12) });
  expect(upperPart(picture, 0.1).height).toBe(1);
  expect(upperPart(picture, 1)).toEqual(picture);
});

test("the same stream gives the same picture", () => {
  const once = () => zoomOut(flat(33, 47, 80), random(4, "zoom"), { maxScale: 3 });
  expect(once()).toEqual(once());
});

test.each([
  [1, 1],
  [1, 30],
  [3, 2],
])("a picture of %i × %i px is safe", (width, height) => {
  for (let seed = 0; seed < 30; seed++) {
    const out = zoomOut(flat(width, height, 5), random(seed), {
      maxScale: 8,
      grounds: [flat(1, 1, 7), flat(400, 2, 7)],
    });
    expect(out.data.length).toBe(out.width * out.height * 3);
  }
});
