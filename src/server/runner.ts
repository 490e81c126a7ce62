import type { BeitConfig, Task } from "../beit/config.ts";
import type { ExplanationMethod } from "../beit/explain.ts";
import {
  createPictureExplainer,
  type DrawnExplanation,
  type ExplainRequest,
  startPictureExplainer,
} from "../evaluate/explain-pictures.ts";
import { createFeatureExtractor, type Pooling } from "../evaluate/features.ts";
import { loadModel, type Model, parameterCount } from "../evaluate/model.ts";
import {
  type Classifier,
  createPredictor,
  type FloatClassifier,
  type Scored,
  usualWorkers,
} from "../evaluate/predictor.ts";
import { type Precision, quantizedForm } from "../evaluate/quantized.ts";
import { BeitError } from "../platform/errors.ts";
import { type Batcher, type BatcherOptions, createBatcher } from "./batcher.ts";
import type { Clock } from "./clock.ts";
import type { Limits } from "./limits.ts";

/** What a model is asked for: classes, features, or classes explained in one of the ways. */
export type Purpose = "classify" | "features" | ExplanationMethod;

/** What came of a picture: logits, with their explanation where it was asked for; or features; or what was wrong with it. */
export type Outcome = Scored | DrawnExplanation;

/** What is known of a model once it was read. */
export interface ModelInfo {
  readonly config: BeitConfig;
  readonly task: Task;
  readonly parameters: number;
  /** The pooling that the model was trained with. */
  readonly pooling: Pooling;
}

/** A model at work for one purpose. */
export interface Runner {
  readonly info: ModelInfo;
  readonly batcher: Batcher<ExplainRequest, Outcome>;
  close(): Promise<void>;
}

/** A model that was read and not started yet. */
export interface OpenedModel {
  readonly info: ModelInfo;
  /** An estimate of what it takes at work. */
  readonly bytes: number;
  start(): Promise<Runner>;
}

/** How runners work. */
export interface RunnerOptions {
  readonly limits: Limits;
  readonly clock: Clock;
  /** Prediction threads; 0 works in the calling thread. Default as `createPredictor`. */
  readonly workers?: number | undefined;
  /** Of classifiers: int8 where it was made and answers alike, unless said otherwise. */
  readonly precision?: Precision | undefined;
  /** Told why an int8 form that is there is not used. */
  onRemark?(text: string): void;
  onBatch?: BatcherOptions<ExplainRequest, Outcome>["onBatch"];
}

const THREAD_BYTES = 48 * 2 ** 20; // guessed, not measured: a thread with onnxruntime and the activations of a batch of 8

/**
 * Reads a model for a purpose.
 * @throws BeitError as `loadModel`; `model/not-a-classifier`; `model/no-int8` when that was asked for
 */
export async function openModel(path: string, purpose: Purpose, options: RunnerOptions): Promise<OpenedModel> {
  const model = await loadModel(path);
  if (purpose !== "features" && model.task !== "classification") {
    throw new BeitError("model/not-a-classifier", `is a model of ${model.task}, expected an image classifier`);
  }
  const quantized =
    purpose === "classify" ? await quantizedForm(path, options.precision ?? "auto", options.onRemark) : undefined;
  const workers = options.workers ?? usualWorkers(model.config);
  const parameters = parameterCount(model.parameters);
  const info: ModelInfo = {
    config: model.config,
    task: model.task,
    parameters,
    pooling: model.config.useMeanPooling ? "mean" : "cls",
  };
  const copies = purpose === "classify" || purpose === "features" ? Math.max(1, workers) : 1;
  return {
    info,
    bytes: copies * (4 * parameters + THREAD_BYTES),
    start: () => startRunner(quantized ? { ...model, quantized } : model, info, purpose, { ...options, workers }),
  };
}

async function startRunner(
  model: Model & Classifier,
  info: ModelInfo,
  purpose: Purpose,
  { limits, clock, workers = 0, onBatch }: RunnerOptions,
): Promise<Runner> {
  const { maxPixels, maxQueue, windowMs } = limits;
  const explains = purpose !== "classify" && purpose !== "features";
  const { run, close } = explains
    ? await startExplaining({ ...model, quantized: undefined }, purpose, workers, maxPixels)
    : await startPredicting(model, purpose, workers, limits);
  const batcher = createBatcher<ExplainRequest, Outcome>({
    run,
    clock,
    maxBatch: explains ? 1 : limits.maxBatch,
    maxQueue,
    windowMs,
    workers: explains ? 1 : Math.max(1, workers),
    ...(onBatch ? { onBatch } : {}),
  });
  return { info, batcher, close };
}

/** What answers batches. */
interface Backend {
  run(requests: readonly ExplainRequest[]): Promise<Outcome[]>;
  close(): Promise<void>;
}

async function startPredicting(
  model: Model & Classifier,
  purpose: "classify" | "features",
  workers: number,
  { maxBatch, maxPixels }: Limits,
): Promise<Backend> {
  const options = { workers, batchSize: maxBatch, maxPixels };
  const predictor =
    purpose === "classify"
      ? await createPredictor(model, options)
      : await createFeatureExtractor(model, { pool: "concat" }, options);
  return {
    async run(requests) {
      const outcomes: Scored[] = [];
      for await (const outcome of predictor.scores(requests.map(({ picture }) => picture))) outcomes.push(outcome);
      return outcomes;
    },
    close: () => predictor.close(),
  };
}

/** One picture after the other: its gradient takes all cores. */
async function startExplaining(
  { config, processor, parameters }: FloatClassifier,
  method: ExplanationMethod,
  workers: number,
  maxPixels: number,
): Promise<Backend> {
  const start = workers === 0 ? createPictureExplainer : startPictureExplainer;
  const { explain, close } = await start({ classifier: { config, processor, parameters }, method, maxPixels });
  const outcomeOf = (request: ExplainRequest): Promise<Outcome> =>
    explain(request).catch((error: unknown) => {
      if (error instanceof BeitError && error.code.startsWith("image/")) return { error };
      throw error;
    });
  return { run: (requests) => Promise.all(requests.map(outcomeOf)), close };
}
