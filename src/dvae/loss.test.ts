import { describe, expect, it } from "vitest";
import { constant, scalar, type Value } from "../graph/value.ts";
import { evaluate } from "../session/session.ts";
import { float32 } from "../tensor/tensor.ts";
import { divergenceFromUniform, divergenceOfFrequencies, gumbelSoftmax, logitLaplaceLoss } from "./loss.ts";
import { mapPixels, unmapPixels } from "./pixels.ts";

const map = (values: number[], ...shape: number[]) => constant(float32(values, shape));
const numbers = async (value: Value) => Array.from((await evaluate({ value })).value!.data as Float32Array);
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5));

describe("logit-Laplace loss", () => {
  const density = (x: number, mu: number, b: number) =>
    Math.exp(-Math.abs(Math.log(x / (1 - x)) - mu) / b) / (2 * b * x * (1 - x));

  it("is the mean of −ln f", async () => {
    const [x, mu, logB] = [
      [0.1, 0.5, 0.9],
      [0.3, -1, 2],
      [0, -2, 1],
    ] as const;
    const expected = x.reduce((sum, v, i) => sum - Math.log(density(v, mu[i]!, Math.exp(logB[i]!))), 0) / 3;
    const shape = [1, 3, 1, 1];
    const distribution = { location: map([...mu], ...shape), logScale: map([...logB], ...shape) };
    expect(await numbers(logitLaplaceLoss(distribution, map([...x], ...shape)))).toEqual(near([expected]));
  });

  it("belongs to a density: it integrates to 1", () => {
    let total = 0;
    for (let x = 0.5e-5; x < 1; x += 1e-5) total += 1e-5 * density(x, 0.4, 0.3);
    expect(total).toBeCloseTo(1, 4);
  });
});

describe("divergence from the uniform distribution", () => {
  it("is 0 for equal logits, ln V for one certain code, and a mean over places", async () => {
    const even = map([3, 3, 3, 3], 1, 1, 1, 4);
    const certain = map([100, 0, 0, 0], 1, 1, 1, 4);
    const both = map([100, 0, 0, 0, 3, 3, 3, 3], 1, 2, 1, 4);
    expect(await numbers(divergenceFromUniform(even))).toEqual(near([0]));
    expect(await numbers(divergenceFromUniform(certain))).toEqual(near([Math.log(4)]));
    expect(await numbers(divergenceFromUniform(both))).toEqual(near([Math.log(4) / 2]));
  });
});

describe("divergence of the codes' frequencies", () => {
  it("is 0 where certain places share the codes evenly, ln V where all have one", async () => {
    const shared = map([100, 0, 0, 100], 1, 2, 1, 2);
    const same = map([100, 0, 100, 0], 1, 2, 1, 2);
    expect(await numbers(divergenceOfFrequencies(shared))).toEqual(near([0]));
    expect(await numbers(divergenceOfFrequencies(same))).toEqual(near([Math.log(2)]));
  });
});

describe("Gumbel softmax", () => {
  const logits = map([1, 0, -1], 1, 1, 1, 3);
  const uniform = map([0.2, 0.5, 0.9], 1, 1, 1, 3);
  const perturbed = [0.2, 0.5, 0.9].map((u, i) => 1 - i - Math.log(-Math.log(u)));

  it("is the softmax of (logits + γ) / τ", async () => {
    const e = perturbed.map((v) => Math.exp(v / 0.5));
    const total = e.reduce((a, b) => a + b);
    expect(await numbers(gumbelSoftmax(logits, uniform, scalar(2)))).toEqual(near(e.map((v) => v / total)));
  });

  it("becomes one-hot at the largest when it is cold", async () => {
    const winner = perturbed.indexOf(Math.max(...perturbed));
    expect(await numbers(gumbelSoftmax(logits, uniform, scalar(1000)))).toEqual(
      near([0, 1, 2].map((i) => Number(i === winner))),
    );
  });
});

it("pixels are mapped to [0.1, 0.9] and back, and what lies outside is cut off", async () => {
  expect(await numbers(mapPixels(map([0, 0.5, 1], 3)))).toEqual(near([0.1, 0.5, 0.9]));
  expect(await numbers(unmapPixels(map([0.1, 0.3, 0.9, 0, 1], 5)))).toEqual(near([0, 0.25, 1, 0, 1]));
});
