import { describe, expect, it } from "vitest";
import { disagreement } from "../../test/gradient/check.ts";
import { batchDependence } from "./dependence.ts";
import { add, mul } from "./elementwise.ts";
import { centreWeights, fold, foldings } from "./fold.ts";
import { reshape, slice, transpose } from "./layout.ts";
import { countOps } from "./lower.ts";
import { matMul } from "./matmul.ts";
import { isStandardize, layerNormalization, softmax, standardize } from "./normalize.ts";
import type { Outputs } from "./rewrite.ts";
import { input, isInput, parameter, scalar, type Value } from "./value.ts";
import { nodesOf } from "./walk.ts";

const x = (...shape: number[]) => input("x", shape, "batch");
const y = (...shape: number[]) => input("y", shape, "batch");
const p = (name: string, ...shape: number[]) => parameter(name, shape);
const weight = (rows: number, columns: number) => p("w", rows, columns);
const turned = (rows: number, columns: number) => transpose(p("w", columns, rows), [1, 0]);

/** Ops that run for every micro-batch; a LayerNorm without scale and shift counts as `standardize`. */
function batchWork(outputs: Outputs): Record<string, number> {
  const isBatch = batchDependence();
  const nodes = nodesOf(Object.values(outputs)).filter(({ outputs: [v] }) => !isInput(v!) && isBatch(v!));
  const { LayerNormalization: all = 0, ...counts } = countOps(nodes);
  const plain = nodes.filter(({ outputs: [v] }) => isStandardize(v!)).length;
  const affine = all - plain;
  return { ...counts, ...(plain && { standardize: plain }), ...(affine && { LayerNormalization: affine }) };
}

const x34 = x(3, 4);
const values = y(2, 3, 4);
const normalized = layerNormalization(x34, p("gamma", 4), p("beta", 4), 1e-5);
const projected = (w: Value) => add(matMul(x(2, 3, 4), w), p("b", w.shape[1]!));
const scores = softmax(matMul(x(2, 3, 4), transpose(values, [0, 2, 1])));
const biased = (value: Value) => add(value, p("c", value.shape.at(-1)!));
const s4 = p("s", 4);
const t4 = p("t", 4);

interface Case {
  readonly rule: keyof typeof foldings;
  readonly what: string;
  readonly value: Value;
  /** Work per micro-batch with the rule. */
  readonly folded: Record<string, number>;
}

const row = (rule: Case["rule"], what: string, value: Value, folded: Case["folded"]): Case => ({
  rule,
  what,
  value,
  folded,
});
const attended = { Transpose: 1, MatMul: 3, Softmax: 1, Add: 1 };

const cases: readonly Case[] = [
  row("layerNorm", "into a product", matMul(normalized, weight(4, 5)), { standardize: 1, MatMul: 1, Add: 1 }),
  row("layerNorm", "into a linear", biased(matMul(normalized, turned(4, 2))), { standardize: 1, MatMul: 1, Add: 1 }),
  row("scale", "a number", mul(projected(weight(4, 5)), scalar(0.5)), { MatMul: 1, Add: 1 }),
  row("scale", "a vector", mul(projected(weight(4, 5)), p("s", 5)), { MatMul: 1, Add: 1 }),
  row("scale", "on the left, turned weight", mul(p("s", 5), projected(turned(4, 5))), { MatMul: 1, Add: 1 }),
  row("scale", "leading 1s", mul(matMul(x(2, 3, 4), weight(4, 5)), p("s", 1, 1, 5)), { MatMul: 1 }),
  row("product", "scale and shift", matMul(add(mul(x(2, 3, 4), s4), t4), weight(4, 2)), { MatMul: 1, Add: 1 }),
  row("product", "numbers, turned", matMul(mul(add(x34, scalar(2)), scalar(0.5)), turned(4, 2)), { MatMul: 1, Add: 1 }),
  row("product", "below Reshape", biased(matMul(reshape(add(x(2, 3, 4), t4), [6, 4]), weight(4, 2))), {
    Reshape: 1,
    MatMul: 1,
    Add: 1,
  }),
  row("product", "joined heads", biased(matMul(reshape(add(x(3, 2, 4), p("t", 2, 4)), [3, 8]), weight(8, 2))), {
    Reshape: 1,
    MatMul: 1,
    Add: 1,
  }),
  row("product", "transposed", biased(matMul(transpose(add(x(4, 2, 3), p("t", 4, 1, 1)), [2, 1, 0]), weight(4, 2))), {
    Transpose: 1,
    MatMul: 1,
    Add: 1,
  }),
  row("product", "below Slice", matMul(slice(mul(x(3, 6), p("s", 6)), 1, 1, 5), weight(4, 2)), { Slice: 1, MatMul: 1 }),
  row("attention", "bias of the values", biased(matMul(matMul(scores, add(values, t4)), weight(4, 2))), attended),
  row(
    "attention",
    "bias by head",
    biased(matMul(matMul(scores, add(values, p("t", 1, 1, 4))), weight(4, 2))),
    attended,
  ),
  row("shifts", "two vectors", add(add(x(2, 3), p("p", 3)), p("q", 3)), { Add: 1 }),
  row("shifts", "a vector and a table", add(add(x(2, 3), p("p", 3)), p("q", 2, 3)), { Add: 1 }),
];

