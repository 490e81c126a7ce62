import { describe, expect, it } from "vitest";
import { add, cast, erf, exp, mul } from "../graph/elementwise.ts";
import { gather } from "../graph/indexing.ts";
import { layoutOps, reshape, transpose } from "../graph/layout.ts";
import { fusedMatMul, matMul } from "../graph/matmul.ts";
import { normalizeOps, standardize } from "../graph/normalize.ts";
import { apply, constant, input, integers, parameter } from "../graph/value.ts";
import { evaluate } from "../session/session.ts";
import { float32, int64 } from "../tensor/tensor.ts";
import { toModel } from "./model.ts";

const x = input("x", [2, 3], "batch");
const integersIn = (raw: Uint8Array) => Array.from(new BigInt64Array(raw.slice().buffer), Number);

describe("toModel", () => {
  it("transcribes nodes in order, with their attributes as ONNX types them", () => {
    const { graph, opsets, irVersion } = toModel({
      y: fusedMatMul(x, standardize(x, 1e-5, true), { transB: 1, alpha: 2 }),
    });
    const [norm, product] = graph.nodes;
    expect(norm!.attributes).toEqual([
      { name: "axis", type: "int", value: -1 },
      { name: "epsilon", type: "float", value: 1e-5 },
    ]); // and not `centred`, which is ours
    expect(norm!.outputs.length).toBe(3);
    expect(product).toMatchObject({ opType: "FusedMatMul", domain: "com.microsoft", outputs: ["y"] });
    expect(product!.attributes).toContainEqual({ name: "alpha", type: "float", value: 2 });
    expect(product!.attributes).toContainEqual({ name: "transB", type: "int", value: 1 });
    expect([irVersion, opsets]).toEqual([
      8,
      [
        { domain: "", version: 18 },
        { domain: "com.microsoft", version: 1 },
      ],
    ]);
  });

  it("writes multiples of the symbolic batch by name, and as −1 in a Reshape's target only", () => {
    const pixels = input("pixels", [-1, 4], "batch");
    const twice = reshape(pixels, [-2, 2]);
    const { graph } = toModel({ y: add(cast(integers([-2, -7]), "float32"), twice) });
    expect(graph.inputs).toEqual([{ name: "pixels", dtype: "float32", dims: ["batch", 4] }]);
    expect(graph.outputs[0]!.dims).toEqual(["2*batch", 2]);
    expect(graph.initializers.map(({ raw }) => integersIn(raw))).toEqual([
      [-2, -7],
      [-1, 2],
    ]);
  });

  it("keeps apart a Reshape's target and the same constant used otherwise", async () => {
    const shape = integers([-2, 2]);
    const reshaped = apply(layoutOps.Reshape, [input("p", [-1, 4], "batch"), shape]);
    const results = await evaluate({ reshaped, sum: add(shape, shape) }, { p: float32([1, 2, 3, 4], [1, 4]) });
    expect(results.reshaped!.shape).toEqual([2, 2]);
    expect(Array.from(results.sum!.data, Number)).toEqual([-4, 4]);
  });

  it("turns weights into initializers under their names", async () => {
    const w = parameter("w", [3, 1]);
    const weights = new Map([["w", float32([1, 10, 100], [3, 1])]]);
    const { graph } = toModel({ y: matMul(x, w) }, { weights, name: "named", metadata: { task: "test" } });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(graph.initializers.map(({ name, dims }) => [name, dims])).toEqual([["w", [3, 1]]]);
    expect(graph.name).toBe("named");
  });

  it.each([
    ["an input", { y: x }],
    ["a constant", { y: constant(float32([5], [1])) }],
    ["the same value twice", { y: exp(x), z: exp(x) }],
  ])("can return %s", async (_, outputs) => {
    const value = "z" in outputs ? { y: outputs.y, z: outputs.y } : outputs;
    const results = await evaluate(value, { x: float32([0, 1, 2, 3, 4, 5], [2, 3]) });
    expect(Object.keys(results)).toEqual(Object.keys(value));
    for (const { data } of Object.values(results)) expect(data).toEqual(results.y!.data);
  });

  it("makes names that no input or output has", async () => {
    const named = ["v0", "v1", "v2", "v3", "c0", "c1"].map((name) => input(name, [1], "batch"));
    const sum = named.reduce((a, b) => add(a, b));
    const outputs = {
      v4: mul(sum, constant(float32([2], [1]))),
      _v3: erf(sum),
      v5: transpose(reshape(sum, [1, 1]), [1, 0]),
    };
    const feeds = Object.fromEntries(
      named.map((value, i) => [value.node.attributes.name as string, float32([2 ** i], [1])]),
    );
    expect(Array.from((await evaluate(outputs, feeds)).v4!.data, Number)).toEqual([126]);
  });

  it("keeps negative indices of other ops", async () => {
    const table = constant(float32([1, 2, 3, 4], [4]));
    const { y } = await evaluate({ y: gather(table, constant(int64([-2, -4], [2]))) });
    expect(Array.from(y!.data, Number)).toEqual([3, 1]);
  });

  it("refuses a fraction where ONNX wants an integer", () => {
    const half = apply(normalizeOps.Softmax, [x], { axis: 0.5 });
    expect(() => toModel({ y: half })).toThrow("Softmax: attribute axis is 0.5, expected an integer");
  });
});
