import { describe, expect, it } from "vitest";
import { toFloat16 } from "../tensor/half.ts";
import { float32, int64, type Tensor, zeros } from "../tensor/tensor.ts";
import { checkParameters } from "./assign.ts";

const expected = [
  { name: "w", shape: [2, 1] },
  { name: "classifier.bias", shape: [2] },
];

describe("checkParameters", () => {
  it("gives float32 values in the model's order, without a copy of float32", () => {
    const w = float32([1, 2], [2, 1]);
    const bias: Tensor = { dtype: "float16", shape: [2], data: Uint16Array.of(toFloat16(0.5), toFloat16(-2)) };
    const { parameters, missing, extra } = checkParameters(
      expected,
      new Map([
        ["classifier.bias", bias],
        ["w", w],
      ]),
      "m",
    );
    expect([...parameters.keys()]).toEqual(["w", "classifier.bias"]);
    expect(parameters.get("w")).toBe(w.data);
    expect(parameters.get("classifier.bias")).toEqual(Float32Array.of(0.5, -2));
    expect([missing, extra]).toEqual([[], []]);
  });

  it("reports allowed differences, for an expression with state as well", () => {
    const found = new Map([
      ["w", zeros([2, 1])],
      ["lm_head.a", zeros([1])],
      ["lm_head.b", zeros([1])],
    ]);
    const result = checkParameters(expected, found, "m", { allowMissing: /^classifier\./g, allowExtra: /^lm_head\./g });
    expect([...result.parameters.keys()]).toEqual(["w"]);
    expect(result.missing).toEqual(["classifier.bias"]);
    expect(result.extra).toEqual(["lm_head.a", "lm_head.b"]);
  });

  it("collects all differences into one error", () => {
    const asked = [
      ...Array.from({ length: 12 }, (_, i) => ({ name: `layer.${i}`, shape: [i, 2] })),
      { name: "w", shape: [2, 1] },
      { name: "n", shape: [1] },
    ];
    const found = new Map<string, Tensor>([
      ["w", zeros([1, 2])],
      ["n", int64([1], [1])],
      ["head.weight", zeros([5, 2])],
    ]);
    expect(() => checkParameters(asked, found, "model", { allowMissing: /^w$/ })).toThrowErrorMatchingInlineSnapshot(`
      [BeitError: model: its tensors are not those of the model
      12 missing:
        layer.0 [0, 2]
        layer.1 [1, 2]
        layer.2 [2, 2]
        layer.3 [3, 2]
        layer.4 [4, 2]
        layer.5 [5, 2]
        layer.6 [6, 2]
        layer.7 [7, 2]
        layer.8 [8, 2]
        layer.9 [9, 2]
        and 2 more
      1 not expected:
        head.weight [5, 2]
      2 of another shape or type:
        w: expected [2, 1], found [1, 2]
        n: expected [1], found int64 [1]]
    `);
  });

  it("never lets a wrong shape pass as missing", () => {
    const found = new Map([
      ["w", zeros([2, 1])],
      ["classifier.bias", zeros([1000])],
    ]);
    expect(() => checkParameters(expected, found, "m", { allowMissing: /./, allowExtra: /./ })).toThrow(
      "classifier.bias: expected [2], found [1000]",
    );
  });
});
