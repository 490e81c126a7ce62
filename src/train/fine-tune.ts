import { type BeitConfig, serializeConfig, WIDE } from "../beit/config.ts";
import { resizeParameter } from "../beit/resize-parameters.ts";
import { writeFolder } from "../checkpoint/folder.ts";
import { type ClassificationMetrics, classificationMetrics } from "../evaluate/classification.ts";
import { loadModel } from "../evaluate/model.ts";
import { scoreSamples, type TrainedModel } from "../evaluate/samples.ts";
import { defaultProcessor, serializeImageProcessor } from "../image/processor.ts";
import { parameterGroups } from "../optim/groups.ts";
import { BeitError } from "../platform/errors.ts";
import { openTrainingData } from "./data.ts";
import type { RunEvent } from "./events.ts";
import { fineTuneStep, microBatches } from "./fine-tune-step.ts";
import { createFrozenLoader, frozenBlocks, isRepeated, isTrained } from "./frozen.ts";
import { type RunResult, runTask } from "./loop.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";
import type { RunOptions } from "./run.ts";
import { microBatchOf } from "./settings.ts";
import { startModel } from "./start.ts";
import type { Task } from "./task.ts";

/** What a fine-tuning run tells as it goes. */
export type TrainEvent = RunEvent<ClassificationMetrics>;

/** Where and how a fine-tuning run happens. */
export interface TrainOptions extends RunOptions {
  /** A model to start from instead of the recipe's. */
  readonly start?: string | undefined;
  /** The recipe of the stage that goes on from this run's model, which must fit. */
  readonly next?: Recipe | undefined;
}

/** A fine-tuning run that has ended. */
export type TrainResult = RunResult<TrainedModel>;

/**
 * Fine-tunes a classifier and yields what happens; returns the weights that the validation metric chose.
 * @throws BeitError for everything the user can mend, e.g. `train/non-finite`; the newest checkpoint stays
 */
export const train = (
  dataset: string,
  recipe: Recipe,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, TrainResult> => runTask(() => openFineTuning(dataset, recipe, options), options);

/** File of what frozen blocks make of the pictures, while a run goes. */
const FROZEN_FEATURES = "frozen-features.tmp";

/** Pictures of 224 px that go through the graph at once: activations stay in the last-level cache (docs/log.md). */
const PICTURES_AT_ONCE = { narrow: 4, wide: 8 };

/** That number for pictures of another size, or seen in part. */
export function picturesAtOnce(imageSize: number, wide: boolean, share = 1): number {
  const area = (imageSize / 224) ** 2 * share;
  return Math.max(1, Math.round((wide ? PICTURES_AT_ONCE.wide : PICTURES_AT_ONCE.narrow) / area));
}

/** Opens data and model of a fine-tuning run. */
export async function openFineTuning(
  dataset: string,
  recipe: Recipe,
  { output, start = recipe.model, next }: Pick<TrainOptions, "output" | "start" | "next">,
): Promise<Task<TrainedModel, ClassificationMetrics>> {
  const data = await openTrainingData(dataset, recipe);
  const { config, parameters, loaded, from } = await startClassifier({ ...recipe, model: start }, data.classes);
  if (next) requireResizable(parameters, config, next);
  const wide = config.hiddenSize >= WIDE;
  const microBatch = microBatchOf(recipe, picturesAtOnce(recipe.imageSize, wide, recipe.patchesPerCell / 4));
  const { patchesPerCell } = recipe;
  const frozen = frozenBlocks(recipe, config);
  const repeated = frozen !== undefined && isRepeated(recipe);
  const step = fineTuneStep(config, microBatch, { patchesPerCell, frozen, repeated });
  const processor = defaultProcessor(config.imageSize);
  const { augment, labelSmoothing, seed } = recipe;
  return {
    recipe,
    data,
    parameters,
    from,
    loaded,
    groups: parameterGroups(parameters, {
      tradition: recipe.tradition,
      weightDecay: recipe.weightDecay,
      layerDecay: recipe.layerDecay,
      muon: recipe.optimizer === "muon",
      numLayers: config.numLayers,
      trainable: (name) => isTrained(name, frozen, config),
    }),
    wide,
    microBatch,
    graphs: step.graphs,
    inputs: step.inputs,
    preparation: { size: config.imageSize, processor, augment: augment ?? undefined, occlusion: data.occlusion },
    ...(repeated && {
      openLoader: (values: TrainedModel["parameters"]) =>
        createFrozenLoader(
          { config, processor, parameters: values },
          data.samples,
          frozen,
          `${output}/${FROZEN_FEATURES}`,
        ),
    }),
    microBatches: (batch) => microBatches(batch, step, { config, microBatch, labelSmoothing, seed }),
    model: (values) => ({ config, processor, parameters: values }),
    async evaluate(model) {
      const { scored, unreadable } = await scoreSamples(model, data.validation, data.classes);
      const metrics = classificationMetrics(scored);
      const figures = {
        eval_loss: metrics.loss,
        eval_accuracy: metrics.accuracy,
        eval_balanced_accuracy: metrics.balanced_accuracy,
      };
      return { metrics, figures, value: metrics[recipe.best], unreadable: unreadable.map(({ error }) => error) };
    },
    lessIsBetter: recipe.best === "loss",
    save: (folder, model) =>
      writeFolder(folder, {
        config: serializeConfig(model.config, "classification"),
        processor: serializeImageProcessor(model.processor),
        tensors: model.parameters,
        extra: { "recipe.json": `${JSON.stringify(recipe, undefined, 2)}\n` }, // how its validation pictures were drawn
      }),
    load: loadModel,
    parseRecipe: (json, name) => parseRecipe(json, {}, name),
    close: async () => undefined,
  };
}

/** @throws BeitError `recipe/invalid` where position tables cannot be resized for the next stage, before the first is trained */
function requireResizable(parameters: TrainedModel["parameters"], config: BeitConfig, { imageSize }: Recipe): void {
  const larger = { ...config, imageSize: [imageSize, imageSize] as const };
  try {
    for (const [name, tensor] of parameters) resizeParameter(name, tensor, config, larger);
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    const [before] = config.imageSize;
    throw new BeitError("recipe/invalid", `a stage of ${imageSize} px after one of ${before} px: ${error.message}`);
  }
}

/** The classifier before its first step: of a checkpoint the encoder, and its head where the labels are the same. */
export function startClassifier(recipe: Recipe, labels: readonly string[]) {
  const imageSize = [recipe.imageSize, recipe.imageSize] as const;
  const perLayer = recipe.positionBiasPerLayer
    ? { useSharedRelativePositionBias: false, useRelativePositionBias: true }
    : {};
  return startModel(recipe, {
    task: "classification",
    configure: (config) => ({
      ...config,
      ...perLayer,
      imageSize,
      labels,
      dropPathRate: recipe.dropPath,
      problemType: "single_label_classification" as const,
    }),
    wanted: (name, { labels: theirs }) => !name.startsWith("classifier.") || labels.join("\n") === theirs.join("\n"),
  });
}
