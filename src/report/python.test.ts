import { describe, expect, it } from "vitest";
import { floatText, pythonJson, roundHalfEven } from "./python.ts";

// Expected values are what CPython 3.11 prints.
describe("floatText", () => {
  it.each([
    [3, "3.0"],
    [-0, "-0.0"],
    [0.1, "0.1"],
    [1e-4, "0.0001"],
    [1e-5, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [2.5e-123, "2.5e-123"],
    [9999999999999998, "9999999999999998.0"],
    [1e16, "1e+16"],
    [618978356527104000, "6.18978356527104e+17"],
    [Number.NaN, "nan"],
    [-Infinity, "-inf"],
  ])("%s is %s", (value, text) => {
    expect(floatText(value)).toBe(text);
  });
});

describe("roundHalfEven", () => {
  it.each([
    [0.03125, 4, 0.0312],
    [-0.03125, 4, -0.0312],
    [0.09375, 4, 0.0938],
    [0.28125, 4, 0.2812],
    [0.125, 2, 0.12],
    [0.375, 2, 0.38],
    [1.005, 2, 1],
    [0.00005, 4, 0.0001],
    [0.5, 0, 0],
    [1.5, 0, 2],
    [2.5, 0, 2],
    [0.974972191323693, 4, 0.975],
    [123456789012345680000, 4, 123456789012345680000],
  ])("round(%s, %s) is %s", (value, digits, expected) => {
    expect(roundHalfEven(value, digits)).toBe(expected);
  });
});

describe("pythonJson", () => {
  it("equals json.dumps(indent=2, sort_keys=True)", () => {
    const value = { b: [1, 2n, null, true], a: { é: 'x"\n\u007f', n: Number.NaN }, none: undefined, e: {}, l: [] };
    const expected = `{
  "a": {
    "n": NaN,
    "\\u00e9": "x\\"\\n\\u007f"
  },
  "b": [
    1.0,
    2,
    null,
    true
  ],
  "e": {},
  "l": []
}`;
    expect(pythonJson(value, 2)).toBe(expected);
  });
});
