import { describe, expect, it } from "vitest";
import { bytesOf, float32, int64, sameShape, sizeOf, zeros } from "./tensor.ts";

describe("shapes", () => {
  it("sizeOf: the product; 1 for a scalar, 0 with an empty axis", () => {
    expect([sizeOf([2, 3, 4]), sizeOf([]), sizeOf([5, 0])]).toEqual([24, 1, 0]);
  });

  it("sameShape: rank and every dimension", () => {
    expect(sameShape([2, 3], [2, 3])).toBe(true);
    expect(sameShape([], [])).toBe(true);
    expect(sameShape([2, 3], [3, 2])).toBe(false);
    expect(sameShape([2], [2, 1])).toBe(false);
  });
});

describe("makers", () => {
  it("float32 keeps a Float32Array and copies a list", () => {
    const data = Float32Array.of(1, 2);
    expect(float32(data, [2, 1]).data).toBe(data);
    expect(float32([0.1], [])).toEqual({ dtype: "float32", shape: [], data: Float32Array.of(0.1) });
    expect(() => float32([1, 2, 3], [2, 2])).toThrow("float32: shape [2,2] needs 4 elements, got 3");
  });

  it("int64 takes ordinary integers, negative ones too", () => {
    expect(int64([-1, 2 ** 40], [2]).data).toEqual(BigInt64Array.of(-1n, 1099511627776n));
    expect(int64(Int32Array.of(7), [1]).data).toEqual(BigInt64Array.of(7n));
    expect(() => int64([1], [2])).toThrow("int64: shape [2] needs 2 elements, got 1");
  });

  it("zeros", () => expect(zeros([2, 2])).toEqual({ dtype: "float32", shape: [2, 2], data: new Float32Array(4) }));
});

it("knows the bytes of every dtype", () => {
  expect(bytesOf).toEqual({
    float32: 4,
    float64: 8,
    float16: 2,
    bfloat16: 2,
    int64: 8,
    int32: 4,
    uint8: 1,
    int8: 1,
    bool: 1,
  });
});
