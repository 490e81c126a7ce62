import { describe, expect, it } from "vitest";
import { disagreement, withGradients } from "../../test/gradient/check.ts";
import { gelu } from "../nn/layers.ts";
import { int64, type Tensor, zeros } from "../tensor/tensor.ts";
import { add, erf, exp, mul } from "./elementwise.ts";
import { fuseGelu } from "./gelu.ts";
import { addRows, takeSamples } from "./indexing.ts";
import { reshape, transpose } from "./layout.ts";
import { countOps, lower, lowerings } from "./lower.ts";
import { matMul, matrixTranspose } from "./matmul.ts";
import { softmax } from "./normalize.ts";
import { reduceSum } from "./reduce.ts";
import type { Outputs } from "./rewrite.ts";
import { constant, input, scalar, type Value } from "./value.ts";
import { nodesOf } from "./walk.ts";

const x = (...shape: number[]) => input("x", shape, "batch");
const y = (...shape: number[]) => input("y", shape, "batch");
const z = (...shape: number[]) => input("z", shape, "batch");

function work(outputs: Outputs): Record<string, number> {
  const { Input, Constant, ...counts } = countOps(nodesOf(Object.values(outputs)));
  return counts;
}

/** Width of the numbers that ReduceSum adds up in the last axis of rank-4 values. */
const summedWidths = (outputs: Outputs) =>
  nodesOf(Object.values(outputs)).flatMap(({ op, inputs: [v] }) => (op.type === "ReduceSum" ? [v!.shape.at(-1)] : []));

/** Attention over heads, as the model writes it: N = 5 tokens, B = 2, h = 3, d = 4. */
function attention(): Value {
  const heads = (v: Value) => reshape(v, [5, 2, 3, 4]);
  const scores = matMul(transpose(heads(x(5, 2, 12)), [1, 2, 0, 3]), transpose(heads(y(5, 2, 12)), [1, 2, 3, 0]));
  const context = matMul(softmax(scores), transpose(heads(z(5, 2, 12)), [1, 2, 0, 3]));
  return reshape(transpose(context, [2, 0, 1, 3]), [5, 2, 12]);
}

/** x (1 + erf x), whose derivative is g (1 + erf x) + (g x) erf′ x. */
const bell = withGradients(bellOf(x(3, 4)));
function bellOf(u: Value): Value {
  return mul(u, add(erf(u), scalar(1)));
}

interface Case {
  readonly pass: keyof typeof lowerings;
  readonly what: string;
  readonly outputs: Outputs;
  /** Values of inputs that are not float32. */
  readonly feeds?: Readonly<Record<string, Tensor>>;
  /** A count that the pass changes, with and without it. */
  readonly count: (outputs: Outputs) => unknown;
  readonly on: unknown;
  readonly off: unknown;
}

const count = (type: string) => (outputs: Outputs) => work(outputs)[type] ?? 0;
const places = (values: number[], ...shape: number[]) => constant(int64(values, shape));
const turn = (v: Value, ...perm: number[]) => transpose(v, perm);

/** Σ over an axis of (dO Vᵀ) P: softmax's backward pass when it is the last one. */
function rowProducts(axis: number): Outputs {
  const [p, v] = [softmax(x(2, 3, 5)), y(2, 5, 4)];
  const dP = matMul(z(2, 3, 4), transpose(v, [0, 2, 1]));
  return { sums: reduceSum(mul(dP, p), [axis], true), context: matMul(p, v) };
}

