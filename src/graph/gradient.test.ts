import { describe, expect, it } from "vitest";
import { evaluate } from "../session/session.ts";
import { float32 } from "../tensor/tensor.ts";
import { add, cast, exp, greater, mul, relu } from "./elementwise.ts";
import { gradients } from "./gradient.ts";
import { layerNormalization } from "./normalize.ts";
import { reduceMax } from "./reduce.ts";
import { input, parameter, scalar, type Value } from "./value.ts";
import { nodesOf } from "./walk.ts";

const x = input("x", [3], "batch");
const w = parameter("w", [3]);
const one = scalar(1);
const ones = input("ones", [3], "batch");
const feeds = { x: float32([1, -2, 3], [3]), w: float32([0.5, 2, -1], [3]), ones: float32([1, 1, 1], [3]) };

async function numbers(values: readonly (Value | undefined)[]): Promise<number[][]> {
  const results = await evaluate(Object.fromEntries(values.map((value, i) => [`g${i}`, value!])), feeds);
  return values.map((_, i) => Array.from(results[`g${i}`]!.data as Float32Array));
}

describe("gradients", () => {
  it("sum over all uses of a value", async () => {
    const value = add(mul(x, w), mul(x, x));
    expect(await numbers(gradients([{ value, seed: ones }], [x, w]))).toEqual([
      [2.5, -2, 5], // w + 2x
      [1, -2, 3],
    ]);
  });

  it("sum over several outputs, each with its seed", async () => {
    const [a, b] = [mul(x, w), mul(w, w)];
    const found = gradients(
      [
        { value: a, seed: ones },
        { value: b, seed: x },
      ],
      [w],
    );
    expect(await numbers(found)).toEqual([[2, -10, -3]]); // x + 2 w x
  });

  it("of an output by itself are its seed", () => {
    expect(gradients([{ value: x, seed: ones }], [x])[0] === ones).toBe(true);
  });

  it("reach a target through another target", async () => {
    const square = mul(x, x);
    const value = mul(square, w);
    expect(await numbers(gradients([{ value, seed: ones }], [x, square, w]))).toEqual([
      [1, -8, -6], // 2 x w
      [0.5, 2, -1],
      [1, 4, 9],
    ]);
  });

  it("are undefined where the outputs do not depend on the target", () => {
    expect(gradients([{ value: exp(x), seed: ones }], [w])).toEqual([undefined]);
    expect(gradients([{ value: mul(cast(greater(x, w), "float32"), ones), seed: ones }], [w])).toEqual([undefined]);
  });

  it("walk only paths from targets: nothing is made for the rest", () => {
    const value = mul(exp(exp(exp(x))), w);
    const [dw] = gradients([{ value, seed: ones }], [w]);
    expect(nodesOf([dw!]).map(({ op }) => op.type)).toEqual(["Input", "Input", "Exp", "Exp", "Exp", "Mul"]);
  });

  it("say which op has none, and why", () => {
    expect(() => gradients([{ value: reduceMax(x, [0], false), seed: one }], [x])).toThrow(
      new TypeError("ReduceMax: no gradient: not needed: used for numerical stability and metrics only"),
    );
  });

  it("refuse a seed of another shape, and outputs beyond the first", () => {
    expect(() => gradients([{ value: relu(x), seed: one }], [x])).toThrow("gradient of Relu [3] came as []");
    const [, mean] = layerNormalization(x, w, w, 1e-5).node.outputs;
    expect(() => gradients([{ value: mean!, seed: input("g", [1], "batch") }], [x])).toThrow("only output 0");
  });
});
