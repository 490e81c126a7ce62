/**
 * What `import "beit"` gives in a browser: prediction. Training, data sets and the service need Node.
 * @packageDocumentation
 */

export type { BeitConfig, Task } from "./beit/config.ts";
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
export type { ImageProcessor } from "./image/processor.ts";
export { useRuntime } from "./platform/browser/engine.ts";
export { BeitError } from "./platform/errors.ts";
