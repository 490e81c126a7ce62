import { serveRequests } from "#platform/threads";
import { type BatchOptions, type BatchOutcome, createBatchClassifier, type Picture } from "./batch.ts";

/** Pictures to classify together. */
export interface PredictRequest {
  readonly pictures: readonly Picture[];
}

void serveRequests<BatchOptions, PredictRequest, BatchOutcome>(async (options) => {
  const { classify } = await createBatchClassifier(options);
  return ({ pictures }) => classify(pictures);
});
