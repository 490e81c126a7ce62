import { accuracyIntervals } from "../evaluate/bootstrap.ts";
import { classificationMetrics } from "../evaluate/classification.ts";
import { type ScoreOptions, scoreDataset } from "../evaluate/dataset.ts";
import type { LabelledLogits } from "../evaluate/logits.ts";
import { worstMistakes } from "../evaluate/mistakes.ts";
import { type Classifier, PREDICTION_BATCH } from "../evaluate/predictor.ts";
import type { ScoredSamples, Unreadable } from "../evaluate/samples.ts";
import { bySubset, type SubsetMetrics } from "../evaluate/subsets.ts";
import { fitTemperature } from "../evaluate/temperature.ts";
import { thresholdSweep } from "../evaluate/thresholds.ts";
import { BeitError } from "../platform/errors.ts";
import { type EvaluationReport, evaluationRecord } from "./evaluation.ts";
import { speedMetrics, type TrainerMetrics } from "./trainer.ts";

/** What to evaluate and what to report. */
export interface EvaluateOptions extends ScoreOptions {
  /** Attributes of the data set ("source") whose values are reported one by one. */
  readonly by?: readonly string[];
  /** Most mistakes listed, most confident first. Default 20. */
  readonly mistakes?: number;
}

/** A finished evaluation. */
export interface Evaluation {
  readonly report: EvaluationReport;
  readonly split: string;
  readonly unreadable: readonly Unreadable[];
}

/**
 * Evaluates a classifier on a data set.
 * @param model a classifier with the name to report
 * @throws BeitError as `scoreDataset`, and `dataset/unknown-attribute` for an attribute in `by` that no picture has
 */
export async function evaluateDataset(
  model: Classifier & { readonly name: string },
  root: string,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const result = await scoreDataset(model, root, options);
  const report = evaluationReport(result, { ...options, model: model.name, dataset: root });
  return { report, split: result.split, unreadable: result.unreadable };
}

/** Pictures and what a model said of them. */
type Scores = Pick<ScoredSamples, "samples" | "scored" | "runtimeSeconds">;

const THRESHOLDS = [0.1, 0.25, 0.5, 0.75, 0.9];

/** Whether there are two classes, and pictures of both. */
const hasTwoSides = ({ classes, labels }: LabelledLogits) =>
  classes.length === 2 && labels.includes(0) && labels.includes(1);

/**
 * Everything that is reported of a model's scores.
 * @throws BeitError `dataset/unknown-attribute` for an attribute in `by` that no picture has
 */
export function evaluationReport(
  scores: Scores,
  options: Pick<EvaluateOptions, "by" | "mistakes"> & { readonly model: string; readonly dataset: string },
): EvaluationReport {
  const { model, dataset, by = [], mistakes = 20 } = options;
  const { samples, scored, runtimeSeconds } = scores;
  return {
    model,
    dataset,
    metrics: classificationMetrics(scored),
    intervals: accuracyIntervals(scored),
    ...(by.length > 0 && { by: Object.fromEntries(by.map((key) => [key, subsetsOf(scores, key)])) }),
    temperature: fitTemperature(scored),
    ...(hasTwoSides(scored) && { thresholds: thresholdSweep(scored, { thresholds: THRESHOLDS }) }),
    runtimeSeconds,
    mistakes: worstMistakes(scored, mistakes).map(({ index, ...mistake }) => ({
      file: samples[index]!.id,
      ...mistake,
    })),
  };
}

function subsetsOf({ samples, scored }: Scores, key: string): SubsetMetrics[] {
  if (!samples.some(({ attributes }) => key in attributes)) {
    const known = [...new Set(samples.flatMap(({ attributes }) => Object.keys(attributes)))];
    const there = known.length > 0 ? `it has ${known.join(", ")}` : "it has none; a metadata.csv gives some";
    throw new BeitError("dataset/unknown-attribute", `the data set has no attribute ${key}: ${there}`);
  }
  return bySubset(
    scored,
    samples.map(({ attributes }) => attributes[key] ?? ""),
  );
}

/** The JSON of an evaluation: that of its report, the split, and what could not be read. */
export function evaluationJson({ report, split, unreadable }: Evaluation) {
  return { ...evaluationRecord(report), split, unreadable };
}

/** The same as Trainer reports it: `eval_accuracy`, `eval_loss`, `eval_runtime` … */
export function evaluationTrainerMetrics({ metrics, runtimeSeconds = 0 }: EvaluationReport): TrainerMetrics {
  const { samples, accuracy, balanced_accuracy, loss } = metrics;
  return {
    eval_accuracy: accuracy,
    eval_balanced_accuracy: balanced_accuracy,
    eval_loss: loss,
    eval_samples: samples,
    ...speedMetrics("eval", runtimeSeconds, { samples, steps: Math.ceil(samples / PREDICTION_BATCH) }),
  };
}
