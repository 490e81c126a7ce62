import { describe, expect, it } from "vitest";
import { dvaePresets } from "../dvae/config.ts";
import { parseTokenizerRecipe } from "./tokenizer-recipe.ts";
import { tokenizerMicroBatches, tokenizerSchedules } from "./tokenizer-step.ts";

describe("schedules of the tokenizer", () => {
  const recipe = parseTokenizerRecipe(
    { temperature: 1, minTemperature: 0.0625, annealing: 0.5, divergenceWeight: 4, divergenceWarmup: 0.2 },
    {},
    "test",
  );
  const { temperature, divergenceWeight } = tokenizerSchedules(recipe, 100);

  it("let the temperature fall along a cosine and stay", () => {
    expect(temperature(0)).toBe(1);
    expect(temperature(25)).toBeCloseTo((1 + 0.0625) / 2, 12);
    expect([50, 80, 99].map(temperature)).toEqual([0.0625, 0.0625, 0.0625]);
  });

  it("let the weight of the divergence rise in a line and stay", () => {
    expect([0, 5, 10, 20, 99].map(divergenceWeight)).toEqual([0, 1, 2, 4, 4]);
  });
});

describe("micro-batches of the tokenizer", () => {
  const config = { ...dvaePresets.tiny, imageSize: 16 };
  const pixels = Float32Array.from({ length: 4 * 3 * 256 }, (_, i) => i);
  const cut = (first: number, epoch = 0) =>
    tokenizerMicroBatches({ epoch, first, pixels }, config, {
      microBatch: 2,
      seed: 9,
      temperature: 0.5,
      divergenceWeight: 3,
      diversityWeight: 7,
    });

  it("hold views of the pixels, noise of each picture and the scalars", () => {
    const micros = cut(0);
    expect(micros.length).toBe(2);
    expect(micros[1]!.pixels![0]).toBe(2 * 3 * 256);
    expect(micros[1]!.uniform!.length).toBe(2 * 4 * 1024);
    const { inverse_temperature, divergence_weight, diversity_weight } = micros[0]!;
    expect([inverse_temperature, divergence_weight, diversity_weight].map((scalar) => scalar![0])).toEqual([2, 3, 7]);
  });

  it("draw noise by picture, so that it does not depend on where a batch is cut", () => {
    const [first, second] = [cut(0), cut(2)];
    expect(second[0]!.uniform).toEqual(first[1]!.uniform);
    expect(second[1]!.uniform).not.toEqual(first[1]!.uniform);
    expect(cut(0, 1)[0]!.uniform).not.toEqual(first[0]!.uniform);
  });
});
