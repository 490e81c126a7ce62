import type { BeitConfig } from "../beit/config.ts";

/** A class and what the model gives it. */
export interface ClassScore {
  readonly label: string;
  /** A probability in [0, 1]; of a regression the value itself. */
  readonly score: number;
}

/**
 * Scores of one row of logits [K]: softmax; sigmoid where several labels may hold or there is just one; of a regression
 * the values.
 * @see transformers v4.45.2 pipelines/image_classification.py, `function_to_apply`
 */
export function scoresOf(logits: Float32Array, { labels, problemType }: BeitConfig): Float64Array {
  if (problemType === "regression") return Float64Array.from(logits);
  if (problemType === "multi_label_classification" || labels.length === 1) {
    return Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
  }
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The `count` highest scores, falling; equal ones by class index. */
export function topScores(logits: Float32Array, config: BeitConfig, count: number): ClassScore[] {
  const scores = scoresOf(logits, config);
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  return order.slice(0, count).map((k) => ({ label: config.labels[k]!, score: scores[k]! }));
}
