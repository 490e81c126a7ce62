/** Counts when everything scoring at least `threshold` is called positive, by falling threshold; ties share a point. */
export interface RankingCurve {
  readonly threshold: Float64Array;
  readonly truePositives: Int32Array;
  readonly falsePositives: Int32Array;
  readonly positives: number;
  readonly negatives: number;
}

/** The curve of n scores (any monotone scale) against n truths; one point per distinct score. */
export function rankingCurve(scores: Float64Array, isPositive: (index: number) => boolean): RankingCurve {
  const positive = scores.filter((_, i) => isPositive(i)).sort();
  const negative = scores.filter((_, i) => !isPositive(i)).sort();
  const threshold: number[] = [];
  const truePositives: number[] = [];
  const falsePositives: number[] = [];
  let p = positive.length;
  let n = negative.length;
  while (p > 0 || n > 0) {
    const score = Math.max(p > 0 ? positive[p - 1]! : -Infinity, n > 0 ? negative[n - 1]! : -Infinity);
    while (p > 0 && positive[p - 1] === score) p--;
    while (n > 0 && negative[n - 1] === score) n--;
    threshold.push(score);
    truePositives.push(positive.length - p);
    falsePositives.push(negative.length - n);
  }
  return {
    threshold: Float64Array.from(threshold),
    truePositives: Int32Array.from(truePositives),
    falsePositives: Int32Array.from(falsePositives),
    positives: positive.length,
    negatives: negative.length,
  };
}

/** Area under the ROC curve by trapezoids (ties count one half); null when only one class is present. */
export function areaUnderRoc({ truePositives, falsePositives, positives, negatives }: RankingCurve): number | null {
  if (positives === 0 || negatives === 0) return null;
  let area = 0;
  for (let i = 0; i < truePositives.length; i++) {
    const [tp0, fp0] = i === 0 ? [0, 0] : [truePositives[i - 1]!, falsePositives[i - 1]!];
    area += ((falsePositives[i]! - fp0) * (truePositives[i]! + tp0)) / 2;
  }
  return area / positives / negatives;
}

/** Average precision: Σ (recall step) × precision, without interpolation; null without positives. */
export function averagePrecision({ truePositives, falsePositives, positives }: RankingCurve): number | null {
  if (positives === 0) return null;
  let sum = 0;
  for (let i = 0; i < truePositives.length; i++) {
    const step = truePositives[i]! - (truePositives[i - 1] ?? 0);
    if (step > 0) sum += (step * truePositives[i]!) / (truePositives[i]! + falsePositives[i]!);
  }
  return sum / positives;
}
