import { BeitError } from "../platform/errors.ts";

/** Scores of n samples over K classes with their true classes: what every metric reads. */
export interface LabelledLogits {
  /** [n, K] row-major, finite, before softmax. */
  readonly logits: Float32Array;
  /** [n] class index in 0..K-1. */
  readonly labels: Int32Array;
  /** [K] class names in index order. */
  readonly classes: readonly string[];
}

/** What a model said about each of n samples, in float64. */
export interface Outcomes {
  /** [n] class of the largest logit; of equal logits the first. */
  readonly predicted: Int32Array;
  /** [n] softmax probability of the predicted class, in (0, 1]. */
  readonly confidence: Float64Array;
  /** [n] log of the sum of exponentials of the row: logit − this = log probability. */
  readonly logSumExp: Float64Array;
}

/**
 * Guards the boundary of every metric.
 * @throws BeitError `evaluate/no-samples`, `evaluate/shape`, `evaluate/label-out-of-range` or `evaluate/not-finite`.
 */
export function checkLabelledLogits({ logits, labels, classes }: LabelledLogits): void {
  const [n, K] = [labels.length, classes.length];
  if (n === 0) throw new BeitError("evaluate/no-samples", "evaluate: expected at least one labelled sample, got none");
  if (logits.length !== n * K) {
    throw new BeitError(
      "evaluate/shape",
      `evaluate: ${n} labels × ${K} classes need ${n * K} logits, got ${logits.length}`,
    );
  }
  const badLabel = labels.findIndex((label) => label < 0 || label >= K);
  if (badLabel >= 0) {
    const message = `evaluate: label ${labels[badLabel]} of sample ${badLabel} is not one of the model's ${K} classes (0..${K - 1})`;
    throw new BeitError("evaluate/label-out-of-range", message);
  }
  const bad = logits.findIndex((logit) => !Number.isFinite(logit));
  if (bad >= 0) {
    const message = `evaluate: sample ${Math.floor(bad / K)} has logit ${logits[bad]} for class "${classes[bad % K]}"; expected finite numbers (diverged weights?)`;
    throw new BeitError("evaluate/not-finite", message);
  }
}

/** Predicted class, its probability and the softmax normaliser of every row of logits / `temperature`. */
export function outcomesOf({ logits, labels, classes }: LabelledLogits, temperature = 1): Outcomes {
  const [n, K] = [labels.length, classes.length];
  const predicted = new Int32Array(n);
  const confidence = new Float64Array(n);
  const logSumExp = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let best = 0;
    for (let k = 1; k < K; k++) if (logits[i * K + k]! > logits[i * K + best]!) best = k;
    const top = logits[i * K + best]! / temperature;
    let sum = 0;
    for (let k = 0; k < K; k++) sum += Math.exp(logits[i * K + k]! / temperature - top);
    predicted[i] = best;
    confidence[i] = 1 / sum;
    logSumExp[i] = top + Math.log(sum);
  }
  return { predicted, confidence, logSumExp };
}

/** Mean cross-entropy in nats over the samples, summed in float64 (Hugging Face's `eval_loss`). */
export function meanCrossEntropy(scored: LabelledLogits, { logSumExp }: Outcomes, temperature = 1): number {
  const { logits, labels, classes } = scored;
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += logSumExp[i]! - logits[i * classes.length + labels[i]!]! / temperature;
  return sum / labels.length;
}
