import { BeitError } from "../platform/errors.ts";
import { checkLabelledLogits, type LabelledLogits } from "./logits.ts";
import { type RankingCurve, rankingCurve } from "./ranking.ts";

/** Two-class figures when "positive" means probability ≥ `threshold`. Null where nothing was called positive. */
export interface ThresholdMetrics {
  readonly threshold: number;
  readonly precision: number | null;
  /** Share of positives found. */
  readonly recall: number;
  /** Share of negatives left alone. */
  readonly specificity: number;
  readonly accuracy: number;
  readonly balanced_accuracy: number;
}

/** A sweep over the decision threshold of one class. */
export interface ThresholdSweep {
  /** The class called positive. */
  readonly positive: string;
  /** The highest balanced accuracy; of equal ones the threshold nearest 0.5. */
  readonly best: ThresholdMetrics;
  /** At the asked thresholds, in the asked order. */
  readonly at: readonly ThresholdMetrics[];
}

/** Settings of the sweep. */
export interface ThresholdOptions {
  /** Index of the positive class, 0 or 1. */
  readonly positive?: 0 | 1;
  /** Probabilities in [0, 1]; 0.05 to 0.95 by default. */
  readonly thresholds?: readonly number[];
}

const DEFAULT_THRESHOLDS = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/**
 * Precision, recall and balanced accuracy of a two-class model over decision thresholds. Choose a threshold on one set
 * and report it on another: the best of many is optimistic on its own set.
 * @throws BeitError `evaluate/two-classes` unless there are two classes and samples of both; as `classificationMetrics`.
 */
export function thresholdSweep(scored: LabelledLogits, options: ThresholdOptions = {}): ThresholdSweep {
  checkLabelledLogits(scored);
  const { logits, labels, classes } = scored;
  const { positive = 1, thresholds = DEFAULT_THRESHOLDS } = options;
  if (classes.length !== 2 || !labels.includes(0) || !labels.includes(1)) {
    const message = `evaluate: a threshold sweep needs samples of exactly two classes, got classes ${classes.join(", ")}`;
    throw new BeitError("evaluate/two-classes", message);
  }
  const probability = Float64Array.from(labels, (_, i) => {
    return 1 / (1 + Math.exp(logits[2 * i + 1 - positive]! - logits[2 * i + positive]!));
  });
  const curve = rankingCurve(probability, (i) => labels[i] === positive);
  const at = thresholds.map((threshold) => metricsAt(curve, lastPointAbove(curve, threshold), threshold));
  return { positive: classes[positive]!, best: bestPoint(curve), at };
}

/** Index of the last curve point with score ≥ threshold; −1 when none has. */
function lastPointAbove({ threshold: scores }: RankingCurve, threshold: number): number {
  const below = scores.findIndex((score) => score < threshold);
  return (below < 0 ? scores.length : below) - 1;
}

function bestPoint(curve: RankingCurve): ThresholdMetrics {
  const points = Array.from(curve.threshold, (_, i) => metricsAt(curve, i, midpoint(curve, i)));
  return points.reduce((best, point) => {
    const gain = point.balanced_accuracy - best.balanced_accuracy;
    const nearer = Math.abs(point.threshold - 0.5) < Math.abs(best.threshold - 0.5);
    return gain > 0 || (gain === 0 && nearer) ? point : best;
  });
}

/** Halfway to the next lower score, which separates the same samples with the most room; 0 after the last. */
function midpoint({ threshold }: RankingCurve, i: number): number {
  if (i + 1 >= threshold.length) return 0;
  const middle = (threshold[i]! + threshold[i + 1]!) / 2;
  return middle > threshold[i + 1]! ? middle : threshold[i]!;
}

function metricsAt(curve: RankingCurve, point: number, threshold: number): ThresholdMetrics {
  const { positives, negatives } = curve;
  const tp = curve.truePositives[point] ?? 0;
  const fp = curve.falsePositives[point] ?? 0;
  const recall = tp / positives;
  const specificity = (negatives - fp) / negatives;
  return {
    threshold,
    precision: tp + fp > 0 ? tp / (tp + fp) : null,
    recall,
    specificity,
    accuracy: (tp + negatives - fp) / (positives + negatives),
    balanced_accuracy: (recall + specificity) / 2,
  };
}
