import { BeitError } from "../platform/errors.ts";
import { accuracyOf, balancedAccuracyOf, confusionMatrix } from "./classification.ts";
import { checkLabelledLogits, type LabelledLogits, outcomesOf } from "./logits.ts";

/** Metrics of the samples sharing one attribute value, e.g. one source. */
export interface SubsetMetrics {
  readonly name: string;
  readonly samples: number;
  readonly accuracy: number;
  /** Null when the subset holds a single class: its one recall says all there is. */
  readonly balanced_accuracy: number | null;
  /** Classes that occur in the subset, in index order. */
  readonly recall: readonly { readonly label: string; readonly support: number; readonly recall: number }[];
}

/**
 * Metrics per attribute value (source, camera, licence …), ordered by code point. One number over a mixed set hides
 * that a model fails on a whole source.
 * @param keys [n] attribute value of each sample.
 * @throws BeitError `evaluate/shape` when keys and labels differ in length; as `classificationMetrics` otherwise.
 */
export function bySubset(scored: LabelledLogits, keys: readonly string[]): SubsetMetrics[] {
  checkLabelledLogits(scored);
  const { labels, classes } = scored;
  if (keys.length !== labels.length) {
    throw new BeitError(
      "evaluate/shape",
      `evaluate: ${labels.length} samples need as many subset keys, got ${keys.length}`,
    );
  }
  const { predicted } = outcomesOf(scored);
  const members = new Map<string, number[]>();
  keys.forEach((key, i) => {
    const list = members.get(key);
    if (list) list.push(i);
    else members.set(key, [i]);
  });
  const names = [...members.keys()].sort((a, b) => (a < b ? -1 : 1));
  return names.map((name) => subsetMetrics(name, members.get(name)!, { labels, predicted, classes }));
}

function subsetMetrics(
  name: string,
  members: readonly number[],
  { labels, predicted, classes }: { labels: Int32Array; predicted: Int32Array; classes: readonly string[] },
): SubsetMetrics {
  const of = (values: Int32Array) => Int32Array.from(members, (i) => values[i]!);
  const matrix = confusionMatrix(of(labels), of(predicted), classes.length);
  const recall = matrix.flatMap((row, k) => {
    const support = row.reduce((a, b) => a + b, 0);
    return support > 0 ? [{ label: classes[k]!, support, recall: row[k]! / support }] : [];
  });
  return {
    name,
    samples: members.length,
    accuracy: accuracyOf(matrix),
    balanced_accuracy: recall.length > 1 ? balancedAccuracyOf(matrix) : null,
    recall,
  };
}
