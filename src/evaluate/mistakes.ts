import { checkLabelledLogits, type LabelledLogits, outcomesOf } from "./logits.ts";

/** A sample the model got wrong. */
export interface Mistake {
  /** Position among the evaluated samples. */
  readonly index: number;
  readonly label: string;
  readonly predicted: string;
  /** Probability given to the wrong prediction. */
  readonly score: number;
}

/**
 * The wrong predictions, most confident first (then by index): where wrong labels and blind spots show.
 * @throws BeitError as `classificationMetrics`.
 */
export function worstMistakes(scored: LabelledLogits, limit = 50): Mistake[] {
  checkLabelledLogits(scored);
  const { labels, classes } = scored;
  const { predicted, confidence } = outcomesOf(scored);
  const wrong = Array.from(labels.keys()).filter((i) => predicted[i] !== labels[i]);
  wrong.sort((a, b) => confidence[b]! - confidence[a]! || a - b);
  return wrong.slice(0, limit).map((index) => ({
    index,
    label: classes[labels[index]!]!,
    predicted: classes[predicted[index]!]!,
    score: confidence[index]!,
  }));
}
