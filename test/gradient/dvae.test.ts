import { describe, expect, it } from "vitest";
import { type DvaeConfig, dvaePresets } from "../../src/dvae/config.ts";
import { initialDvaeValues } from "../../src/dvae/init.ts";
import { tokenizerLoss } from "../../src/dvae/loss.ts";
import { dvaeShapes } from "../../src/dvae/outputs.ts";
import { trainingGraphs } from "../../src/graph/training.ts";
import { batchInput, createScope, createTrace } from "../../src/nn/scope.ts";
import { evaluate } from "../../src/session/session.ts";
import { float32, type Tensor, zeros } from "../../src/tensor/tensor.ts";
import { uniform } from "./check.ts";
import { type Dense, interpret } from "./reference.ts";

const config: DvaeConfig = {
  ...dvaePresets.tiny,
  imageSize: 8,
  hiddenSize: 4,
  vocabSize: 6,
  codeSize: 8,
};
const BATCH = 1;
const ONE = { threads: 1 }; // graphs this small gain nothing from a second thread

/** The loss of a step and its inputs. */
function traceStep() {
  const trace = createTrace();
  const { imageSize, numChannels, vocabSize } = config;
  const parts = tokenizerLoss(createScope(trace), config, {
    mapped: batchInput(trace, "mapped", [BATCH, numChannels, imageSize, imageSize]),
    uniform: batchInput(trace, "uniform", [BATCH, imageSize / 8, imageSize / 8, vocabSize]),
    inverseTemperature: batchInput(trace, "inverse_temperature", []),
    divergenceWeight: batchInput(trace, "divergence_weight", []),
    diversityWeight: batchInput(trace, "diversity_weight", []),
  });
  return { trace, ...parts };
}

const { trace, loss, reconstruction, divergence, frequencyDivergence } = traceStep();
// Positive biases: behind a dead ReLU there would be no gradient to compare, and at zero there is no slope at all.
const parameters = new Map(
  [...initialDvaeValues(dvaeShapes(config), 3)].map(([name, tensor]) => [
    name,
    name.endsWith(".b") ? uniform(name, tensor.shape, 0.2, 0.6) : tensor,
  ]),
);
const inputs: Record<string, Tensor> = {
  mapped: uniform("mapped", [BATCH, 3, 8, 8], 0.1, 0.9),
  uniform: uniform("uniform", [BATCH, 1, 1, 6], 0.01, 0.99),
  inverse_temperature: float32([1.5], []),
  divergence_weight: float32([6.6], []),
  diversity_weight: float32([30], []),
};

/** Gradients of every parameter by the three graphs of a training step, as a run computes them. */
async function stepGradients(fold: boolean): Promise<Record<string, Float32Array>> {
  const graphs = trainingGraphs({ loss }, trace.parameters, { fold });
  const known = { ...Object.fromEntries(parameters), ...inputs };
  const prepared = await evaluate(graphs.prepare, known, ONE);
  const none = graphs.summed.map((name) => [`sum.${name}`, zeros(graphs.prepared.get(name)!)] as const);
  const micro = await evaluate(graphs.micro, { ...known, ...prepared, ...Object.fromEntries(none) }, ONE);
  const sums = graphs.summed.map((name) => [`sum.${name}`, micro[`new_sum.${name}`]!] as const);
  const finished = await evaluate(graphs.finish, { ...known, ...Object.fromEntries(sums) }, ONE);
  return Object.fromEntries(Object.entries(finished).map(([name, { data }]) => [name.slice(5), data as Float32Array]));
}

const dense = ({ shape, data }: Tensor): Dense => ({ shape, data: Float64Array.from(data as Float32Array) });
const exact: Record<string, Dense> = Object.fromEntries(
  [...parameters, ...Object.entries(inputs)].map(([name, tensor]) => [name, dense(tensor)]),
);
const lossAt = (feeds: Record<string, Dense>) => interpret([loss], feeds)[0]!.data[0]!;
const norm = (v: ArrayLike<number>) => Math.sqrt(Array.from(v).reduce((sum, x) => sum + x * x, 0));

/** A random direction of some parameters. */
const directionOf = (names: readonly string[]) =>
  new Map(names.map((name) => [name, uniform(name, parameters.get(name)!.shape).data]));

/** Slope of the loss along a direction, by a central difference in float64. */
function slope(direction: ReadonlyMap<string, Float32Array>): number {
  const step = 1e-5;
  const moved = (by: number) => {
    const shifted = [...direction].map(([name, along]): [string, Dense] => {
      const { shape, data } = exact[name]!;
      return [name, { shape, data: data.map((v, i) => v + by * along[i]!) }];
    });
    return lossAt({ ...exact, ...Object.fromEntries(shifted) });
  };
  return (moved(step) - moved(-step)) / (2 * step);
}

describe("the tokenizer's training step", () => {
  it("has a gradient for every parameter; those of each convolution agree with a central difference", async () => {
    const gradients = await stepGradients(true);
    expect(Object.keys(gradients).sort()).toEqual([...parameters.keys()].sort());
    const convolutions = new Set([...parameters.keys()].map((name) => name.slice(0, -".w".length)));
    for (const name of convolutions) {
      const direction = directionOf([`${name}.w`, `${name}.b`]);
      const pairs = [...direction].map(([key, along]) => ({ gradient: gradients[key]!, along }));
      const expected = slope(direction);
      const products = pairs.map(({ gradient, along }) => gradient.reduce((sum, g, i) => sum + g * along[i]!, 0));
      const scale = pairs.reduce((sum, { gradient, along }) => sum + norm(gradient) * norm(along), 0);
      for (const { gradient } of pairs) expect(norm(gradient), name).toBeGreaterThan(0);
      expect(Math.abs(products[0]! + products[1]! - expected) / scale, name).toBeLessThan(1e-4);
    }
  });

  it("gives the same gradients without the folding", async () => {
    const [folded, plain] = [await stepGradients(true), await stepGradients(false)];
    for (const [name, gradient] of Object.entries(plain)) {
      const difference = gradient.map((g, i) => g - folded[name]![i]!);
      expect(norm(difference) / norm(gradient), name).toBeLessThan(1e-5);
    }
  });

  it("adds the weighted divergences of places and of frequencies to the reconstruction's loss", () => {
    const outputs = interpret([loss, reconstruction, divergence, frequencyDivergence], exact);
    const [total, pixels, places, frequencies] = outputs.map(({ data }) => data[0]!);
    expect(total).toBeCloseTo(pixels! + (6.6 * places! + 30 * frequencies!) / 192, 6);
  });
});
