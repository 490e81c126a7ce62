import { describe, expect, it } from "vitest";
import { uniform } from "../../test/gradient/check.ts";
import { evaluate } from "../session/session.ts";
import { byteRange, quantizeColumns } from "../tensor/quantize.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { add, mul, relu } from "./elementwise.ts";
import { biasGelu, fusedGelu } from "./gelu.ts";
import { countOps, lower } from "./lower.ts";
import { matMul, matrixTranspose } from "./matmul.ts";
import { quantizeProducts, weightProducts } from "./quantize.ts";
import type { Outputs } from "./rewrite.ts";
import { input, parameter } from "./value.ts";
import { nodesOf } from "./walk.ts";

const x = input("x", [2, 3, 8], "batch");
const [w, v, b] = [parameter("w", [8, 5]), parameter("v", [6, 8]), parameter("b", [5])];
const feeds: Record<string, Tensor<"float32">> = {
  x: uniform("x", [2, 3, 8], -1, 2),
  w: uniform("w", [8, 5]),
  v: uniform("v", [6, 8], -3, 3),
  b: uniform("b", [5]),
};
const weights = new Map(Object.entries(feeds));
const range = byteRange(-1, 2);
const ranges = (...names: string[]) => new Map(names.map((name) => [name, range]));

function work(outputs: Outputs): Record<string, number> {
  const { Input, Constant, ...counts } = countOps(nodesOf(Object.values(outputs)));
  return counts;
}

describe("weightProducts", () => {
  it("finds products of the batch with weights, whichever way they are stored", () => {
    const found = weightProducts(lower({ y: matMul(x, w), z: matMul(x, matrixTranspose(v)) }));
    expect(found.map(({ weight, transposed, macs }) => ({ weight, transposed, macs }))).toEqual([
      { weight: "w", transposed: false, macs: 6 * 8 * 5 },
      { weight: "v", transposed: true, macs: 6 * 8 * 6 },
    ]);
  });

  it("leaves products of two batch values alone, and counts one sample of a symbolic batch", () => {
    const tokens = input("tokens", [3, -1, 8], "batch");
    expect(weightProducts({ y: matMul(x, matrixTranspose(x)) })).toEqual([]);
    expect(weightProducts({ y: matMul(tokens, w) }).map(({ macs }) => macs)).toEqual([3 * 8 * 5]);
  });
});

describe("quantizeProducts", () => {
  it("makes products of bytes, one set of bytes for one operand, biases inside", () => {
    const outputs = lower({ y: add(matMul(x, w), b), z: matMul(x, matrixTranspose(v)) });
    expect(work(quantizeProducts(outputs, weights, ranges("w", "v")))).toEqual({
      QuantizeLinear: 1,
      MatMulIntegerToFloat: 2,
    });
    expect(work(quantizeProducts(outputs, weights, new Map([["w", "dynamic"]])))).toEqual({
      DynamicQuantizeLinear: 1,
      MatMulIntegerToFloat: 1,
      FusedMatMul: 1,
    });
  });

  it("takes the bias out of GELU", async () => {
    const outputs = { y: biasGelu(matMul(x, w), b) };
    const quantized = quantizeProducts(outputs, weights, ranges("w"));
    expect(work(quantized)).toEqual({ QuantizeLinear: 1, MatMulIntegerToFloat: 1, Gelu: 1 });
    const apart = quantizeProducts({ y: add(matMul(x, w), b) }, weights, ranges("w"));
    const expected = await evaluate({ y: fusedGelu(apart.y!) }, feeds);
    expect((await evaluate(quantized, feeds)).y).toEqual(expected.y);
  });

  it("leaves a product that is read twice without its bias", () => {
    const product = matMul(x, w);
    const outputs = quantizeProducts({ y: add(product, b), z: relu(product) }, weights, ranges("w"));
    expect(work(outputs)).toMatchObject({ MatMulIntegerToFloat: 1, Add: 1, Relu: 1 });
  });

  it("changes nothing that is not named", () => {
    const outputs = { y: add(matMul(x, w), b) };
    expect(quantizeProducts(outputs, weights, ranges("v")).y).toBe(outputs.y);
  });

  // |x w − x̂ ŵ| ≤ Σ |x| δw + |w| δx + δx δw with half a step of either, and float32's rounding.
  it.each([
    ["as stored", matMul(x, w), feeds.w!, false],
    ["transposed", matMul(x, matrixTranspose(v)), feeds.v!, true],
  ] as const)("is within half a step of either operand: a weight %s", async (_, y, weight, transposed) => {
    const outputs = lower({ y });
    const quantized = quantizeProducts(outputs, weights, ranges("w", "v"));
    const [exact, bytes] = [await evaluate(outputs, feeds), await evaluate(quantized, feeds)];
    const { scales } = quantizeColumns(weight, transposed);
    const columns = scales.data.length;
    const at = (k: number, j: number) => weight.data[transposed ? j * 8 + k : k * columns + j]!;
    for (let row = 0; row < 6; row++) {
      for (let j = 0; j < columns; j++) {
        let bound = 1e-5;
        for (let k = 0; k < 8; k++) {
          const [dx, dw] = [range.scale / 2, scales.data[j]! / 2];
          bound += Math.abs(feeds.x!.data[row * 8 + k]!) * dw + Math.abs(at(k, j)) * dx + dx * dw;
        }
        const i = row * columns + j;
        expect(Math.abs((bytes.y!.data as Float32Array)[i]! - (exact.y!.data as Float32Array)[i]!)).toBeLessThan(bound);
      }
    }
  });

  it("is exact where all values are bytes already", async () => {
    const whole = {
      ...feeds,
      x: float32(
        feeds.x!.data.map((_, i) => (i % 5) - 2),
        [2, 3, 8],
      ),
    };
    const steps = float32(
      Array.from({ length: 40 }, (_, i) => (i < 5 ? 64 : (i % 7) - 3)),
      [8, 5],
    );
    const outputs = { y: mul(add(matMul(x, w), b), b) };
    const quantized = quantizeProducts(outputs, new Map([["w", steps]]), new Map([["w", { scale: 1, zero: 128 }]]));
    const given = { ...whole, w: steps };
    expect((await evaluate(quantized, given)).y!.data).toEqual((await evaluate(outputs, given)).y!.data);
  });
});