const cases: readonly Case[] = [
  {
    pass: "rowSums",
    what: "softmax's backward pass",
    outputs: withGradients(attention()),
    count: summedWidths,
    on: [4],
    off: [5],
  },
  {
    pass: "rowSums",
    what: "values that are not transposed themselves",
    outputs: withGradients(matMul(softmax(x(2, 3, 5)), y(2, 5, 4))),
    count: summedWidths,
    on: [4],
    off: [5],
  },
  { pass: "rowSums", what: "the last axis", outputs: rowProducts(2), count: summedWidths, on: [4], off: [5] },
  { pass: "rowSums", what: "not another axis", outputs: rowProducts(1), count: summedWidths, on: [5], off: [5] },
  {
    pass: "factor",
    what: "the backward pass of x (1 + erf x)",
    outputs: bell,
    count: count("Mul"),
    on: 4,
    off: 5,
  },
  {
    pass: "addInto",
    what: "a gradient back from some of the samples",
    outputs: {
      v: add(y(2, 3, 4), reshape(addRows(constant(zeros([6, 4])), places([0, 2, 5], 3), x(3, 4)), [2, 3, 4])),
    },
    count: count("Add"),
    on: 0,
    off: 1,
  },
  {
    pass: "addInto",
    what: "the other way round, rows",
    outputs: { v: add(addRows(constant(zeros([3, 4])), places([2, 0], 2), x(2, 4)), y(3, 4)) },
    count: count("Add"),
    on: 0,
    off: 1,
  },
  {
    pass: "addInto",
    what: "not into what is not zero",
    outputs: { v: add(y(3, 4), addRows(z(3, 4), places([2, 0], 2), x(2, 4))) },
    count: count("Add"),
    on: 1,
    off: 1,
  },
  {
    pass: "addInto",
    what: "not where it would be spread",
    outputs: { v: add(y(4), addRows(constant(zeros([3, 4])), places([2, 0], 2), x(2, 4))) },
    count: count("Add"),
    on: 1,
    off: 1,
  },
  {
    pass: "leadingSums",
    what: "one axis",
    outputs: { v: reduceSum(x(3, 4), [0], false) },
    count: count("ReduceSum"),
    on: 0,
    off: 1,
  },
  {
    pass: "leadingSums",
    what: "two axes of three, kept",
    outputs: { v: reduceSum(x(3, 2, 4), [0, 1], true) },
    count: count("ReduceSum"),
    on: 0,
    off: 1,
  },
  {
    pass: "leadingSums",
    what: "as many rows as turn out to be chosen",
    outputs: { v: reduceSum(takeSamples(x(3, 4, 2), 1, input("chosen", [-1], "batch", "int64")), [0, 1], false) },
    feeds: { chosen: int64([0, 2, 3], [3]) },
    count: count("ReduceSum"),
    on: 0,
    off: 1,
  },
  {
    pass: "leadingSums",
    what: "not an inner axis",
    outputs: { v: reduceSum(x(3, 2, 4), [1], true) },
    count: count("ReduceSum"),
    on: 1,
    off: 1,
  },
  {
    pass: "leadingSums",
    what: "not all axes",
    outputs: { v: reduceSum(x(3, 2), [0, 1], true) },
    count: count("ReduceSum"),
    on: 1,
    off: 1,
  },
  {
    pass: "turnProduct",
    what: "the gradient of a turned weight",
    outputs: { v: turn(matMul(turn(x(6, 4), 1, 0), y(6, 3)), 1, 0) },
    count: count("Transpose"),
    on: 1, // of y, which is the narrow one where it matters
    off: 2,
  },
  {
    pass: "turnProduct",
    what: "not a product whose left side is not turned",
    outputs: { v: turn(matMul(x(4, 6), y(6, 3)), 1, 0) },
    count: work,
    on: { MatMul: 1, Transpose: 1 },
    off: { MatMul: 1, Transpose: 1 },
  },
  {
    pass: "fuseTransposes",
    what: "a turned weight",
    outputs: { v: matMul(x(2, 3), turn(y(4, 3), 1, 0)) },
    count: work,
    on: { FusedMatMul: 1 },
    off: { Transpose: 1, MatMul: 1 },
  },
  {
    pass: "fuseTransposes",
    what: "not a turned matrix on the left",
    outputs: { v: matMul(turn(x(3, 2), 1, 0), turn(y(4, 3), 1, 0)) },
    count: work,
    on: { Transpose: 1, FusedMatMul: 1 },
    off: { Transpose: 2, MatMul: 1 },
  },
  {
    pass: "fuseTransposes",
    what: "both sides, rank 3",
    outputs: { v: matMul(turn(x(2, 4, 3), 0, 2, 1), turn(y(2, 5, 4), 0, 2, 1)) },
    count: work,
    on: { FusedMatMul: 1 },
    off: { Transpose: 2, MatMul: 1 },
  },
  {
    pass: "fuseTransposes",
    what: "tokens first",
    outputs: { v: matMul(turn(x(3, 2, 4), 1, 0, 2), turn(y(5, 2, 4), 1, 2, 0)) },
    count: work,
    on: { FusedMatMul: 1 },
    off: { Transpose: 2, MatMul: 1 },
  },
  {
    pass: "fuseTransposes",
    what: "an attention block",
    outputs: { v: attention() },
    count: count("Transpose"),
    on: 1,
    off: 4,
  },
  {
    pass: "fuseTransposes",
    what: "not another order",
    outputs: { v: matMul(turn(x(4, 3, 2), 2, 1, 0), y(2, 4, 3)) },
    count: work,
    on: { Transpose: 1, MatMul: 1 },
    off: { Transpose: 1, MatMul: 1 },
  },
  {
    pass: "fuseBias",
    what: "a vector before GELU",
    outputs: fuseGelu({ v: gelu(add(x(2, 3, 4), y(4))) }),
    count: work,
    on: { BiasGelu: 1 },
    off: { Add: 1, Gelu: 1 },
  },
  {
    pass: "fuseBias",
    what: "not a matrix before GELU",
    outputs: fuseGelu({ v: gelu(add(x(2, 3, 4), y(3, 4))) }),
    count: work,
    on: { Add: 1, Gelu: 1 },
    off: { Add: 1, Gelu: 1 },
  },
];

