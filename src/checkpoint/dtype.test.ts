import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asFloat32, toBfloat16, toFloat16 } from "../tensor/half.ts";
import { float32, int64, type Tensor } from "../tensor/tensor.ts";
import { asDType } from "./dtype.ts";

describe("asDType", () => {
  it("leaves integers and tensors of the type alone", () => {
    for (const tensor of [int64([1], [1]), float32([1], [1])]) expect(asDType(tensor, "float32")).toBe(tensor);
    const half: Tensor = { dtype: "float16", shape: [1], data: Uint16Array.of(0x3c00) };
    expect(asDType(half, "float16")).toBe(half);
    expect(asDType(half, "bfloat16")).toEqual({ dtype: "bfloat16", shape: [1], data: Uint16Array.of(0x3f80) });
  });

  it("rounds to nearest even, infinities and NaN kept", () => {
    const values = float32([1, -0, 1.00390625, 1.01171875, 3.4e38, Number.NEGATIVE_INFINITY, Number.NaN], [7]);
    expect([...asDType(values, "bfloat16").data]).toEqual([0x3f80, 0x8000, 0x3f80, 0x3f82, 0x7f80, 0xff80, 0x7fc0]);
  });

  it("converts each value, from any place in memory", () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, noNaN: true }), (data) => {
        const tensor = float32(data.subarray(1), [data.length - 1]);
        expect(asDType(tensor, "bfloat16").data).toEqual(Uint16Array.from(tensor.data, toBfloat16));
        expect(asDType(tensor, "float16").data).toEqual(Uint16Array.from(tensor.data, toFloat16));
      }),
    );
  });

  it("comes back unchanged from float32", () => {
    for (const dtype of ["float16", "bfloat16"] as const) {
      // All finite bit patterns: those whose exponent is not all ones.
      const mask = dtype === "float16" ? 0x7c00 : 0x7f80;
      const data = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & mask) !== mask);
      const tensor: Tensor = { dtype, shape: [data.length], data };
      expect(asDType(asFloat32(tensor), dtype)).toEqual(tensor);
    }
  });
});
