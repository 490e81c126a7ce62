import type { ReliabilityBin } from "../evaluate/calibration.ts";
import type { SubsetMetrics } from "../evaluate/subsets.ts";
import { barChart } from "./bar-chart.ts";
import { type EvaluationReport, RECALL_CLASSES } from "./evaluation.ts";
import { heatMap } from "./heat-map.ts";
import { lineChart, type Point, type Series, smoothed } from "./line-chart.ts";
import type { LogEntry } from "./state.ts";
import { PALETTE } from "./svg.ts";

const SMOOTHED_FROM = 40; // points from which single steps hide the trend
const HEAT_MAP_CLASSES = 100; // beyond, a cell is under 7 px

/** The figures of a training history: loss, accuracy and learning rate over optimizer steps, as far as logged. */
export function trainingFigures(history: readonly LogEntry[]): string[] {
  const loss = [...lossSeries(history), ...lineOf(history, "eval_loss", "validation loss", PALETTE[1])];
  const accuracy = [
    ...lineOf(history, "eval_accuracy", "validation accuracy", PALETTE[0]),
    ...lineOf(history, "eval_balanced_accuracy", "validation balanced accuracy", PALETTE[1]),
  ];
  const masked = [
    ...lineOf(history, "masked_accuracy", "training", PALETTE[0]),
    ...lineOf(history, "eval_masked_accuracy", "held-out pictures", PALETTE[1]),
  ];
  const reconstruction = lineOf(history, "eval_error", "mean squared error", PALETTE[0]);
  const codes = lineOf(history, "eval_perplexity", "perplexity", PALETTE[1]);
  const rate = lineOf(history, "learning_rate", "learning rate", PALETTE[2], false);
  const charts = [
    { title: "Loss", series: loss },
    { title: "Accuracy", series: accuracy, yRange: [lowEnd(accuracy), 1] as const },
    { title: "Accuracy on masked patches", series: masked },
    { title: "Reconstruction of held-out pictures", series: reconstruction },
    { title: "Codes in use", series: codes },
    { title: "Learning rate", series: rate },
  ];
  const xRange = [0, history.at(-1)?.step ?? 1] as const;
  return charts.flatMap(({ title, series, ...range }) => {
    return series.length > 0 ? [lineChart({ title, xLabel: "step", series, xRange, ...range })] : [];
  });
}

/** The figures of an evaluation: confusion matrix, reliability, subsets. */
export function evaluationFigures(
  { metrics, by = {} }: EvaluationReport,
  href?: (row: number, column: number) => string | undefined,
): string[] {
  const { labels, confusion_matrix, reliability } = metrics;
  return [
    ...(labels.length <= HEAT_MAP_CLASSES
      ? [heatMap({ title: "Confusion matrix", labels, matrix: confusion_matrix, ...(href && { href }) })]
      : []),
    reliabilityChart(reliability),
    ...Object.entries(by).map(([attribute, rows]) => subsetChart(attribute, rows, labels)),
  ];
}

/** Confidence against accuracy; a calibrated model lies on the diagonal. */
export function reliabilityChart(bins: readonly ReliabilityBin[]): string {
  const points = bins.flatMap(({ confidence, accuracy }): Point[] =>
    confidence === null || accuracy === null ? [] : [[confidence, accuracy]],
  );
  const from = Math.min(1, ...points.map(([x]) => x));
  const series: Series[] = [
    { name: "measured", points, markers: true },
    {
      name: "calibrated",
      points: [
        [from, from],
        [1, 1],
      ],
      dashed: true,
      color: "#8a949e",
    },
  ];
  return lineChart({
    title: "Calibration",
    xLabel: "confidence",
    yLabel: "accuracy",
    series,
    yRange: [0, 1],
  });
}

function subsetChart(attribute: string, rows: readonly SubsetMetrics[], labels: readonly string[]): string {
  const perClass = labels.length <= RECALL_CLASSES;
  const groups = rows.map(({ name, accuracy, recall }) => ({
    label: name,
    values: perClass ? labels.map((label) => recall.find((row) => row.label === label)?.recall ?? null) : [accuracy],
  }));
  const series = perClass ? labels.map((label) => `recall ${label}`) : ["accuracy"];
  const lowest = Math.min(1, ...groups.flatMap(({ values }) => values.map((value) => value ?? 1)));
  const low = Math.max(0, Math.floor(lowest * 10 - 1) / 10); // bars from 0 would all look alike near 1
  return barChart({ title: `By ${attribute}${low > 0 ? ` (axis from ${low})` : ""}`, groups, series, range: [low, 1] });
}

/** A multiple of 0.05 somewhat below the lowest accuracy shown, at least 0. */
function lowEnd(series: readonly Series[]): number {
  const lowest = series.flatMap(({ points }) => points).reduce((low, [, y]) => Math.min(low, y), 1);
  return Math.max(0, Math.floor((lowest - 0.02) * 20) / 20);
}

function pointsOf(history: readonly LogEntry[], key: string): Point[] {
  return history.flatMap((entry): Point[] => {
    const value = entry[key];
    return typeof value === "number" ? [[entry.step, value]] : [];
  });
}

function lineOf(history: readonly LogEntry[], key: string, name: string, color: string, markers = true): Series[] {
  const points = pointsOf(history, key);
  return points.length > 0 ? [{ name, points, color, markers: markers && points.length <= 30 }] : [];
}

function lossSeries(history: readonly LogEntry[]): Series[] {
  const points = pointsOf(history, "loss");
  const color = PALETTE[0];
  if (points.length === 0) return [];
  if (points.length < SMOOTHED_FROM) return [{ name: "training loss", points, color }];
  return [
    { name: "training loss, every entry", points, color, faint: true },
    { name: "training loss, smoothed", points: smoothed(points, 0.95), color },
  ];
}
