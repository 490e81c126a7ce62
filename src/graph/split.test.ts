import { describe, expect, it } from "vitest";
import { feedsFor, worstError } from "../../test/gradient/check.ts";
import { evaluate } from "../session/session.ts";
import { add, cast, greater, mul, where } from "./elementwise.ts";
import { transpose } from "./layout.ts";
import { matMul } from "./matmul.ts";
import { layerNormalization } from "./normalize.ts";
import { printGraph } from "./print.ts";
import { reduceMean } from "./reduce.ts";
import type { Outputs } from "./rewrite.ts";
import { splitByBatch } from "./split.ts";
import { input, inputName, isInput, parameter, scalar } from "./value.ts";
import { nodesOf } from "./walk.ts";

const x = input("x", [3, 4], "batch");
const w = parameter("w", [4, 4]);
const wide = parameter("wide", [2, 4]); // read turned, as [4, 2]
const tall = parameter("tall", [8, 4]); // read turned, as [4, 8]
const b = parameter("b", [4]);

/** Runs the prepared part, then the rest on what it gives. */
async function inTwoParts(outputs: Outputs) {
  const split = splitByBatch(outputs);
  const feeds = feedsFor(outputs);
  const computed = Object.fromEntries(Object.entries(split.prepared).filter(([, value]) => !isInput(value)));
  const prepared = Object.keys(computed).length ? await evaluate(computed, feeds, { threads: 1 }) : {};
  return { split, results: await evaluate(split.outputs, { ...feeds, ...prepared }, { threads: 1 }) };
}

const cases: Record<string, { outputs: Outputs; prepared: string[] }> = {
  "parameters used as they are": { outputs: { y: add(matMul(x, w), b) }, prepared: ["w", "b"] },
  "a product of parameters": { outputs: { y: matMul(x, mul(w, b)) }, prepared: ["prepared.0"] },
  "the same prepared value twice": { outputs: { y: mul(add(x, b), b), z: add(x, b) }, prepared: ["b"] },
  "a wide weight is cut before its transposition": {
    outputs: { y: matMul(x, transpose(wide, [1, 0])) },
    prepared: ["wide"],
  },
  "a tall one after it": { outputs: { y: matMul(x, transpose(tall, [1, 0])) }, prepared: ["prepared.0"] },
  "a wide weight that is also used turned": {
    outputs: { y: matMul(x, transpose(wide, [1, 0])), z: matMul(matMul(x, transpose(wide, [1, 0])), wide) },
    prepared: ["wide"],
  },
  "constants stay where they are": { outputs: { y: mul(add(x, mul(scalar(2), scalar(3))), scalar(2)) }, prepared: [] },
  "an output from parameters alone": {
    outputs: { y: matMul(x, w), norm: reduceMean(mul(w, w), [0, 1], false), kept: b },
    prepared: ["w", "prepared.1", "b"],
  },
  "a condition from parameters": {
    outputs: { y: where(greater(b, scalar(0)), x, mul(x, b)) },
    prepared: ["b", "prepared.1"],
  },
  "an integer from parameters": { outputs: { y: add(cast(x, "int64"), cast(b, "int64")) }, prepared: ["prepared.0"] },
  "an op with several outputs": {
    outputs: { y: layerNormalization(x, mul(b, b), b, 1e-5) },
    prepared: ["prepared.0", "b"],
  },
};

describe("splitByBatch", () => {
  it.each(Object.entries(cases))("%s", async (_, { outputs, prepared }) => {
    const { split, results } = await inTwoParts(outputs);
    expect(Object.keys(split.prepared)).toEqual(prepared);
    const expected = await evaluate(outputs, feedsFor(outputs), { threads: 1 });
    for (const [name, { data, dtype }] of Object.entries(expected)) {
      expect(results[name]!.dtype).toBe(dtype);
      expect(worstError(Array.from(results[name]!.data, Number), Array.from(data, Number)), name).toBeLessThan(1e-6);
    }
  });

  it.each(Object.entries(cases))("%s: the rest reads the batch and the prepared values only", (_, { outputs }) => {
    const split = splitByBatch(outputs);
    const read = nodesOf(Object.values(split.outputs)).flatMap(({ outputs: [v] }) => (isInput(v!) ? [v!] : []));
    const given = new Set([...Object.values(split.inputs), x]);
    expect(read.filter((value) => !given.has(value)).map(inputName)).toEqual([]);
  });

  it("prints as what runs once and what runs every time", () => {
    const { prepared, outputs } = splitByBatch({ y: add(matMul(x, transpose(mul(tall, b), [1, 0])), scalar(1)) });
    expect(printGraph(prepared)).toMatchInlineSnapshot(`
      "%2 [8,4] = Mul(tall, b)
      %3 [4,8] = Transpose(%2, perm=[1,0])
      return prepared.0 = %3"
    `);
    expect(printGraph(outputs)).toMatchInlineSnapshot(`
      "%2 [3,8] = MatMul(x, prepared.0)
      %4 [3,8] = Add(%2, (1))
      return y = %4"
    `);
  });
});
