import { expect, test } from "vitest";
import { closedCurve, curve, ellipse, fill, type Point, stroke } from "./raster.ts";

const area = (points: readonly Point[], width: number, height: number, feather = 0) =>
  fill(points, width, height, feather).alpha.reduce((sum, a) => sum + a, 0);

const box = (left: number, top: number, right: number, bottom: number): Point[] => [
  [left, top],
  [right, top],
  [right, bottom],
  [left, bottom],
];

test("a rectangle covers its pixels, edge pixels by their share", () => {
  const { x, y, width, alpha } = fill(box(2.25, 3, 5, 5.5), 10, 10);
  const at = (column: number, row: number) => alpha[(row - y) * width + column - x];
  expect(at(2, 3)).toBeCloseTo(0.75, 5);
  expect(at(3, 4)).toBeCloseTo(1, 5);
  expect(at(4, 5)).toBeCloseTo(0.5, 5);
  expect(at(5, 4)).toBe(0);
  expect(area(box(2.25, 3, 5, 5.5), 10, 10)).toBeCloseTo(2.75 * 2.5, 4);
});

test("direction does not matter, and a shape wound twice is filled once", () => {
  const square = box(1, 1, 5, 5);
  expect(area([...square].reverse(), 8, 8)).toBeCloseTo(16, 4);
  expect(area([...square, square[0]!, ...square.slice(1)], 8, 8)).toBeCloseTo(16, 4);
});

test("shapes are cut at the picture's edges and may lie outside", () => {
  expect(area(box(-5, -5, 2, 2), 10, 10)).toBeCloseTo(4, 4);
  expect(area(box(-5, -5, 50, 50), 3, 2)).toBeCloseTo(6, 4);
  expect(fill(box(20, 20, 30, 30), 10, 10).alpha.length).toBe(0);
});

test("softened edges keep the area and stay between 0 and 1", () => {
  const soft = fill(box(20, 20, 40, 40), 60, 60, 2.5);
  expect(soft.alpha.reduce((sum, a) => sum + a, 0)).toBeCloseTo(400, 1);
  expect(Math.min(...soft.alpha)).toBeGreaterThan(-1e-4);
  expect(Math.max(...soft.alpha)).toBeLessThan(1 + 1e-4);
});

test("an ellipse and a stroke have their geometry's area", () => {
  expect(area(ellipse([30, 30], 20, 10), 60, 60)).toBeCloseTo(12 * Math.sin(Math.PI / 12) * 200, -0.3); // of the polygon of 24 corners
  expect(
    area(
      stroke(
        [
          [5, 5],
          [25, 5],
        ],
        4,
      ),
      40,
      20,
    ),
  ).toBeCloseTo(80, 3);
});

test("curves pass through their points", () => {
  const points: Point[] = [
    [0, 0],
    [4, 8],
    [9, 3],
  ];
  const line = curve(points, 5);
  expect([line[0], line[5], line[10]]).toEqual(points);
  const ring = closedCurve(points, 5);
  expect([ring[0], ring[5], ring[10]]).toEqual(points);
  expect(ring.length).toBe(15);
});
