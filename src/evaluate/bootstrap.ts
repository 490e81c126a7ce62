import { random } from "../tensor/random.ts";
import { checkLabelledLogits, type LabelledLogits, outcomesOf } from "./logits.ts";

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number];

/** Percentile-bootstrap intervals of the two headline figures. */
export interface AccuracyIntervals {
  readonly level: number;
  readonly resamples: number;
  readonly seed: number;
  readonly accuracy: Interval;
  readonly balanced_accuracy: Interval;
}

/** Settings of the bootstrap. */
export interface BootstrapOptions {
  readonly seed?: number;
  readonly resamples?: number;
  /** Probability the interval should cover, in (0, 1). */
  readonly level?: number;
}

/**
 * Percentile-bootstrap intervals of accuracy and balanced accuracy: n samples drawn with replacement, seeded, so the
 * same logits give the same interval. It covers the chance of the draw only, not that other data look different; with
 * no errors at all it is [1, 1] whatever n.
 * @throws BeitError as `classificationMetrics`.
 */
export function accuracyIntervals(scored: LabelledLogits, options: BootstrapOptions = {}): AccuracyIntervals {
  checkLabelledLogits(scored);
  const { seed = 0, resamples = 1000, level = 0.95 } = options;
  const { labels, classes } = scored;
  const { predicted } = outcomesOf(scored);
  const n = labels.length;
  const cells = Int32Array.from(labels, (label, i) => 2 * label + (predicted[i] === label ? 1 : 0)); // class, right?
  const accuracy = new Float64Array(resamples);
  const balanced = new Float64Array(resamples);
  const counts = new Int32Array(2 * classes.length);
  const { bits } = random(seed, "bootstrap");
  for (let r = 0; r < resamples; r++) {
    counts.fill(0);
    for (let i = 0; i < n; i++) counts[cells[Math.floor((bits() / 2 ** 32) * n)]!]!++;
    [accuracy[r], balanced[r]] = headline(counts, n);
  }
  const ends = (values: Float64Array): Interval => {
    values.sort();
    return [quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)];
  };
  return { level, resamples, seed, accuracy: ends(accuracy), balanced_accuracy: ends(balanced) };
}

/** Accuracy and mean recall from counts of (class, wrong) and (class, right). */
function headline(counts: Int32Array, n: number): [number, number] {
  let right = 0;
  let recalls = 0;
  let present = 0;
  for (let k = 0; k < counts.length; k += 2) {
    const support = counts[k]! + counts[k + 1]!;
    right += counts[k + 1]!;
    if (support > 0) {
      recalls += counts[k + 1]! / support;
      present++;
    }
  }
  return [right / n, recalls / present];
}

/** The q-quantile (0..1) of ascending values, linear between order statistics (NumPy's default). */
export function quantile(ascending: Float64Array, q: number): number {
  const at = q * (ascending.length - 1);
  const below = Math.floor(at);
  const low = ascending[below]!;
  return low + (at - below) * ((ascending[below + 1] ?? low) - low);
}
