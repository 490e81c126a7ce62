import type { LabelledLogits, Outcomes } from "./logits.ts";

/** Equal-width bins of the expected calibration error (Guo et al. 2017, "On Calibration of Modern Neural Networks"). */
export const CALIBRATION_BINS = 15;

/** Samples whose confidence lies in (from, to]: a calibrated model has `accuracy` ≈ `confidence`. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly samples: number;
  /** Mean confidence; null for an empty bin. */
  readonly confidence: number | null;
  /** Share predicted right; null for an empty bin. */
  readonly accuracy: number | null;
}

/** Confidence against accuracy in equal-width bins. */
export function reliability(labels: Int32Array, outcomes: Outcomes, bins = CALIBRATION_BINS): ReliabilityBin[] {
  const samples = new Int32Array(bins);
  const right = new Int32Array(bins);
  const confidence = new Float64Array(bins);
  for (let i = 0; i < labels.length; i++) {
    const bin = Math.max(0, Math.ceil(outcomes.confidence[i]! * bins) - 1);
    samples[bin]!++;
    confidence[bin]! += outcomes.confidence[i]!;
    if (outcomes.predicted[i] === labels[i]) right[bin]!++;
  }
  const mean = (sum: number, count: number) => (count > 0 ? sum / count : null);
  return Array.from({ length: bins }, (_, bin) => ({
    from: bin / bins,
    to: (bin + 1) / bins,
    samples: samples[bin]!,
    confidence: mean(confidence[bin]!, samples[bin]!),
    accuracy: mean(right[bin]!, samples[bin]!),
  }));
}

/** Expected calibration error: Σ (share of samples) × |accuracy − confidence| over the bins; 0 is calibrated. */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, bin) => sum + bin.samples, 0);
  return bins.reduce((sum, { samples, accuracy, confidence }) => {
    return sum + (samples / total) * Math.abs((accuracy ?? 0) - (confidence ?? 0));
  }, 0);
}

/**
 * Brier score: mean squared error of the probabilities. Summed over the classes (0..2), but for two classes over one
 * of them (0..1), as scikit-learn's `brier_score_loss` does.
 */
export function brierScore({ logits, labels, classes }: LabelledLogits, { logSumExp }: Outcomes): number {
  const K = classes.length;
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    for (let k = 0; k < K; k++) {
      const probability = Math.exp(logits[i * K + k]! - logSumExp[i]!);
      sum += (probability - (labels[i] === k ? 1 : 0)) ** 2;
    }
  }
  return sum / labels.length / (K === 2 ? 2 : 1);
}
