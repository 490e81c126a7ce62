import { serializeConfig } from "../beit/config.ts";
import { forwardMacs } from "../beit/flops.ts";
import { writeFolder } from "../checkpoint/folder.ts";
import { classificationMetrics } from "../evaluate/classification.ts";
import { scoreSamples } from "../evaluate/samples.ts";
import { bySubset } from "../evaluate/subsets.ts";
import { serializeImageProcessor } from "../image/processor.ts";
import type { TrainResult } from "../train/loop.ts";
import type { Recipe } from "../train/recipe.ts";
import { formatAccounting, type TrainingRun, trainerMetricsOf } from "./accounting.ts";
import type { EvaluationReport } from "./evaluation.ts";
import { allResults, resultsJson, trainerStateJson } from "./state.ts";
import { logMetrics, speedMetrics, type TrainerMetrics, totalFlos } from "./trainer.ts";

/** Evaluates a finished run's model, writes the model folder with its results, and returns what to print. */
export async function finishRun(
  output: string,
  dataset: string,
  recipe: Recipe,
  result: TrainResult,
): Promise<{ report: EvaluationReport; printed: string }> {
  const { model, data, state } = result;
  const began = performance.now();
  const scored = await scoreSamples(model, data.validation, data.classes);
  const evalSeconds = (performance.now() - began) / 1000;
  const metrics = classificationMetrics(scored);
  const sources = data.validation.map(({ attributes }) => attributes.source ?? "");
  const report: EvaluationReport = {
    model: output,
    dataset,
    metrics,
    ...(new Set(sources).size > 1 ? { by: { source: bySubset(scored, sources) } } : {}),
    runtimeSeconds: evalSeconds,
  };
  const run = trainingRun(recipe, result);
  const trainMetrics: TrainerMetrics = { ...trainerMetricsOf(run), train_samples: data.epochLength };
  const evalMetrics: TrainerMetrics = {
    epoch: trainMetrics.epoch!,
    eval_accuracy: metrics.accuracy,
    eval_balanced_accuracy: metrics.balanced_accuracy,
    eval_loss: metrics.loss,
    eval_samples: metrics.samples,
    ...speedMetrics("eval", evalSeconds, { samples: metrics.samples, steps: Math.ceil(metrics.samples / 8) }),
  };
  await writeFolder(output, {
    config: serializeConfig(model.config, "classification"),
    processor: serializeImageProcessor(model.processor),
    tensors: model.parameters,
    extra: {
      "train_results.json": resultsJson(trainMetrics),
      "eval_results.json": resultsJson(evalMetrics),
      "all_results.json": resultsJson(allResults(trainMetrics, evalMetrics)),
      "recipe.json": `${JSON.stringify(recipe, undefined, 2)}\n`,
      "trainer_state.json": trainerStateJson({
        epoch: Number(trainMetrics.epoch),
        globalStep: state.step,
        maxSteps: result.totalSteps,
        numTrainEpochs: recipe.epochs,
        totalFlos: totalFlos(run.images * run.pixelsPerImage, run.parameters),
        logHistory: state.history,
        bestMetric: state.best?.value ?? null,
        bestModelCheckpoint: state.best ? `${output}/best` : null,
      }),
    },
  });
  const printed = [logMetrics("train", trainMetrics), logMetrics("eval", evalMetrics), formatAccounting(run)].join(
    "\n",
  );
  return { report, printed };
}

/** The accounting of a run. */
function trainingRun(recipe: Recipe, { model, data, state, totalSteps }: TrainResult): TrainingRun {
  const [height, width] = model.config.imageSize;
  return {
    runtimeSeconds: state.seconds,
    pausedSeconds: state.pausedSeconds,
    trainImages: data.epochLength,
    batchSize: recipe.batchSize,
    plannedEpochs: recipe.epochs,
    plannedSteps: totalSteps,
    steps: state.step,
    images: state.step * recipe.batchSize,
    pixelsPerImage: model.config.numChannels * height * width,
    parameters: [...model.parameters.values()].reduce((sum, { data: d }) => sum + d.length, 0),
    forwardMacs: forwardMacs(model.config, model.config.imageSize, recipe.patchesPerCell),
    trainLoss: state.lossSum / Math.max(1, state.step),
  };
}
