import { describe, expect, it } from "vitest";
import { add, mul, relu, tanh } from "../../src/graph/elementwise.ts";
import { centreWeights, fold, foldings } from "../../src/graph/fold.ts";
import { fuseGelu } from "../../src/graph/gelu.ts";
import { concat, pad, reshape, slice, transpose } from "../../src/graph/layout.ts";
import { lower, lowerings } from "../../src/graph/lower.ts";
import { matMul, matrixTranspose } from "../../src/graph/matmul.ts";
import { layerNormalization, softmax, standardize } from "../../src/graph/normalize.ts";
import { reduceMean, reduceSum } from "../../src/graph/reduce.ts";
import type { Outputs } from "../../src/graph/rewrite.ts";
import { input, parameter, scalar, type Value } from "../../src/graph/value.ts";
import { gelu } from "../../src/nn/layers.ts";
import { evaluate } from "../../src/session/session.ts";
import { type Random, random } from "../../src/tensor/random.ts";
import { sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { feedsFor, withGradients, worstError } from "../gradient/check.ts";

/** A random graph grows by one of these; each sees the value so far and may make parameters. */
interface Growth {
  readonly draw: Random;
  readonly parameter: (shape: readonly number[]) => Value;
}
type Step = (x: Value, growth: Growth) => Value;

const width = (x: Value) => x.shape.at(-1)!;

/** A shape that broadcasts against x: axes dropped from the front, others set to 1, now and then one more in front. */
function operand(x: Value, { draw, parameter: make }: Growth): Value {
  const from = draw.integer(x.shape.length + 1);
  const shape = x.shape.slice(from).map((d) => (draw.integer(4) === 0 ? 1 : d));
  const larger = draw.integer(8) === 0 && sizeOf(x.shape) < 40;
  return make(larger ? [2, ...x.shape.slice(0, from).map(() => 1), ...shape] : shape);
}

const vectorOf = (x: Value, { parameter: make }: Growth) => make([width(x)]);
const axisOf = (x: Value, { draw }: Growth) => draw.integer(x.shape.length);

function attend(x: Value, growth: Growth): Value {
  const weights = softmax(matMul(x, matrixTranspose(x)));
  return matMul(weights, growth.draw.integer(2) ? add(x, vectorOf(x, growth)) : add(x, operandOfRow(x, growth)));
}
const operandOfRow = (x: Value, { parameter: make }: Growth) => make([x.shape.at(-2)!, 1]);

const steps: readonly Step[] = [
  (x, growth) => add(x, operand(x, growth)),
  (x, growth) => add(operand(x, growth), x),
  (x, growth) => mul(x, operand(x, growth)),
  (x, growth) => add(x, vectorOf(x, growth)),
  (x, growth) => mul(vectorOf(x, growth), x),
  (x) => mul(x, scalar(0.5)),
  (x, growth) => matMul(x, growth.parameter([width(x), 1 + growth.draw.integer(4)])),
  (x, growth) => matMul(x, transpose(growth.parameter([1 + growth.draw.integer(4), width(x)]), [1, 0])),
  (x, growth) => layerNormalization(x, vectorOf(x, growth), vectorOf(x, growth), 0.1),
  (x, growth) =>
    matMul(layerNormalization(x, vectorOf(x, growth), vectorOf(x, growth), 0.1), growth.parameter([width(x), 3])),
  (x, growth) => matMul(standardize(x, 0.1), growth.parameter([width(x), 3])),
  (x, { draw }) => transpose(x, draw.shuffle([...x.shape.keys()])),
  (x) => reshape(x, [x.shape[0]! * (x.shape[1] ?? 1), ...x.shape.slice(2)]),
  (x) => reshape(x, [...x.shape.slice(0, -1), 1, width(x)]),
  (x, growth) => {
    const axis = axisOf(x, growth);
    return x.shape[axis]! > 1 ? slice(x, axis, 1, x.shape[axis]!) : x;
  },
  (x, growth) => (sizeOf(x.shape) < 40 ? pad(x, axisOf(x, growth), 1, 0) : x),
  (x, growth) => (sizeOf(x.shape) < 40 ? concat([x, tanh(x)], axisOf(x, growth)) : x),
  (x, growth) => add(x, gelu(matMul(x, growth.parameter([width(x), width(x)])))),
  (x) => gelu(x),
  (x) => relu(x),
  attend,
  (x, growth) => (x.shape.length > 2 ? reduceMean(x, [axisOf(x, growth)], false) : x),
  (x, growth) => (x.shape.length > 2 ? reduceSum(x, [axisOf(x, growth)], false) : x),
];

/** A value of 6 to 14 random steps on a batch input of rank 2 to 4. */
function grow(seed: number): Value {
  const draw = random("graph", seed);
  let count = 0;
  const growth: Growth = { draw, parameter: (shape) => parameter(`p${count++}`, shape) };
  const shape = Array.from({ length: 2 + draw.integer(3) }, () => 1 + draw.integer(4));
  let x = input("x", shape, "batch");
  for (let i = 6 + draw.integer(9); i > 0; i--) {
    if (x.shape.length < 2) x = reshape(x, [1, width(x)]);
    if (x.shape.length > 5) x = reshape(x, [sizeOf(x.shape) / width(x), width(x)]);
    x = steps[draw.integer(steps.length)]!(x, growth);
  }
  return x;
}

/** Every pass, alone and with each of its rules left out. */
const passes: Readonly<Record<string, (outputs: Outputs) => Outputs>> = {
  fold: (outputs) => fold(outputs),
  "fold, centreWeights": (outputs) => centreWeights(fold(outputs)),
  lower: (outputs) => lower(outputs),
  "fuseGelu, fold, lower": (outputs) => lower(fold(fuseGelu(outputs))),
  "fold, lower": (outputs) => lower(centreWeights(fold(outputs))),
  ...Object.fromEntries(
    Object.keys(foldings).map((rule) => [
      `fold without ${rule}`,
      (o: Outputs) => fold(o, [rule as keyof typeof foldings]),
    ]),
  ),
  ...Object.fromEntries(
    Object.keys(lowerings).map((pass) => [
      `lower without ${pass}`,
      (o: Outputs) => lower(o, [pass as keyof typeof lowerings]),
    ]),
  ),
};

const ONE = { threads: 1 };

/** Runs a graph and what each pass makes of it on the same values. */
async function agreement(outputs: Outputs): Promise<Record<string, number>> {
  const feeds: Record<string, Tensor> = feedsFor(outputs);
  const expected = await evaluate(outputs, feeds, ONE);
  const errors: Record<string, number> = {};
  for (const [name, pass] of Object.entries(passes)) {
    const actual = await evaluate(pass(outputs), feeds, ONE);
    errors[name] = Math.max(
      ...Object.entries(expected).map(([key, { data, shape }]) =>
        actual[key]!.shape.join() === shape.join()
          ? worstError(actual[key]!.data as Float32Array, data as Float32Array)
          : Number.POSITIVE_INFINITY,
      ),
    );
  }
  return errors;
}

const wrong = (errors: Record<string, number>) => Object.entries(errors).filter(([, error]) => !(error < 1e-4)); // float32, up to 14 steps

describe("passes keep values and gradients of random graphs", () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))("forward, graph %i", async (seed) => {
    expect(wrong(await agreement({ y: grow(seed) }))).toEqual([]);
  });

  it.each(Array.from({ length: 12 }, (_, seed) => seed))("with gradients, graph %i", async (seed) => {
    expect(wrong(await agreement(withGradients(grow(1000 + seed))))).toEqual([]);
  });
});
