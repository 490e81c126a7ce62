import { describe, expect, it } from "vitest";
import { add, cast, greater, where } from "./elementwise.ts";
import { concat, expand, pad, reshape, slice, transpose } from "./layout.ts";
import { fusedMatMul, matMul } from "./matmul.ts";
import { reduceSum } from "./reduce.ts";
import { broadcastShapes, dimProduct, invertPermutation, normalizeAxis, padRank } from "./shape.ts";
import { input } from "./value.ts";

const v = (...shape: number[]) => input("v", shape, "batch");

describe("errors name the op and every shape", () => {
  it.each<[string, () => unknown, string]>([
    ["add", () => add(v(2, 3), v(4)), "Add: shapes [2,3] and [4] do not broadcast"],
    ["greater", () => greater(v(2, 3), v(3, 2)), "Greater: shapes [2,3] and [3,2] do not broadcast"],
    ["where", () => where(greater(v(5), v(5)), v(2, 3), v(3)), "Where: shapes [5] and [2,3] do not broadcast"],
    ["add of dtypes", () => add(v(2), cast(v(2), "int64")), "Add: operands are float32 and int64"],
    ["matMul", () => matMul(v(2, 3), v(4, 5)), "MatMul: [2,3] times [4,5]: inner dimensions differ"],
    ["matMul of a vector", () => matMul(v(3), v(3, 5)), "MatMul: [3] times [3,5]: inner dimensions differ"],
    ["matMul of batches", () => matMul(v(2, 1, 3), v(5, 3, 1)), "MatMul: shapes [2] and [5] do not broadcast"],
    [
      "fusedMatMul",
      () => fusedMatMul(v(3, 2), v(4, 2), { transA: 1 }),
      "FusedMatMul: [2,3] times [4,2]: inner dimensions differ",
    ],
    [
      "fusedMatMul of ranks",
      () => fusedMatMul(v(3, 2, 4), v(4, 5), { transBatchA: 1 }),
      "FusedMatMul: [3,2,4] times [4,5]: transBatch needs operands of the same rank",
    ],
    ["reshape", () => reshape(v(2, 3), [7]), "Reshape: [2,3] has not as many elements as [7]"],
    ["transpose", () => transpose(v(2, 3), [2, 1, 0]), "Transpose: permutation [2,1,0] does not fit shape [2,3]"],
    ["expand", () => expand(v(2, 3), [4, 2]), "Expand: shapes [2,3] and [4,2] do not broadcast"],
    ["concat", () => concat([v(2, 3), v(3, 3)], 1), "Concat: shapes [2,3] and [3,3] differ off axis 1"],
    ["concat axis", () => concat([v(2, 3)], 2), "Concat: axis 2 is outside rank 2"],
    ["slice", () => slice(v(2, 3), 1, 2, 4), "Slice: 2 to 4 is outside axis 1 of [2,3]"],
    ["slice of nothing", () => slice(v(2, 3), 1, 2, 2), "Slice: 2 to 2 is outside axis 1 of [2,3]"],
    ["slice axis", () => slice(v(2, 3), -3, 0, 1), "Slice: axis -3 is outside rank 2"],
    ["pad axis", () => pad(v(2, 3), 2, 1, 0), "Pad: axis 2 is outside rank 2"],
    ["reduce axis", () => reduceSum(v(2, 3), [2], true), "ReduceSum: axis 2 is outside rank 2"],
  ])("%s", (_, make, message) => expect(make).toThrow(message));
});

describe("shapes", () => {
  it.each([
    [[2, 3], [3], [2, 3]],
    [[], [4], [4]],
    [
      [2, 1, 3],
      [5, 1],
      [2, 5, 3],
    ],
    [[1, 1], [], [1, 1]],
    [[-1, 4], [4], [-1, 4]], // the symbolic batch
    [
      [-2, 1],
      [-2, 3],
      [-2, 3],
    ],
    [
      [0, 3],
      [1, 3],
      [0, 3],
    ],
  ])("[%s] and [%s] broadcast to [%s]", (a, b, expected) => {
    expect(broadcastShapes("Add", a, b)).toEqual(expected);
    expect(broadcastShapes("Add", b, a)).toEqual(expected);
  });

  it("keep the symbolic batch once in a product", () => {
    expect(dimProduct([-1, 3, 2])).toBe(-6);
    expect(dimProduct([])).toBe(1);
    expect(() => dimProduct([-1, -2])).toThrow("[-1,-2]: the symbolic batch appears twice");
  });

  it("of axes, permutations and ranks", () => {
    expect([0, 2, -1, -3].map((axis) => normalizeAxis("Op", axis, 3))).toEqual([0, 2, 2, 0]);
    expect(invertPermutation([2, 0, 3, 1])).toEqual([1, 3, 0, 2]);
    expect(padRank([3], 3)).toEqual([1, 1, 3]);
    expect(padRank([2, 3], 1)).toEqual([2, 3]);
  });
});
