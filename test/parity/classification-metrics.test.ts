import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { accuracyIntervals } from "../../src/evaluate/bootstrap.ts";
import { classificationMetrics } from "../../src/evaluate/classification.ts";
import type { LabelledLogits } from "../../src/evaluate/logits.ts";
import { bySubset } from "../../src/evaluate/subsets.ts";
import { fitTemperature } from "../../src/evaluate/temperature.ts";
import { thresholdSweep } from "../../src/evaluate/thresholds.ts";

interface Case {
  name: string;
  logits: number[];
  labels: number[];
  classes: string[];
  loss: number;
  accuracy: number;
  balanced_accuracy: number;
  precision: number[];
  recall: number[];
  f1: number[];
  support: number[];
  average_precision: (number | null)[];
  confusion_matrix: number[][];
  ece: number;
  brier: number;
  auroc?: number;
  top_5_accuracy?: number;
  best_balanced_accuracy?: number;
  "at_0.3"?: Record<string, number>;
  temperature: { T: number; loss: number; ece: number };
  bootstrap_accuracy: number[];
  bootstrap_balanced_accuracy: number[];
  sources?: string[];
  by_source?: unknown[];
}

const path = new URL("../fixtures/golden/classification_metrics/expected.json", import.meta.url);
const cases: Case[] = JSON.parse(readFileSync(path, "utf8")).cases;
const scoredOf = (golden: Case): LabelledLogits => ({
  logits: Float32Array.from(golden.logits),
  labels: Int32Array.from(golden.labels),
  classes: golden.classes,
});

/** Deep equality up to float64 rounding. */
function expectClose(actual: unknown, expected: unknown, path = ""): void {
  if (typeof expected === "number") {
    expect(Math.abs((actual as number) - expected), `${path}: ${actual} against ${expected}`).toBeLessThan(1e-12);
  } else if (expected !== null && typeof expected === "object") {
    expect(Object.keys(actual as object)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected)) {
      expectClose((actual as Record<string, unknown>)[key], value, `${path}.${key}`);
    }
  } else expect(actual, path).toBe(expected);
}

describe.each(cases)("scikit-learn: $name", (golden) => {
  const scored = scoredOf(golden);
  const metrics = classificationMetrics(scored);

  it("agrees on the metrics", () => {
    const { loss, accuracy, balanced_accuracy, confusion_matrix, brier } = metrics;
    const expected = {
      loss: golden.loss,
      accuracy: golden.accuracy,
      balanced_accuracy: golden.balanced_accuracy,
      confusion_matrix: golden.confusion_matrix,
      brier: golden.brier,
    };
    expectClose({ loss, accuracy, balanced_accuracy, confusion_matrix, brier }, expected);
    expectClose(metrics.expected_calibration_error, golden.ece);
    expectClose(metrics.auroc, golden.auroc);
    expectClose(metrics.top_5_accuracy, golden.top_5_accuracy);
  });

  it("agrees per class, undefined ratios apart", () => {
    metrics.per_class.forEach((row, k) => {
      expect(row.support).toBe(golden.support[k]);
      expectClose(row.precision ?? 0, golden.precision[k]); // scikit-learn says 0 for 0/0
      expectClose(row.recall ?? 0, golden.recall[k]);
      expectClose(row.f1 ?? 0, golden.f1[k]);
      expectClose(row.average_precision, golden.average_precision[k]);
    });
  });

  it("finds SciPy's temperature", () => {
    const fit = fitTemperature(scored);
    expect(fit.temperature).toBeCloseTo(golden.temperature.T, 6);
    expectClose(fit.before, { loss: golden.loss, expected_calibration_error: golden.ece });
    expect(fit.after.loss).toBeCloseTo(golden.temperature.loss, 12);
    expect(fit.after.expected_calibration_error).toBeCloseTo(golden.temperature.ece, 6);
    expect(fit.at_bound).toBe(false);
  });

  it("bootstraps to NumPy's interval within resampling noise", () => {
    const intervals = accuracyIntervals(scored, { resamples: 4000 });
    const step = 2.5 / golden.labels.length;
    for (const end of [0, 1] as const) {
      expect(Math.abs(intervals.accuracy[end] - golden.bootstrap_accuracy[end]!)).toBeLessThan(step);
      expect(Math.abs(intervals.balanced_accuracy[end] - golden.bootstrap_balanced_accuracy[end]!)).toBeLessThan(step);
    }
  });

  it.runIf(golden.by_source)("agrees per source", () => {
    expectClose(bySubset(scored, golden.sources!), golden.by_source);
  });

  it.runIf(golden["at_0.3"])("agrees on thresholds", () => {
    const sweep = thresholdSweep(scored, { thresholds: [0.3] });
    const { threshold, precision, recall, specificity, accuracy, balanced_accuracy } = sweep.at[0]!;
    expect(threshold).toBe(0.3);
    expectClose({ precision, recall, specificity, accuracy, balanced_accuracy }, golden["at_0.3"]);
    expectClose(sweep.best.balanced_accuracy, golden.best_balanced_accuracy);
    const again = thresholdSweep(scored, { thresholds: [sweep.best.threshold] }).at[0]!;
    expect(again).toEqual(sweep.best);
  });
});
