import { createColors } from "picocolors";
import type { AccuracyIntervals, Interval } from "../evaluate/bootstrap.ts";
import type { ClassificationMetrics } from "../evaluate/classification.ts";
import type { SubsetMetrics } from "../evaluate/subsets.ts";
import type { TemperatureFit } from "../evaluate/temperature.ts";
import type { ThresholdMetrics, ThresholdSweep } from "../evaluate/thresholds.ts";
import { countText, decimalText, durationText } from "./numbers.ts";
import { type Column, formatTable, type TextStyle } from "./table.ts";

/** A wrong prediction, by file. */
export interface FileMistake {
  readonly file: string;
  readonly label: string;
  readonly predicted: string;
  /** Probability given to the wrong prediction. */
  readonly score: number;
}

/** Everything one evaluation found; optional parts are left out where absent. */
export interface EvaluationReport {
  readonly model?: string;
  readonly dataset?: string;
  readonly metrics: ClassificationMetrics;
  readonly intervals?: AccuracyIntervals;
  /** Attribute name ("source") → its subsets. */
  readonly by?: Readonly<Record<string, readonly SubsetMetrics[]>>;
  readonly temperature?: TemperatureFit;
  readonly thresholds?: ThresholdSweep;
  /** Wall clock of the evaluation. */
  readonly runtimeSeconds?: number;
  /** Most confident first. */
  readonly mistakes?: readonly FileMistake[];
}

/** Classes up to which a whole confusion matrix is shown; beyond, the most confused pairs. */
export const MATRIX_CLASSES = 12;

/** Classes up to which subsets show a recall per class. */
export const RECALL_CLASSES = 4;

/** The JSON of an evaluation, keys in snake case: what `--json` prints. */
export function evaluationRecord(report: EvaluationReport) {
  const { model, dataset, metrics, intervals, by, temperature, thresholds, runtimeSeconds, mistakes } = report;
  return {
    ...(model !== undefined && { model }),
    ...(dataset !== undefined && { dataset }),
    ...metrics,
    ...(intervals && { confidence_intervals: intervals }),
    ...(by && { by }),
    ...(temperature && { temperature_scaling: temperature }),
    ...(thresholds && { thresholds }),
    ...(runtimeSeconds !== undefined && {
      runtime_seconds: runtimeSeconds,
      images_per_second: metrics.samples / runtimeSeconds,
    }),
    ...(mistakes && { worst_mistakes: mistakes }),
  };
}

/** The evaluation as text: headline, classes, confusion, subsets, calibration, thresholds, worst mistakes. */
export function formatEvaluation(report: EvaluationReport, style: TextStyle = {}): string {
  const { metrics, by = {}, thresholds, mistakes } = report;
  const sections = [
    headline(report, style),
    formatTable(CLASS_COLUMNS, classRows(metrics), style),
    metrics.labels.length <= MATRIX_CLASSES ? matrixTable(metrics, style) : confusedTable(metrics, style),
    ...Object.entries(by).map(([attribute, rows]) => subsetTable(attribute, rows, metrics.labels, style)),
    calibrationSentences(report).join("\n"),
    thresholds && thresholdTable(thresholds, style),
    mistakes && mistakes.length > 0 && mistakeTable(mistakes, style),
  ];
  return sections.filter(Boolean).join("\n\n");
}

function headline(
  { metrics, intervals, runtimeSeconds, model, dataset }: EvaluationReport,
  { color = false }: TextStyle,
) {
  const { bold } = createColors(color);
  const figures = [
    ["accuracy", bold(decimalText(metrics.accuracy)) + intervalText(intervals?.accuracy)],
    ["balanced accuracy", bold(decimalText(metrics.balanced_accuracy)) + intervalText(intervals?.balanced_accuracy)],
    ...(metrics.top_5_accuracy === undefined ? [] : [["top-5 accuracy", decimalText(metrics.top_5_accuracy)]]),
    ["loss", decimalText(metrics.loss)],
    ...(metrics.auroc === undefined ? [] : [["area under ROC", decimalText(metrics.auroc)]]),
    ["images", countText(metrics.samples) + speedText(metrics.samples, runtimeSeconds)],
  ];
  const width = Math.max(...figures.map(([name]) => name!.length));
  const title = [model, dataset].filter((part) => part !== undefined).join(" on ");
  const lines = figures.map(([name, figure]) => `${name!.padEnd(width)}  ${figure}`);
  return [...(title ? [bold(title)] : []), ...lines].join("\n");
}

/** " [0.9697, 0.9800]", or nothing. */
export function intervalText(interval: Interval | undefined, digits = 4): string {
  return interval ? ` [${interval.map((end) => end.toFixed(digits)).join(", ")}]` : "";
}

const speedText = (images: number, seconds: number | undefined) =>
  seconds === undefined ? "" : ` in ${durationText(seconds)}, ${(images / seconds).toFixed(1)} per second`;

const right = (title: string): Column => ({ title, align: "right" });

