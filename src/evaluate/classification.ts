import { brierScore, expectedCalibrationError, type ReliabilityBin, reliability } from "./calibration.ts";
import { checkLabelledLogits, type LabelledLogits, meanCrossEntropy, type Outcomes, outcomesOf } from "./logits.ts";
import { areaUnderRoc, averagePrecision, rankingCurve } from "./ranking.ts";

/** How well one class is found. A ratio whose denominator is zero is null, not 0. */
export interface ClassMetrics {
  readonly label: string;
  /** Samples whose true class this is. */
  readonly support: number;
  /** Of those called this class, the share that is. */
  readonly precision: number | null;
  /** Of those that are this class, the share called so. */
  readonly recall: number | null;
  readonly f1: number | null;
  /** One against the rest, ranked by probability. */
  readonly average_precision: number | null;
}

/** Metrics of n samples over K classes; the keys are those of the JSON users read. All ratios in [0, 1]. */
export interface ClassificationMetrics {
  readonly samples: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly accuracy: number;
  /** Mean recall over the classes that occur. */
  readonly balanced_accuracy: number;
  /** Share with the true class among the five highest; only with more than five classes. */
  readonly top_5_accuracy?: number;
  readonly labels: readonly string[];
  readonly per_class: readonly ClassMetrics[];
  /** [true class][predicted class] counts. */
  readonly confusion_matrix: readonly (readonly number[])[];
  /** 15 equal-width bins of the highest probability. */
  readonly expected_calibration_error: number;
  readonly reliability: readonly ReliabilityBin[];
  readonly brier: number;
  /** Two classes only; null when just one of them occurs. */
  readonly auroc?: number | null;
}

const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : null);

/** Counts by [true class][predicted class], K × K. */
export function confusionMatrix(labels: Int32Array, predicted: Int32Array, classCount: number): number[][] {
  const matrix = Array.from({ length: classCount }, () => new Array<number>(classCount).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[labels[i]!]![predicted[i]!]!++;
  return matrix;
}

/** Share on the diagonal. */
export function accuracyOf(matrix: readonly (readonly number[])[]): number {
  const right = matrix.reduce((sum, row, k) => sum + row[k]!, 0);
  return right / matrix.flat().reduce((a, b) => a + b, 0);
}

/** Mean recall over the classes that occur (scikit-learn's `balanced_accuracy_score`). */
export function balancedAccuracyOf(matrix: readonly (readonly number[])[]): number {
  const recalls = matrix.flatMap((row, k) => ratio(row[k]!, sum(row)) ?? []);
  return sum(recalls) / recalls.length;
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Log probability of class k (log odds with two classes, where probabilities near 1 would tie). */
function classScores({ logits, labels, classes }: LabelledLogits, { logSumExp }: Outcomes, k: number): Float64Array {
  const K = classes.length;
  return Float64Array.from(labels, (_, i) =>
    K === 2 ? logits[i * 2 + k]! - logits[i * 2 + 1 - k]! : logits[i * K + k]! - logSumExp[i]!,
  );
}

function classMetrics(scored: LabelledLogits, outcomes: Outcomes, matrix: number[][], k: number): ClassMetrics {
  const right = matrix[k]![k]!;
  const support = sum(matrix[k]!);
  const called = sum(matrix.map((row) => row[k]!));
  const curve = rankingCurve(classScores(scored, outcomes, k), (i) => scored.labels[i] === k);
  return {
    label: scored.classes[k]!,
    support,
    precision: ratio(right, called),
    recall: ratio(right, support),
    f1: ratio(2 * right, support + called),
    average_precision: averagePrecision(curve),
  };
}

/** Share of samples with fewer than `top` classes before the true one; equal logits rank by index. */
export function topAccuracy({ logits, labels, classes }: LabelledLogits, top: number): number {
  const K = classes.length;
  let hits = 0;
  for (let i = 0; i < labels.length; i++) {
    const own = logits[i * K + labels[i]!]!;
    let before = 0;
    for (let k = 0; k < K; k++) {
      const logit = logits[i * K + k]!;
      if (logit > own || (logit === own && k < labels[i]!)) before++;
    }
    if (before < top) hits++;
  }
  return hits / labels.length;
}

/**
 * All metrics of a classifier's logits.
 * @throws BeitError `evaluate/…` for no samples, mismatched lengths, labels out of range, non-finite logits.
 */
export function classificationMetrics(scored: LabelledLogits): ClassificationMetrics {
  checkLabelledLogits(scored);
  const { labels, classes } = scored;
  const outcomes = outcomesOf(scored);
  const matrix = confusionMatrix(labels, outcomes.predicted, classes.length);
  const bins = reliability(labels, outcomes);
  return {
    samples: labels.length,
    loss: meanCrossEntropy(scored, outcomes),
    accuracy: accuracyOf(matrix),
    balanced_accuracy: balancedAccuracyOf(matrix),
    ...(classes.length > 5 && { top_5_accuracy: topAccuracy(scored, 5) }),
    labels: classes,
    per_class: classes.map((_, k) => classMetrics(scored, outcomes, matrix, k)),
    confusion_matrix: matrix,
    expected_calibration_error: expectedCalibrationError(bins),
    reliability: bins,
    brier: brierScore(scored, outcomes),
    ...(classes.length === 2 && {
      auroc: areaUnderRoc(rankingCurve(classScores(scored, outcomes, 1), (i) => labels[i] === 1)),
    }),
  };
}
