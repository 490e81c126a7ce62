import { type BeitConfig, serializeConfig } from "../beit/config.ts";
import { forwardMacs } from "../beit/flops.ts";
import { writeFolder } from "../checkpoint/folder.ts";
import { inferenceModel } from "../evaluate/inference.ts";
import { parameterCount } from "../evaluate/model.ts";
import { scoreSamples, type TrainedModel } from "../evaluate/samples.ts";
import { serializeImageProcessor } from "../image/processor.ts";
import { encodeModelParts } from "../onnx/encode.ts";
import { stepsPerEpoch } from "../train/data.ts";
import type { TrainResult } from "../train/fine-tune.ts";
import { frozenBlocks, isRepeated } from "../train/frozen.ts";
import { type Recipe, stagesOf } from "../train/recipe.ts";
import type { StageResults } from "../train/stages.ts";
import { formatAccounting, type TrainingRun, trainerMetricsOf } from "./accounting.ts";
import { modelCard } from "./card.ts";
import { evaluationReport, evaluationTrainerMetrics } from "./evaluate.ts";
import type { EvaluationReport } from "./evaluation.ts";
import { htmlReport } from "./html.ts";
import { runCard, settingRows } from "./run-card.ts";
import { allResults, resultsJson, trainerStateJson } from "./state.ts";
import { logMetrics, type TrainerMetrics, totalFlos } from "./trainer.ts";

/** A run that has ended, and where it happened. */
export interface FinishedRun {
  /** Folder of the run, which becomes the model's. */
  readonly output: string;
  readonly dataset: string;
  /** All of it, later stages included. */
  readonly recipe: Recipe;
  /** Of every stage; the last one's model is the run's. */
  readonly results: StageResults;
}

/** A finished run with everything that was measured of it. */
export interface RunSummary extends FinishedRun {
  /** The last stage, of which `accounting` and the metrics tell. */
  readonly stage: Recipe;
  readonly result: TrainResult;
  readonly report: EvaluationReport;
  readonly accounting: TrainingRun;
  readonly trainMetrics: TrainerMetrics;
  readonly evalMetrics: TrainerMetrics;
  /** Whether `onnx/model.onnx` is written with the model. */
  readonly hasOnnx: boolean;
}

type LastStage = Pick<RunSummary, keyof FinishedRun | "stage" | "result">;

/** What there is to say about a finished run. */
export interface FinishedText {
  readonly report: EvaluationReport;
  /** Trainer's blocks, and the true figures beside them. */
  readonly printed: string;
  /** What the user may want to do next. */
  readonly remarks: readonly string[];
}

/**
 * Evaluates a finished run's model and writes its folder: weights, processor, ONNX file, card, report and results.
 * @throws BeitError `file/unwritable`
 */
export async function finishRun(run: FinishedRun): Promise<FinishedText> {
  const last: LastStage = { ...run, stage: stagesOf(run.recipe, "recipe").at(-1)!, result: run.results.at(-1)! };
  const onnx = await portableModel(last.result.model);
  const summary = await summarize(last, onnx !== undefined);
  const { report, accounting, trainMetrics, evalMetrics } = summary;
  const { config, processor, parameters } = last.result.model;
  await writeFolder(run.output, {
    config: serializeConfig(config, "classification"),
    processor: serializeImageProcessor(processor),
    tensors: parameters,
    card: modelCard(runCard(summary)),
    extra: { ...(onnx ? { "onnx/model.onnx": onnx } : {}), ...resultFiles(summary), "report.html": page(summary) },
  });
  const blocks = [logMetrics("train", trainMetrics), logMetrics("eval", evalMetrics), formatAccounting(accounting)];
  const export_ = `the model is large, so no ONNX file was written: beit export ${run.output} writes one`;
  return { report, printed: blocks.join("\n"), remarks: onnx ? [] : [export_] };
}

const LARGEST_ONNX_BYTES = 200e6; // beyond, a second copy of the weights is left to who asks for it

/** The model as ONNX of standard operators; undefined when that is a large file. */
async function portableModel(model: TrainedModel): Promise<Uint8Array[] | undefined> {
  if (4 * parameterCount(model.parameters) >= LARGEST_ONNX_BYTES) return undefined;
  const parts = encodeModelParts(await inferenceModel(model, { portable: true }));
  return parts.reduce((sum, { byteLength }) => sum + byteLength, 0) < LARGEST_ONNX_BYTES ? parts : undefined;
}

