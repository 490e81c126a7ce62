import type { Preparation } from "../dataset/reader.ts";
import type { Sample } from "../dataset/sample.ts";
import { checkDvaeConfig, type DvaeConfig, dvaePresets, isDvaePreset } from "../dvae/config.ts";
import { initialDvaeValues } from "../dvae/init.ts";
import { dvaeShapes } from "../dvae/outputs.ts";
import { measureReconstruction, type ReconstructionMetrics } from "../evaluate/reconstruction.ts";
import { loadTokenizer, saveTokenizer, type TokenizerModel } from "../evaluate/tokenizer.ts";
import type { ImageProcessor } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import { pathKind } from "../platform/folders.ts";
import { epochPlan, openPictures, stepsPerEpoch, type TrainingData } from "./data.ts";
import type { RunEvent } from "./events.ts";
import { batchesOf, heldOut } from "./held-out.ts";
import { type RunResult, runTask } from "./loop.ts";
import type { RunOptions } from "./run.ts";
import { microBatchOf } from "./settings.ts";
import { spreadCodes } from "./spread-codes.ts";
import { copyAll, type Parameters } from "./state.ts";
import type { Task } from "./task.ts";
import { parseTokenizerRecipe, type TokenizerRecipe } from "./tokenizer-recipe.ts";
import { tokenizerMicroBatches, tokenizerSchedules, tokenizerStep } from "./tokenizer-step.ts";

/** What a tokenizer's run tells as it goes, and what it comes to. */
export type TokenizerEvent = RunEvent<ReconstructionMetrics>;
export type TokenizerResult = RunResult<TokenizerModel>;

/**
 * Trains an image tokenizer on the pictures of a folder, labelled or not, and yields what happens; returns the weights
 * that reconstruct held-out pictures best.
 * @throws BeitError for everything the user can mend, e.g. `train/non-finite`; the newest checkpoint stays
 */
export const trainTokenizer = (
  images: string,
  recipe: TokenizerRecipe,
  options: RunOptions,
): AsyncGenerator<TokenizerEvent, TokenizerResult> => runTask(() => openTokenizerTraining(images, recipe), options);

const PICTURES_AT_ONCE = 4; // of 112 px, tiny: its maps stay in the last-level cache

/** Pictures as the tokenizer sees them: resized as in BEiT's pre-training, values in [0, 1]. */
export const tokenizerProcessor = (edge: number): ImageProcessor => ({
  resize: { height: edge, width: edge },
  filter: "lanczos",
  rescaleFactor: 1 / 255,
});

