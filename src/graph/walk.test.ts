import { describe, expect, it } from "vitest";
import { peelAffine } from "./affine.ts";
import { batchDependence } from "./dependence.ts";
import { add, mul } from "./elementwise.ts";
import { centreWeights, fold } from "./fold.ts";
import { gradients } from "./gradient.ts";
import { reshape, transpose } from "./layout.ts";
import { lower } from "./lower.ts";
import { matMul } from "./matmul.ts";
import { printGraph } from "./print.ts";
import { reduceMean } from "./reduce.ts";
import { deduplicate, rewrite } from "./rewrite.ts";
import { splitByBatch } from "./split.ts";
import { trainingGraphs } from "./training.ts";
import { input, parameter, scalar, type Value } from "./value.ts";
import { consumers, dependents, nodesOf } from "./walk.ts";

const DEPTH = 20_000;
const x = input("x", [2], "batch");
const w = parameter("w", [2]);

/** x w + w, times w, plus w …: `DEPTH` nodes, all on one path. */
function chain(start: Value): Value {
  let value = start;
  for (let i = 0; i < DEPTH; i++) value = i % 2 ? add(value, w) : mul(value, w);
  return value;
}

describe("nodesOf", () => {
  it("gives inputs before consumers, each node once", () => {
    const [a, b] = [add(x, w), mul(x, w)];
    const value = add(mul(a, b), a);
    const order = nodesOf([value, b]);
    expect(new Set(order).size).toBe(order.length);
    expect(order.length).toBe(6);
    for (const [i, node] of order.entries()) {
      for (const { node: before } of node.inputs) expect(order.indexOf(before)).toBeLessThan(i);
    }
  });

  it("knows the consumers of a value and what depends on it", () => {
    const [a, b] = [add(x, w), mul(w, w)];
    const value = add(a, b);
    expect(
      consumers([value])
        .get(w)!
        .map(({ op }) => op.type),
    ).toEqual(["Add", "Mul", "Mul"]);
    const reached = dependents([value], (node) => node === x.node);
    expect([x, a, b, w, value].map(({ node }) => reached.has(node))).toEqual([true, true, false, false, true]);
  });
});

describe("dependence on the batch", () => {
  it("follows inputs, not constants or parameters", () => {
    const isBatch = batchDependence();
    expect([x, w, scalar(1), mul(w, w), add(mul(w, w), x)].map(isBatch)).toEqual([true, false, false, false, true]);
  });
});

describe(`a path of ${DEPTH} nodes`, () => {
  const deep = chain(x);
  const frozen = chain(w);
  const layout = Array.from({ length: DEPTH / 2 }).reduce<Value>(
    (v, _, i) => (i % 2 ? reshape(v, [2, 3]) : transpose(reshape(v, [3, 2]), [1, 0])),
    mul(input("x", [2, 3], "batch"), parameter("s", [])),
  );

  it.each<[string, () => unknown]>([
    ["nodesOf", () => nodesOf([deep])],
    ["dependents", () => dependents([deep], (node) => node === x.node)],
    ["consumers", () => consumers([deep])],
    ["batchDependence", () => batchDependence()(deep)],
    ["gradients", () => gradients([{ value: deep, seed: w }], [x, w])],
    ["peelAffine", () => peelAffine(deep, batchDependence())],
    ["peelAffine through layout", () => peelAffine(layout, batchDependence())],
    ["rewrite", () => rewrite({ deep }, () => undefined)],
    ["deduplicate", () => deduplicate({ deep })],
    ["fold", () => fold({ deep: matMul(reshape(deep, [1, 2]), parameter("m", [2, 2])) })],
    ["centreWeights", () => centreWeights({ deep })],
    ["lower", () => lower({ deep })],
    ["printGraph", () => printGraph({ deep })],
    ["splitByBatch", () => splitByBatch({ deep: add(deep, frozen) })],
    ["trainingGraphs", () => trainingGraphs({ loss: reduceMean(add(deep, frozen), [0], false) }, new Map([["w", w]]))],
  ])("does not overflow the stack of %s", (_, run) => expect(run() !== undefined).toBe(true));

  it("keeps its meaning through a split: what crosses is cut once", () => {
    const { prepared, inputs, outputs } = splitByBatch({ deep: add(deep, frozen) });
    expect(Object.keys(prepared)).toEqual(["w", "prepared.1"]);
    expect(Object.keys(inputs)).toEqual(Object.keys(prepared));
    expect(nodesOf([outputs.deep!]).length).toBe(DEPTH + 4); // the chain, its sum with the frozen one, three inputs
  });
});