describe("each rule", () => {
  it.each(cases)("$rule: $what", async ({ rule, value, folded }) => {
    const on = fold({ value });
    const off = fold({ value }, [rule]);
    expect(batchWork(on)).toEqual(folded);
    expect(batchWork(off)).not.toEqual(folded);
    expect(await disagreement({ value }, on)).toBeLessThan(1e-6);
    expect(await disagreement({ value }, off)).toBeLessThan(1e-6);
  });

  it("has a case", () => {
    expect(Object.keys(foldings).filter((rule) => !cases.some((c) => c.rule === rule))).toEqual([]);
  });
});

const untouched: Record<string, Value> = {
  "a scale that varies by row": mul(matMul(x(3, 4), weight(4, 5)), p("s", 3, 1)),
  "a scale that adds an axis": mul(matMul(x(3, 4), weight(4, 5)), p("s", 2, 1, 1)),
  "a scale that depends on the batch": mul(matMul(x(3, 4), weight(4, 5)), y(3, 5)),
  "a shift that varies by row before a product": matMul(add(x(3, 4), p("t", 3, 1)), weight(4, 5)),
  "a shift that adds an axis before a product": matMul(add(x(3, 4), p("t", 2, 3, 4)), weight(4, 5)),
  "a vector made a matrix by its shift": matMul(add(x(4), p("t", 1, 4)), weight(4, 5)),
  "a factor whose axis is mixed by Reshape": matMul(reshape(mul(x(2, 3, 4), p("s", 3, 1)), [2, 12]), weight(12, 2)),
  "the same, to a width that happens to fit": matMul(reshape(mul(x(2, 3, 4), p("s", 3, 1)), [8, 3]), weight(3, 2)),
  "a product with a batch of weights": matMul(add(x(2, 3, 4), p("t", 4)), p("w", 2, 4, 5)),
  "a product of two batch values": matMul(add(x(2, 3), p("t", 3)), y(3, 2)),
  "values scaled before attention": matMul(scores, mul(add(values, t4), s4)),
  "values shifted by row before attention": matMul(scores, add(values, p("t", 3, 1))),
  "weights that do not sum to one": matMul(mul(scores, p("keep", 2, 3, 3)), add(values, t4)),
  "a sum that the shift broadcasts": add(add(x(3), p("p", 2, 3)), p("q", 3)),
};

describe("where a rule must not act", () => {
  it.each(Object.entries(untouched))("%s", async (_, value) => {
    const folded = fold({ value });
    expect(batchWork(folded)).toEqual(batchWork({ value }));
    expect(await disagreement({ value }, folded)).toBeLessThan(1e-6);
  });
});

describe("LayerNorm", () => {
  it("whose affine part found no product is put together again", async () => {
    const folded = fold({ value: add(normalized, x34) });
    expect(batchWork(folded)).toEqual({ LayerNormalization: 1, Add: 1 });
    expect(await disagreement({ value: add(normalized, x34) }, folded)).toBe(0);
  });

  it("is not made of scales of another width", async () => {
    const value = add(mul(standardize(x(3, 4), 1e-5), p("gamma", 1)), p("beta", 4));
    const folded = fold({ value });
    expect(batchWork(folded)).toEqual({ standardize: 1, Mul: 1, Add: 1 });
    expect(await disagreement({ value }, folded)).toBe(0);
  });
});

describe("centred weights", () => {
  const hat = standardize(x(3, 4), 1e-5);
  const marked = (outputs: Outputs) =>
    nodesOf(Object.values(outputs)).filter(({ attributes }) => attributes.centred).length;

  it("where every consumer is a product, plain or turned", async () => {
    const outputs = { a: matMul(hat, p("u", 4, 5)), b: matMul(hat, turned(4, 2)) };
    const centred = centreWeights(outputs);
    expect(marked(centred)).toBe(1);
    expect(await disagreement(outputs, centred)).toBeLessThan(1e-6);
  });

  it.each<[string, Outputs]>([
    ["another consumer", { a: matMul(hat, p("u", 4, 5)), b: mul(hat, y(3, 4)) }],
    ["x̂ itself asked for", { a: matMul(hat, p("u", 4, 5)), hat }],
    ["x̂ as the right factor", { a: matMul(y(2, 3), hat) }],
    ["a product with the batch", { a: matMul(hat, y(4, 2)) }],
    ["an affine LayerNorm", { a: matMul(normalized, p("u", 4, 5)) }],
  ])("not with %s", (_, outputs) => expect(marked(centreWeights(outputs))).toBe(0));
});