/** Columns of the per-class table. */
export const CLASS_COLUMNS: readonly Column[] = [
  { title: "class" },
  ...["images", "precision", "recall", "f1", "average precision"].map(right),
];

/** Rows of the per-class table. */
export function classRows({ per_class }: ClassificationMetrics): string[][] {
  return per_class.map(({ label, support, precision, recall, f1, average_precision }) => [
    label,
    countText(support),
    ...[precision, recall, f1, average_precision].map((value) => decimalText(value)),
  ]);
}

function matrixTable({ labels, confusion_matrix }: ClassificationMetrics, style: TextStyle): string {
  const columns = [{ title: "true \\ predicted" }, ...labels.map(right)];
  const rows = confusion_matrix.map((row, k) => [labels[k]!, ...row.map(countText)]);
  return formatTable(columns, rows, style);
}

/** The largest counts off the diagonal, then by class index. */
export function mostConfused({ labels, confusion_matrix }: ClassificationMetrics, limit = 10) {
  const pairs = confusion_matrix.flatMap((row, i) =>
    row.flatMap((count, j) => (i !== j && count > 0 ? [{ label: labels[i]!, predicted: labels[j]!, count }] : [])),
  );
  return pairs.sort((a, b) => b.count - a.count).slice(0, limit);
}

function confusedTable(metrics: ClassificationMetrics, style: TextStyle): string {
  const rows = mostConfused(metrics).map(({ label, predicted, count }) => [label, predicted, countText(count)]);
  return formatTable([{ title: "most confused: true" }, { title: "predicted" }, right("images")], rows, style);
}

/** Columns of a subset table: a recall per class while they are few. */
export function subsetColumns(attribute: string, labels: readonly string[]): Column[] {
  const recalls = labels.length <= RECALL_CLASSES ? labels.map((label) => right(`recall ${label}`)) : [];
  return [{ title: attribute }, right("images"), right("accuracy"), right("balanced"), ...recalls];
}

/** Rows of a subset table; "–" where a class does not occur. */
export function subsetRows(rows: readonly SubsetMetrics[], labels: readonly string[]): string[][] {
  const shown = labels.length <= RECALL_CLASSES ? labels : [];
  return rows.map(({ name, samples, accuracy, balanced_accuracy, recall }) => [
    name,
    countText(samples),
    decimalText(accuracy),
    decimalText(balanced_accuracy),
    ...shown.map((label) => decimalText(recall.find((row) => row.label === label)?.recall)),
  ]);
}

function subsetTable(
  attribute: string,
  rows: readonly SubsetMetrics[],
  labels: readonly string[],
  style: TextStyle,
): string {
  return formatTable(subsetColumns(`by ${attribute}`, labels), subsetRows(rows, labels), style);
}

/** Whether the probabilities can be believed: one sentence, two with a fitted temperature. */
export function calibrationSentences({ metrics, temperature }: EvaluationReport): string[] {
  const { expected_calibration_error, brier, reliability } = metrics;
  const error = `Expected calibration error ${decimalText(expected_calibration_error)} over ${reliability.length} bins, Brier score ${decimalText(brier)}.`;
  if (!temperature) return [error];
  const { before, after, at_bound } = temperature;
  const bound = at_bound ? " (at the bound: there is no optimum)" : "";
  const loss = `loss from ${decimalText(before.loss)} to ${decimalText(after.loss)}`;
  const change = `from ${decimalText(before.expected_calibration_error)} to ${decimalText(after.expected_calibration_error)}`;
  return [
    error,
    `Temperature ${temperature.temperature.toFixed(3)}${bound} takes the ${loss} and the calibration error ${change}, on the samples it was fitted on.`,
  ];
}

/** Columns of the threshold table. */
export const THRESHOLD_COLUMNS: readonly Column[] = [
  ...["threshold", "precision", "recall", "specificity", "balanced"].map(right),
  { title: "" },
];

/** Rows of the threshold table in rising order, the best one marked. */
export function thresholdRows({ best, at }: ThresholdSweep): string[][] {
  const all = [...at, best].sort((a, b) => a.threshold - b.threshold);
  const row = (point: ThresholdMetrics) => [
    decimalText(point.threshold),
    ...[point.precision, point.recall, point.specificity, point.balanced_accuracy].map((value) => decimalText(value)),
    point === best ? "best" : "",
  ];
  return all.map(row);
}

function thresholdTable(sweep: ThresholdSweep, style: TextStyle): string {
  return `"${sweep.positive}" when its probability reaches the threshold:\n${formatTable(THRESHOLD_COLUMNS, thresholdRows(sweep), style)}`;
}

function mistakeTable(mistakes: readonly FileMistake[], style: TextStyle): string {
  const rows = mistakes.map(({ file, label, predicted, score }) => [file, label, predicted, decimalText(score)]);
  return formatTable(
    [{ title: "worst mistakes" }, { title: "true" }, { title: "predicted" }, right("score")],
    rows,
    style,
  );
}
