import { describe, expect, it } from "vitest";
import { float32, int64 } from "../tensor/tensor.ts";
import { add, exp, mul, neg } from "./elementwise.ts";
import { reshape, transpose } from "./layout.ts";
import { standardize } from "./normalize.ts";
import { printGraph } from "./print.ts";
import { deduplicate, rewrite } from "./rewrite.ts";
import { applyAll, constant, input, integers, parameter, scalar } from "./value.ts";
import { nodesOf } from "./walk.ts";

const x = input("x", [2, 3], "batch");
const w = parameter("w", [3]);
const nodes = (...values: Parameters<typeof nodesOf>[0][]) => nodesOf(values.flatMap((v) => [...v])).length;

describe("rewrite", () => {
  it("replaces bottom-up: a rule sees what became of its inputs", () => {
    const once = rewrite({ y: neg(neg(neg(neg(neg(x))))) }, ({ op, inputs: [v] }) =>
      op.type === "Neg" && v!.node.op.type === "Neg" ? v!.node.inputs[0] : undefined,
    );
    expect(printGraph(once)).toBe("%1 [2,3] = Neg(x)\nreturn y = %1");
  });

  it("keeps nodes that no rule touches, and whatever lies below them", () => {
    const [kept, changed] = [add(x, w), exp(x)];
    const result = rewrite({ kept, changed }, ({ op }) => (op.type === "Exp" ? x : undefined));
    expect([result.kept === kept, result.changed === x]).toEqual([true, true]);
  });

  it("asks rules in order and stops at the first answer", () => {
    const asked: string[] = [];
    const rule = (name: string, answers: boolean) => () => {
      asked.push(name);
      return answers ? x : undefined;
    };
    rewrite({ y: exp(x) }, rule("a", false), rule("b", true), rule("c", true));
    expect(asked).toEqual(["a", "b", "a", "b"]); // for the input and for Exp
  });

  it("tells what became of any value before", () => {
    const square = mul(x, x);
    const y = add(exp(square), w);
    rewrite({ y }, ({ op }, _, now) => {
      if (op.type === "Mul") return neg(x);
      if (op.type === "Add") expect(now(square).node.op.type).toBe("Neg");
      return undefined;
    });
    expect.assertions(1);
  });

  it("follows later outputs of a rebuilt node", () => {
    const [, mean] = standardize(exp(x), 1e-5).node.outputs;
    const { y } = rewrite({ y: mean! }, ({ op }) => (op.type === "Exp" ? x : undefined));
    expect(y!.index).toBe(1);
    expect(y!.node.inputs[0] === x).toBe(true);
  });

  it("refuses a rule that changes a shape", () => {
    expect(() => rewrite({ y: add(x, w) }, ({ op }) => (op.type === "Add" ? w : undefined))).toThrow(
      new RangeError("rewrite: Add of shape [2,3] would become [3]"),
    );
  });
});

describe("deduplicate", () => {
  it("merges nodes with the same op, inputs and attributes, however deep", () => {
    const tower = () => exp(mul(add(input("x", [2, 3], "batch"), scalar(2)), transpose(reshape(x, [3, 2]), [1, 0])));
    const { a, b } = deduplicate({ a: tower(), b: tower() });
    expect(a === b).toBe(true);
  });

  it.each([
    ["another order of inputs", add(x, w), add(w, x)],
    ["another input", exp(x), exp(input("y", [2, 3], "batch"))],
    [
      "another attribute",
      transpose(input("s", [2, 2, 2], "batch"), [1, 0, 2]),
      transpose(input("s", [2, 2, 2], "batch"), [2, 1, 0]),
    ],
    ["another op", exp(x), neg(x)],
    ["another number", add(x, scalar(1)), add(x, scalar(2))],
    ["zero and minus zero", mul(x, scalar(0)), mul(x, scalar(-0))],
    ["another shape of a constant", add(x, constant(float32([1], [1]))), add(x, scalar(1))],
  ])("keeps apart %s", (_, a, b) => {
    const merged = deduplicate({ a, b });
    expect(merged.a === merged.b).toBe(false);
  });

  it("tells dtypes of constants apart", () => {
    const { a, b } = deduplicate({ a: constant(int64([1], [1])), b: constant(float32([1], [1])) });
    expect(a === b).toBe(false);
  });

  it("merges small constants by content, large ones not", () => {
    const many = () => integers(Array.from({ length: 65 }, (_, i) => i));
    const few = () => integers([1, -1, 2 ** 40]);
    const { a, b, c, d } = deduplicate({ a: many(), b: many(), c: few(), d: few() });
    expect(c === d).toBe(true);
    expect(a === b).toBe(false);
  });

  it("leaves nodes with several outputs alone", () => {
    const pair = () => standardize(x, 1e-5);
    const merged = deduplicate({ a: pair(), b: pair() });
    expect(nodes(Object.values(merged))).toBe(5); // x, γ, β and two LayerNormalizations
    expect(applyAll(pair().node.op, pair().node.inputs, pair().node.attributes).length).toBe(3);
  });
});