describe("each pass", () => {
  it.each(cases)("$pass: $what", async ({ pass, outputs, feeds, count: counted, on, off }) => {
    const lowered = lower(outputs);
    const without = lower(outputs, [pass]);
    expect(counted(lowered)).toEqual(on);
    expect(counted(without)).toEqual(off);
    expect(await disagreement(outputs, lowered, feeds)).toBeLessThan(1e-6);
    expect(await disagreement(outputs, without, feeds)).toBeLessThan(1e-6);
  });

  it("has a case", () => {
    expect(Object.keys(lowerings).filter((pass) => !cases.some((c) => c.pass === pass))).toEqual([]);
  });
});

describe("fuseGelu", () => {
  it("puts Gelu where it was written out", async () => {
    const written = { v: gelu(x(3, 4)), other: bellOf(y(3, 4)) };
    expect(work(fuseGelu(written))).toEqual({ Gelu: 1, Erf: 1, Add: 1, Mul: 1 });
    expect(await disagreement(written, fuseGelu(written))).toBeLessThan(1e-6);
  });
});

describe("FusedMatMul reads through a transposition", () => {
  it.each([
    ["of tokens before a plain matrix", [3, 2, 4], [1, 0, 2], [4, 5]],
    ["of tokens before a batch that is broadcast", [3, 2, 4], [1, 0, 2], [1, 4, 5]],
    ["of the last axes before a plain matrix", [2, 4, 3], [0, 2, 1], [4, 5]],
    ["of the last axes before more batch axes", [2, 4, 3], [0, 2, 1], [3, 2, 4, 5]],
    ["of tokens in rank 4, batch broadcast", [3, 1, 2, 4], [1, 2, 0, 3], [5, 1, 4, 2]],
    ["of tokens, a higher rank on the other side", [3, 2, 4], [1, 0, 2], [5, 2, 4, 2]],
  ])("%s: [%s] as [%s] times [%s]", async (_, a, perm, b) => {
    const left = { v: matMul(transpose(x(...a), perm), y(...b)) };
    expect(await disagreement(left, lower(left))).toBeLessThan(1e-6);
    const right = { v: matMul(matrixTranspose(y(...b)), matrixTranspose(transpose(x(...a), perm))) };
    expect(await disagreement(right, lower(right))).toBeLessThan(1e-6);
  });
});

describe("what traces leave behind is simplified", () => {
  const v = x(2, 3, 4);
  it.each<[string, Value, Record<string, number>]>([
    ["Transpose of Transpose", transpose(transpose(v, [1, 2, 0]), [1, 2, 0]), { Transpose: 1 }],
    ["Transpose undone", exp(transpose(transpose(v, [1, 2, 0]), [2, 0, 1])), { Exp: 1 }],
    ["Reshape of Reshape", reshape(reshape(v, [6, 4]), [24]), { Reshape: 1 }],
    ["Reshape undone", exp(reshape(reshape(v, [6, 4]), [2, 3, 4])), { Exp: 1 }],
    ["times one", exp(mul(v, scalar(1))), { Exp: 1 }],
    ["the same sum twice", mul(add(v, scalar(2)), add(v, scalar(2))), { Add: 1, Mul: 1 }],
  ])("%s", async (_, value, expected) => {
    expect(work(lower({ value }))).toEqual(expected);
    expect(await disagreement({ value }, lower({ value }))).toBe(0);
  });
});
