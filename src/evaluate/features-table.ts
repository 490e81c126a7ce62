/** Features of n samples and what they are: what every probe reads. */
export interface LabelledFeatures {
  /** [n, D] row-major. */
  readonly features: Float32Array;
  /** [n] class index in 0..K−1. */
  readonly labels: Int32Array;
}

/** Number of features of a sample. */
export const widthOf = ({ features, labels }: LabelledFeatures): number => features.length / labels.length;

/** Mean and 1 / standard deviation of every feature; a constant feature gets 0. */
export function standardisation(table: LabelledFeatures): { mean: Float64Array; scale: Float64Array } {
  const D = widthOf(table);
  const n = table.labels.length;
  const [mean, scale] = [new Float64Array(D), new Float64Array(D)];
  const { features } = table;
  for (let i = 0; i < features.length; i++) mean[i % D]! += features[i]! / n;
  for (let i = 0; i < features.length; i++) scale[i % D]! += (features[i]! - mean[i % D]!) ** 2 / n;
  for (let d = 0; d < D; d++) scale[d] = scale[d]! > 1e-12 * mean[d]! ** 2 ? 1 / Math.sqrt(scale[d]!) : 0;
  return { mean, scale };
}
