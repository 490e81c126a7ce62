/**
 * Image transformers for TypeScript: load, run, evaluate and train BEiT.
 * @packageDocumentation
 */
export type { BeitConfig, Task } from "./beit/config.ts";
export type { DvaeConfig } from "./dvae/config.ts";
export type { ClassificationMetrics, ClassMetrics } from "./evaluate/classification.ts";
export { loadModel, type Model, type ModelSource } from "./evaluate/model.ts";
export {
  type ClassifyOptions,
  type ImageClassifier,
  type ImageInput,
  type PipelineOptions,
  pipeline,
} from "./evaluate/pipeline.ts";
export { openPrepared, type PreparedModel } from "./evaluate/prepared.ts";
export type { Precision } from "./evaluate/quantized.ts";
export type { ClassScore } from "./evaluate/scores.ts";
export { loadTokenizer, saveTokenizer, type TokenizerModel } from "./evaluate/tokenizer.ts";
export { createTokenizer, type ImageTokenizer } from "./evaluate/tokens.ts";
export type { ImageProcessor } from "./image/processor.ts";
export { BeitError } from "./platform/errors.ts";
export { type EvaluateOptions, type Evaluation, evaluateDataset as evaluate } from "./report/evaluate.ts";
export type { Tensor } from "./tensor/tensor.ts";
export { type TrainEvent, type TrainResult, train } from "./train/fine-tune.ts";
export { parseRecipe, type Recipe } from "./train/recipe.ts";
export type { RunOptions } from "./train/run.ts";
