import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { relativePositionRows, type Window } from "./position.ts";
import { type PositionResize, resizeMatrix, resizePositions, resizeTable, type TableResize } from "./resize-tables.ts";

interface Case {
  scheme: TableResize | PositionResize;
  source: [number, number];
  target: [number, number];
  grid: number[];
}

const path = new URL("../../test/fixtures/beit/resize.json", import.meta.url);
const cases: Case[] = JSON.parse(readFileSync(path, "utf8"));
const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5);
const relative = cases.filter((c): c is Case & { scheme: TableResize } => !c.scheme.startsWith("absolute"));
const absolute = cases.filter((c): c is Case & { scheme: PositionResize } => c.scheme.startsWith("absolute"));

function largestDifference(actual: Float32Array, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0);
}

/** matrix [rows, columns] times x [columns, 2]. */
function times(matrix: { data: Float32Array; shape: readonly [number, number] }, x: Float32Array): Float32Array {
  const [rows, columns] = matrix.shape;
  return Float32Array.from({ length: rows * 2 }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += matrix.data[(i >> 1) * columns + j]! * x[j * 2 + (i & 1)]!;
    return sum;
  });
}

/** Channel 0 is the grid, channel 1 its negative. */
const twoChannels = (grid: ArrayLike<number>) =>
  Float32Array.from({ length: grid.length * 2 }, (_, i) => grid[i >> 1]! * (i & 1 ? -1 : 1));

describe("resizeTable", () => {
  it.each(relative)("$scheme $source to $target as SciPy and torch", ({ scheme, source, target, grid }) => {
    const cells = relativePositionRows(source) - 3;
    const table = float32(twoChannels([...ramp(cells), 7, 8, 9]), [cells + 3, 2]);
    const resized = resizeTable(table, scheme, source, target);
    expect(resized.shape).toEqual([relativePositionRows(target), 2]);
    expect(largestDifference(resized.data, twoChannels([...grid, 7, 8, 9]))).toBeLessThan(1e-6);
  });

  it.each(relative)("$scheme $source to $target is a matrix", ({ scheme, source, target }) => {
    const rows = relativePositionRows(source);
    const table = float32(twoChannels(ramp(rows)), [rows, 2]);
    const product = times(resizeMatrix(scheme, source, target), table.data);
    expect(largestDifference(product, resizeTable(table, scheme, source, target).data)).toBeLessThan(1e-6);
  });

  it.each(["hf-bilinear", "unilm-cubic", "timm-bilinear", "timm-bicubic"] as const)(
    "%s keeps a table of the same window",
    (scheme) => {
      const table = float32(ramp(relativePositionRows([3, 4])), [relativePositionRows([3, 4]), 1]);
      expect(resizeTable(table, scheme, [3, 4], [3, 4]).data).toEqual(table.data);
    },
  );

  it("says what does not fit", () => {
    const table = float32(new Float32Array(12), [12, 1]);
    expect(() => resizeTable(table, "hf-bilinear", [3, 3], [2, 2])).toThrow(
      "relative position table: expected [28, heads] for a window of 3 x 3 patches, got [12,1]",
    );
    expect(() => resizeTable(table, "unilm-cubic", [2, 2], [3, 3])).toThrow(
      "expected at least 4 cells along each axis",
    );
    expect(resizeTable(table, "timm-bilinear", [2, 2], [1, 1]).shape).toEqual([4, 1]);
  });
});

describe("resizePositions", () => {
  it.each(absolute)("$scheme $source to $target as torch", ({ scheme, source, target, grid }) => {
    const patches = ramp(1 + sizeOf(source)).subarray(1);
    const positions = float32(twoChannels([5, ...patches]), [1, 1 + sizeOf(source), 2]);
    const resized = resizePositions(positions, scheme, source, target);
    expect(resized.shape).toEqual([1, 1 + sizeOf(target), 2]);
    expect(largestDifference(resized.data, twoChannels([5, ...grid]))).toBeLessThan(1e-6);
    const product = times(resizeMatrix(scheme, source, target), positions.data);
    expect(largestDifference(product, resized.data)).toBeLessThan(1e-6);
  });

  it("keeps the same window and says what does not fit", () => {
    const window: Window = [2, 3];
    const positions = float32(ramp(14), [1, 7, 2]);
    expect(resizePositions(positions, "absolute-bicubic", window, window).data).toEqual(positions.data);
    expect(() => resizePositions(positions, "absolute-bicubic", [3, 3], window)).toThrow(
      "position embeddings: expected [1, 10, D] for a window of 3 x 3 patches, got [1,7,2]",
    );
  });
});
