import { codesPerSide, type DvaeConfig } from "../dvae/config.ts";
import { tokenizerLoss } from "../dvae/loss.ts";
import { mapPixels } from "../dvae/pixels.ts";
import { trainingGraphs } from "../graph/training.ts";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { type Schedule, schedule } from "../optim/schedule.ts";
import { random } from "../tensor/random.ts";
import { fillOpenUniforms } from "../tensor/uniforms.ts";
import type { MicroBatch } from "./stepper.ts";
import type { TokenizerRecipe } from "./tokenizer-recipe.ts";

/** The training step of a tokenizer: its graphs and inputs. It reports the loss and its parts. */
export function tokenizerStep(config: DvaeConfig, microBatch: number) {
  const trace = createTrace();
  const { imageSize, numChannels, vocabSize } = config;
  const side = codesPerSide(config);
  const pixels = batchInput(trace, "pixels", [microBatch, numChannels, imageSize, imageSize]);
  const parts = tokenizerLoss(createScope(trace), config, {
    mapped: mapPixels(pixels),
    uniform: batchInput(trace, "uniform", [microBatch, side, side, vocabSize]),
    inverseTemperature: batchInput(trace, "inverse_temperature", []),
    divergenceWeight: batchInput(trace, "divergence_weight", []),
    diversityWeight: batchInput(trace, "diversity_weight", []),
  });
  const { loss, reconstruction, divergence, frequencyDivergence } = parts;
  return {
    graphs: trainingGraphs({ loss, reconstruction, divergence, frequencyDivergence }, trace.parameters),
    inputs: [...trace.inputs.values()],
  };
}

/** Temperature and weight of the divergence by step. */
export interface TokenizerSchedules {
  readonly temperature: Schedule;
  readonly divergenceWeight: Schedule;
}

/** The temperature falls along a cosine and stays; β rises in a line and stays. */
export function tokenizerSchedules(recipe: TokenizerRecipe, totalSteps: number): TokenizerSchedules {
  const { temperature: base, minTemperature: final, annealing, divergenceWeight, divergenceWarmup } = recipe;
  const fall = Math.max(1, Math.round(annealing * totalSteps));
  const cosine = schedule("cosine", { base, final, totalSteps: fall });
  const warmupSteps = Math.round(divergenceWarmup * totalSteps);
  return {
    temperature: (step) => (step < fall ? cosine(step) : final),
    divergenceWeight: schedule("constant", { base: divergenceWeight, totalSteps, warmupSteps }),
  };
}

/** What a step looks at. */
export interface TokenizerBatch {
  readonly epoch: number;
  /** Position in the epoch of the first picture. */
  readonly first: number;
  /** [B, 3, H, W] in [0, 1]. */
  readonly pixels: Float32Array;
}

/** Cuts a batch into micro-batches with their noise; pixels are views. */
export function tokenizerMicroBatches(
  batch: TokenizerBatch,
  config: DvaeConfig,
  options: { microBatch: number; seed: number; temperature: number; divergenceWeight: number; diversityWeight: number },
): MicroBatch[] {
  const { microBatch, seed, temperature, divergenceWeight, diversityWeight } = options;
  const length = config.numChannels * config.imageSize ** 2;
  const codes = codesPerSide(config) ** 2 * config.vocabSize;
  return Array.from({ length: batch.pixels.length / length / microBatch }, (_, i) => {
    const from = i * microBatch;
    const uniform = new Float32Array(microBatch * codes);
    for (let b = 0; b < microBatch; b++) {
      const stream = random(seed, batch.epoch, batch.first + from + b, "gumbel");
      fillOpenUniforms(uniform.subarray(b * codes, (b + 1) * codes), stream);
    }
    return {
      pixels: batch.pixels.subarray(from * length, (from + microBatch) * length),
      uniform,
      inverse_temperature: Float32Array.of(1 / temperature),
      divergence_weight: Float32Array.of(divergenceWeight),
      diversity_weight: Float32Array.of(diversityWeight),
    };
  });
}
