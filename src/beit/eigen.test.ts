import { describe, expect, it } from "vitest";
import { random } from "../tensor/random.ts";
import { dot, symmetricEigen } from "./eigen.ts";

function symmetric(n: number): Float64Array[] {
  const stream = random(n, "symmetric");
  const rows = Array.from({ length: n }, () => new Float64Array(n));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      rows[i]![j] = stream.normal();
      rows[j]![i] = rows[i]![j]!;
    }
  }
  return rows;
}

describe("symmetricEigen", () => {
  it("knows a matrix worked by hand", () => {
    const { values, vectors } = symmetricEigen([Float64Array.of(2, 1), Float64Array.of(1, 2)]);
    expect(values[0]).toBeCloseTo(3, 14);
    expect(values[1]).toBeCloseTo(1, 14);
    expect(vectors[0]![0]! / vectors[0]![1]!).toBeCloseTo(1, 14);
    expect(vectors[1]![0]! / vectors[1]![1]!).toBeCloseTo(-1, 14);
  });

  it.each([1, 2, 3, 10, 64])("gives A v = value v with orthonormal v for %d rows", (n) => {
    const matrix = symmetric(n);
    const { values, vectors } = symmetricEigen(matrix);
    for (const [k, v] of vectors.entries()) {
      for (const [i, row] of matrix.entries())
        expect(Math.abs(dot(row, v) - values[k]! * v[i]!)).toBeLessThan(1e-12 * n);
      for (const [j, w] of vectors.entries()) expect(Math.abs(dot(v, w) - (j === k ? 1 : 0))).toBeLessThan(1e-13 * n);
      if (k > 0) expect(values[k]!).toBeLessThanOrEqual(values[k - 1]!);
    }
  });

  it("copes with repeated values, zeros and matrices that are diagonal already", () => {
    const diagonal = (...d: number[]) => d.map((x, i) => Float64Array.from(d, (_, j) => (i === j ? x : 0)));
    expect([...symmetricEigen(diagonal(1, 0, 5, 5, -2)).values]).toEqual([5, 5, 1, 0, -2]);
    expect([...symmetricEigen(diagonal(0, 0, 0)).values]).toEqual([0, 0, 0]);
    const ones = Array.from({ length: 6 }, () => new Float64Array(6).fill(1));
    const { values, vectors } = symmetricEigen(ones, 2);
    expect(values[0]).toBeCloseTo(6, 12);
    expect(values[1]).toBeCloseTo(0, 12);
    expect(vectors.length).toBe(2);
  });
});
