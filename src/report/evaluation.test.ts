import { describe, expect, it } from "vitest";
import { classificationMetrics } from "../evaluate/classification.ts";
import type { LabelledLogits } from "../evaluate/logits.ts";
import { bySubset } from "../evaluate/subsets.ts";
import { fitTemperature } from "../evaluate/temperature.ts";
import { thresholdSweep } from "../evaluate/thresholds.ts";
import { evaluationRecord, formatEvaluation, mostConfused } from "./evaluation.ts";

const margins = [2, 1, -1, 3, -2, -3, 1, -2, -4, 2];
const scored: LabelledLogits = {
  logits: Float32Array.from(margins.flatMap((margin) => [margin, 0])),
  labels: Int32Array.of(0, 0, 0, 0, 1, 1, 1, 1, 1, 1),
  classes: ["with_mask", "without_mask"],
};
const report = {
  model: "models/face-mask",
  dataset: "faces",
  metrics: classificationMetrics(scored),
  intervals: { level: 0.95, resamples: 1000, seed: 0, accuracy: [0.4, 1], balanced_accuracy: [0.41, 0.99] } as const,
  by: { source: bySubset(scored, [...new Array(7).fill("street"), ...new Array(3).fill("studio")]) },
  temperature: fitTemperature(scored),
  thresholds: thresholdSweep(scored, { thresholds: [0.5, 0.25] }),
  runtimeSeconds: 0.5,
  mistakes: [{ file: "street/7.jpg", label: "without_mask", predicted: "with_mask", score: 0.8808 }],
};

describe("formatEvaluation", () => {
  it("tells the whole story", () => {
    expect(formatEvaluation(report)).toMatchInlineSnapshot(`
      "models/face-mask on faces
      accuracy           0.7000 [0.4000, 1.0000]
      balanced accuracy  0.7083 [0.4100, 0.9900]
      loss               0.5563
      area under ROC     0.8333
      images             10 in 0.50 s, 20.0 per second

      class         images  precision  recall      f1  average precision
      with_mask          4     0.6000  0.7500  0.6667             0.7333
      without_mask       6     0.8000  0.6667  0.7273             0.8968

      true \\ predicted  with_mask  without_mask
      with_mask                 3             1
      without_mask              2             4

      by source  images  accuracy  balanced  recall with_mask  recall without_mask
      street          7    0.7143    0.7083            0.7500               0.6667
      studio          3    0.6667         –                 –               0.6667

      Expected calibration error 0.1829 over 15 bins, Brier score 0.1964.
      Temperature 1.628 takes the loss from 0.5563 to 0.5158 and the calibration error from 0.1829 to 0.1393, on the samples it was fitted on.

      "without_mask" when its probability reaches the threshold:
      threshold  precision  recall  specificity  balanced
         0.2500     0.7143  0.8333       0.5000    0.6667
         0.5000     0.8000  0.6667       0.7500    0.7083
         0.8059     1.0000  0.6667       1.0000    0.8333  best

      worst mistakes  true          predicted   score
      street/7.jpg    without_mask  with_mask  0.8808"
    `);
  });

  it("lists confused pairs instead of a wide matrix", () => {
    const K = 15;
    const logits = new Float32Array(3 * K);
    for (const [row, k] of [
      [0, 4],
      [1, 4],
      [2, 7],
    ] as const)
      logits[row * K + k] = 9;
    const classes = Array.from({ length: K }, (_, k) => `c${k}`);
    const metrics = classificationMetrics({ logits, labels: Int32Array.of(3, 3, 7), classes });
    expect(mostConfused(metrics)).toEqual([{ label: "c3", predicted: "c4", count: 2 }]);
    const text = formatEvaluation({ metrics });
    expect(text).toContain("most confused: true  predicted  images\nc3                   c4              2");
    expect(text).toContain("top-5 accuracy     1.0000"); // c3's zero logit is among the first four of the ties
    expect(text).not.toContain("true \\ predicted");
  });
});

describe("evaluationRecord", () => {
  it("has the keys users read", () => {
    const record = evaluationRecord(report);
    expect(Object.keys(record)).toEqual([
      "model",
      "dataset",
      "samples",
      "loss",
      "accuracy",
      "balanced_accuracy",
      "labels",
      "per_class",
      "confusion_matrix",
      "expected_calibration_error",
      "reliability",
      "brier",
      "auroc",
      "confidence_intervals",
      "by",
      "temperature_scaling",
      "thresholds",
      "runtime_seconds",
      "images_per_second",
      "worst_mistakes",
    ]);
    expect(record).toMatchObject({
      accuracy: 0.7,
      samples: 10,
      images_per_second: 20,
      confusion_matrix: [
        [3, 1],
        [2, 4],
      ],
    });
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
  });
});