async function summarize(run: LastStage, hasOnnx: boolean): Promise<RunSummary> {
  const report = await evaluateRun(run);
  const accounting = trainingRun(run);
  const trainMetrics: TrainerMetrics = { ...trainerMetricsOf(accounting), train_samples: run.result.data.epochLength };
  const evalMetrics: TrainerMetrics = { epoch: trainMetrics.epoch!, ...evaluationTrainerMetrics(report) };
  return { ...run, report, accounting, trainMetrics, evalMetrics, hasOnnx };
}

/** The model on the validation pictures: with intervals, and by source where there are several. */
async function evaluateRun({ output, dataset, result: { model, data } }: LastStage): Promise<EvaluationReport> {
  const scores = await scoreSamples(model, data.validation, data.classes);
  const sources = new Set(data.validation.map(({ attributes }) => attributes.source));
  return evaluationReport(scores, { model: output, dataset, by: sources.size > 1 ? ["source"] : [] });
}

function trainingRun({ stage, result: { model, data, state, totalSteps } }: LastStage): TrainingRun {
  const { config } = model;
  const [height, width] = config.imageSize;
  return {
    runtimeSeconds: state.seconds,
    pausedSeconds: state.pausedSeconds,
    trainImages: data.epochLength,
    batchSize: stage.batchSize,
    plannedEpochs: stage.epochs,
    stepsPerEpoch: stepsPerEpoch(data, stage),
    plannedSteps: totalSteps,
    steps: state.step,
    images: state.step * stage.batchSize,
    pixelsPerImage: config.numChannels * height * width,
    parameters: parameterCount(model.parameters),
    ...macsOf(config, stage, data.samples.length / (state.step * stage.batchSize)),
    trainLoss: state.lossSum / Math.max(1, state.step),
  };
}

/**
 * Multiply-accumulates of a picture: forwards, and of a step, which goes through frozen blocks once or, where what they give
 * is kept, once for each different picture.
 * @param different share of different pictures in all that were trained on, or more than 1
 */
function macsOf(config: BeitConfig, stage: Recipe, different: number): Pick<TrainingRun, "forwardMacs" | "stepMacs"> {
  const macs = (of: BeitConfig) => forwardMacs(of, of.imageSize, stage.patchesPerCell);
  const all = macs(config);
  const frozen = frozenBlocks(stage, config);
  if (frozen === undefined) return { forwardMacs: all };
  const below = macs({ ...config, numLayers: frozen, labels: [] });
  const times = isRepeated(stage) ? Math.min(1, different) : 1;
  return { forwardMacs: all, stepMacs: 3 * (all - below) + times * below };
}

/** The files that Trainer writes, by name, and the recipe. */
function resultFiles(summary: RunSummary): Record<string, string> {
  const { output, recipe, stage, result, accounting, trainMetrics, evalMetrics } = summary;
  const { state, totalSteps } = result;
  return {
    "train_results.json": resultsJson(trainMetrics),
    "eval_results.json": resultsJson(evalMetrics),
    "all_results.json": resultsJson(allResults(trainMetrics, evalMetrics)),
    "recipe.json": `${JSON.stringify(recipe, undefined, 2)}\n`,
    "trainer_state.json": trainerStateJson({
      epoch: Number(trainMetrics.epoch),
      globalStep: state.step,
      maxSteps: totalSteps,
      numTrainEpochs: stage.epochs,
      totalFlos: totalFlos(accounting.images * accounting.pixelsPerImage, accounting.parameters),
      logHistory: state.history,
      bestMetric: state.best?.value ?? null,
      bestModelCheckpoint: state.best ? `${output}/best` : null,
    }),
  };
}

function page({ output, dataset, recipe, result: { state }, report, accounting }: RunSummary): string {
  return htmlReport({
    title: "Training run",
    subtitle: `${output}, trained on ${dataset}`,
    evaluation: report,
    history: state.history,
    run: accounting,
    facts: settingRows(recipe),
  });
}
