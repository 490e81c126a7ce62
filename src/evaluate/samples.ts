import type { BeitConfig } from "../beit/config.ts";
import type { Sample } from "../dataset/sample.ts";
import type { ImageProcessor } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LabelledLogits } from "./logits.ts";
import { type Classifier, createPredictor, type FloatClassifier } from "./predictor.ts";

/** A trained classifier in memory. */
export interface TrainedModel extends FloatClassifier {
  readonly config: BeitConfig;
  readonly processor: ImageProcessor;
  readonly parameters: ReadonlyMap<string, Tensor<"float32">>;
}

/** A picture that could not be scored. */
export interface Unreadable {
  readonly file: string;
  readonly error: string;
}

/** What a classifier says about labelled pictures. */
export interface ScoredSamples {
  /** The pictures that could be read, in the order of the logits. */
  readonly samples: readonly Sample[];
  readonly scored: LabelledLogits;
  readonly unreadable: readonly Unreadable[];
  /** Wall clock of reading and classifying, the model loaded before. */
  readonly runtimeSeconds: number;
}

/** How pictures are scored. */
export interface SampleOptions {
  readonly workers?: number;
  /** Told after each picture; `total` pictures in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Logits of labelled pictures, in order; those that cannot be read are listed and left out.
 * @throws BeitError `evaluate/no-samples` when none can be read
 */
export async function scoreSamples(
  model: Classifier,
  samples: readonly Sample[],
  classes: readonly string[],
  options: SampleOptions = {},
): Promise<ScoredSamples> {
  const predictor = await createPredictor(model, options.workers === undefined ? {} : { workers: options.workers });
  const began = performance.now();
  const logits = new Float32Array(samples.length * classes.length);
  const read: Sample[] = [];
  const unreadable: Unreadable[] = [];
  try {
    let row = 0;
    for await (const outcome of predictor.scores(samples.map(({ path }) => path))) {
      const sample = samples[row++]!;
      if ("error" in outcome) unreadable.push({ file: sample.id, error: outcome.error.message });
      else logits.set(outcome.logits, (read.push(sample) - 1) * classes.length);
      options.onProgress?.(row, samples.length);
    }
  } finally {
    await predictor.close();
  }
  if (read.length === 0) {
    const message = `none of the ${samples.length} pictures can be read; the first: ${unreadable[0]?.error}`;
    throw new BeitError("evaluate/no-samples", message);
  }
  return {
    samples: read,
    scored: {
      logits: logits.subarray(0, read.length * classes.length),
      labels: Int32Array.from(read, ({ label }) => label),
      classes,
    },
    unreadable,
    runtimeSeconds: (performance.now() - began) / 1000,
  };
}
