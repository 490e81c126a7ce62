import { describe, expect, it } from "vitest";
import { asFloat32, fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "./half.ts";
import { float32 } from "./tensor.ts";

/** IEEE 754-2019, section 3.4: 1 sign bit, 5 exponent bits of bias 15, 10 significand bits. */
function definition(bits: number): number {
  const [sign, exponent, significand] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return significand ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * significand * 2 ** -24 : sign * (1024 + significand) * 2 ** (exponent - 25);
}

const all = Array.from({ length: 65536 }, (_, bits) => bits);
const failing = (holds: (bits: number) => boolean) => all.filter((bits) => !holds(bits));

describe("float16", () => {
  it("every value is that of the definition", () => {
    expect(failing((bits) => Object.is(fromFloat16(bits), definition(bits)))).toEqual([]);
  });

  it("every value but NaN comes back as the same bits", () => {
    expect(failing((bits) => Number.isNaN(definition(bits)) || toFloat16(definition(bits)) === bits)).toEqual([]);
  });

  it("rounds to the nearest, ties to even", () => {
    const positive = all.slice(0, 0x7bff); // each below the next
    const wrong = positive.filter((bits) => {
      const middle = (definition(bits) + definition(bits + 1)) / 2; // 12 significant bits: exact in float32
      const step = Math.max(2 ** -40, middle * 2 ** -20);
      const even = bits % 2 === 0 ? bits : bits + 1;
      return toFloat16(middle) !== even || toFloat16(middle - step) !== bits || toFloat16(middle + step) !== bits + 1;
    });
    expect(wrong).toEqual([]);
  });

  it.each([
    ["the largest number", 65504, 0x7bff],
    ["just below the middle to 65536", 65519.996, 0x7bff],
    ["that middle", 65520, 0x7c00],
    ["beyond", -1e30, 0xfc00],
    ["infinity", Number.NEGATIVE_INFINITY, 0xfc00],
    ["the smallest number", 2 ** -24, 0x0001],
    ["half of it", 2 ** -25, 0x0000],
    ["a little more than half of it", 2 ** -25 * 1.0001, 0x0001],
    ["minus zero", -0, 0x8000],
    ["one third", 1 / 3, 0x3555],
  ])("%s", (_, value, bits) => expect(toFloat16(value)).toBe(bits));

  it("NaN stays NaN", () => expect(fromFloat16(toFloat16(Number.NaN))).toBeNaN());
});

describe("bfloat16", () => {
  it("every value comes back as the same bits, NaN as NaN", () => {
    const holds = (bits: number) => {
      const value = fromBfloat16(bits);
      return Number.isNaN(value) ? Number.isNaN(fromBfloat16(toBfloat16(value))) : toBfloat16(value) === bits;
    };
    expect(failing(holds)).toEqual([]);
  });

  it.each([
    ["one", 1, 0x3f80],
    ["pi, rounded down", Math.PI, 0x4049],
    ["a tie to the even below", 1 + 2 ** -8, 0x3f80],
    ["a tie to the even above", 1 + 3 * 2 ** -8, 0x3f82],
    ["just above a tie", 1 + 2 ** -8 + 2 ** -20, 0x3f81],
    ["the largest float32 rounds to infinity", 3.4028234663852886e38, 0x7f80],
    ["minus infinity", Number.NEGATIVE_INFINITY, 0xff80],
    ["minus zero", -0, 0x8000],
  ])("%s", (_, value, bits) => expect(toBfloat16(value)).toBe(bits));

  it("a NaN whose payload lies in the bits cut off stays NaN", () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001).buffer)[0]!;
    expect(fromBfloat16(toBfloat16(nan))).toBeNaN();
  });
});

describe("asFloat32", () => {
  const bits = Uint16Array.from(all);

  it("widens all float16 and bfloat16 values", () => {
    const half = asFloat32({ dtype: "float16", shape: [256, 256], data: bits });
    expect(half).toMatchObject({ dtype: "float32", shape: [256, 256] });
    expect(failing((b) => Object.is(half.data[b], definition(b)))).toEqual([]);
    const brain = asFloat32({ dtype: "bfloat16", shape: [65536], data: bits });
    const words = new Uint32Array(brain.data.buffer);
    expect(failing((b) => words[b] === b * 65536)).toEqual([]);
  });

  it("rounds float64, and returns float32 itself", () => {
    expect([...asFloat32({ dtype: "float64", shape: [2], data: Float64Array.of(0.1, 1e300) }).data]).toEqual([
      Math.fround(0.1),
      Number.POSITIVE_INFINITY,
    ]);
    const tensor = float32([1, 2], [2]);
    expect(asFloat32(tensor)).toBe(tensor);
  });

  it("refuses integers", () => {
    expect(() => asFloat32({ dtype: "int32", shape: [1], data: Int32Array.of(1) })).toThrow(
      "asFloat32: expected a floating-point tensor, got int32",
    );
  });
});
