import type { BeitConfig } from "../beit/config.ts";
import type { Sample } from "../dataset/sample.ts";
import type { ImageProcessor } from "../image/processor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ClassificationMetrics, classificationMetrics } from "./classification.ts";
import type { LabelledLogits } from "./logits.ts";
import { type Classifier, createPredictor, type FloatClassifier } from "./predictor.ts";

/** A trained classifier in memory. */
export interface TrainedModel extends FloatClassifier {
  readonly config: BeitConfig;
  readonly processor: ImageProcessor;
  readonly parameters: ReadonlyMap<string, Tensor<"float32">>;
}

/** Logits of labelled pictures, in order. @throws BeitError of the first picture that cannot be read */
export async function scoreSamples(
  model: Classifier,
  samples: readonly Sample[],
  classes: readonly string[],
  options: { readonly workers?: number } = {},
): Promise<LabelledLogits> {
  const predictor = await createPredictor(model, options);
  try {
    const logits = new Float32Array(samples.length * classes.length);
    let row = 0;
    for await (const outcome of predictor.scores(samples.map(({ path }) => path))) {
      if ("error" in outcome) throw outcome.error;
      logits.set(outcome.logits, row++ * classes.length);
    }
    return { logits, labels: Int32Array.from(samples, ({ label }) => label), classes };
  } finally {
    await predictor.close();
  }
}

/** Metrics of a model on labelled pictures. */
export async function evaluateSamples(
  model: Classifier,
  samples: readonly Sample[],
  classes: readonly string[],
): Promise<ClassificationMetrics> {
  return classificationMetrics(await scoreSamples(model, samples, classes));
}