async function openTokenizerTraining(
  images: string,
  recipe: TokenizerRecipe,
): Promise<Task<TokenizerModel, ReconstructionMetrics>> {
  const pictures = await openPictures(images, recipe);
  const data = { ...pictures, validation: heldOut(pictures.validation, recipe.seed) };
  const size = [recipe.imageSize, recipe.imageSize] as const;
  const preparation = { size, processor: tokenizerProcessor(recipe.imageSize) };
  const { config, parameters, from, loaded } = await startTokenizer(recipe);
  if (loaded.length === 0) await spreadCodes(parameters, config, await firstPixels(data, recipe, preparation));
  const microBatch = microBatchOf(recipe, Math.max(1, Math.round(PICTURES_AT_ONCE * (112 / recipe.imageSize) ** 2)));
  const step = tokenizerStep(config, microBatch);
  const totalSteps = Math.ceil(stepsPerEpoch(data, recipe) * recipe.epochs);
  const { temperature, divergenceWeight } = tokenizerSchedules(recipe, totalSteps);
  const model = (values: Parameters): TokenizerModel => ({
    name: "the tokenizer in training",
    config,
    parts: ["encoder", "decoder"],
    parameters: values,
  });
  return {
    recipe,
    data,
    parameters,
    from,
    loaded,
    groups: groupsOf(parameters, recipe.weightDecay),
    wide: false,
    microBatch,
    graphs: step.graphs,
    inputs: step.inputs,
    preparation: { ...preparation, augment: recipe.augment },
    microBatches: (batch, at) =>
      tokenizerMicroBatches(batch, config, {
        microBatch,
        seed: recipe.seed,
        temperature: temperature(at),
        divergenceWeight: divergenceWeight(at),
        diversityWeight: recipe.diversityWeight,
      }),
    figures: (reports) => ({
      reconstruction: meanOf(reports.map((report) => report.reconstruction![0]!)),
      divergence: meanOf(reports.map((report) => report.divergence![0]!)),
      frequencies: meanOf(reports.map((report) => report.frequencyDivergence![0]!)),
    }),
    model,
    async evaluate(tokenizer) {
      const unreadable: string[] = [];
      const pixels = readable(data.validation, preparation, (message) => unreadable.push(message));
      const metrics = await measureReconstruction(tokenizer, pixels);
      const { error, usage, perplexity } = metrics;
      const figures = { eval_error: error, eval_usage: usage, eval_perplexity: perplexity };
      return { metrics, figures, value: error, unreadable };
    },
    lessIsBetter: true,
    save: saveTokenizer,
    load: loadTokenizer,
    parseRecipe: (json, name) => parseTokenizerRecipe(json, {}, name),
    close: async () => undefined,
  };
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Weights decay, biases do not. */
const groupsOf = (parameters: Parameters, weightDecay: number) =>
  new Map(
    [...parameters.keys()].map((name) => [name, { lrScale: 1, weightDecay: name.endsWith(".w") ? weightDecay : 0 }]),
  );

/** Pixels of the pictures that can be read. */
async function* readable(
  samples: readonly Sample[],
  preparation: Preparation,
  onUnreadable: (message: string) => void,
  batchSize = 16,
): AsyncGenerator<Float32Array> {
  for await (const { pixels, indices, errors } of batchesOf(samples, preparation, batchSize, onUnreadable)) {
    const bad = new Set(errors.map(({ row }) => row));
    const length = pixels.length / indices.length;
    const rows = Array.from(indices.keys()).filter((row) => !bad.has(row));
    for (const [to, row] of rows.entries()) pixels.copyWithin(to * length, row * length, (row + 1) * length);
    if (rows.length) yield pixels.subarray(0, rows.length * length);
  }
}

const SPREAD_OVER = 64; // pictures from which the codes' spread is taken

/** Pixels of training pictures as they are, in the order of the first epoch. */
async function firstPixels(data: TrainingData, recipe: TokenizerRecipe, preparation: Preparation) {
  const batchSize = Math.min(SPREAD_OVER, data.samples.length);
  const [plan] = epochPlan(data, { ...recipe, batchSize }, 0, 0);
  const samples = Array.from(plan!.indices, (index) => data.samples[index]!);
  for await (const pixels of readable(samples, preparation, () => undefined, batchSize)) return pixels;
  throw new BeitError("dataset/no-images", `none of the first ${batchSize} pictures can be read`);
}

/** @throws BeitError `model/unknown`, `model/no-decoder`, and as `loadTokenizer` */
async function startTokenizer(
  recipe: TokenizerRecipe,
): Promise<{ config: DvaeConfig; parameters: Parameters; from: string; loaded: string[] }> {
  const { model, imageSize, seed } = recipe;
  if (isDvaePreset(model)) {
    const config = { ...dvaePresets[model], imageSize };
    checkDvaeConfig(config, "recipe");
    return { config, parameters: initialDvaeValues(dvaeShapes(config), seed), from: model, loaded: [] };
  }
  if ((await pathKind(model)) === undefined) {
    const message = `model "${model}": expected ${Object.keys(dvaePresets).join(", ")} or the folder of a tokenizer`;
    throw new BeitError("model/unknown", message);
  }
  const found = await loadTokenizer(model);
  if (!found.parts.includes("decoder")) {
    throw new BeitError("model/no-decoder", `${model}: has no decoder, so it cannot be trained further`);
  }
  const config = { ...found.config, imageSize };
  checkDvaeConfig(config, "recipe");
  return { config, parameters: copyAll(found.parameters), from: model, loaded: [...found.parameters.keys()] };
}
