import type { BeitConfig, Task } from "../beit/config.ts";
import type { Picture } from "../evaluate/batch.ts";
import { createFeatureExtractor, type Pooling } from "../evaluate/features.ts";
import { loadModel, type Model, parameterCount } from "../evaluate/model.ts";
import { type Classifier, createPredictor, type Scored, usualWorkers } from "../evaluate/predictor.ts";
import { type Precision, quantizedForm } from "../evaluate/quantized.ts";
import { BeitError } from "../platform/errors.ts";
import { type Batcher, type BatcherOptions, createBatcher } from "./batcher.ts";
import type { Clock } from "./clock.ts";
import type { Limits } from "./limits.ts";

/** What a model is asked for. */
export type Purpose = "classify" | "features";

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
  /** A row of logits or of features for every picture, or what was wrong with it. */
  readonly batcher: Batcher<Picture, Scored>;
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
  onBatch?: BatcherOptions<Picture, Scored>["onBatch"];
}

const THREAD_BYTES = 48 * 2 ** 20; // guessed, not measured: a thread with onnxruntime and the activations of a batch of 8

/**
 * Reads a model for a purpose.
 * @throws BeitError as `loadModel`; `model/not-a-classifier`; `model/no-int8` when that was asked for
 */
export async function openModel(path: string, purpose: Purpose, options: RunnerOptions): Promise<OpenedModel> {
  const model = await loadModel(path);
  if (purpose === "classify" && model.task !== "classification") {
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
  const copies = Math.max(1, workers);
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
  const { maxBatch, maxPixels, maxQueue, windowMs } = limits;
  const start = purpose === "classify" ? createPredictor : createFeatureExtractor;
  const predictor = await start(model, { workers, batchSize: maxBatch, maxPixels });
  const batcher = createBatcher<Picture, Scored>({
    async run(pictures) {
      const outcomes: Scored[] = [];
      for await (const outcome of predictor.scores(pictures)) outcomes.push(outcome);
      return outcomes;
    },
    clock,
    maxBatch,
    maxQueue,
    windowMs,
    workers: Math.max(1, workers),
    ...(onBatch ? { onBatch } : {}),
  });
  return { info, batcher, close: () => predictor.close() };
}
