import { describe, expect, it } from "vitest";
import { BeitError } from "../platform/errors.ts";
import { classificationMetrics, topAccuracy } from "./classification.ts";
import type { LabelledLogits } from "./logits.ts";

const scored = (rows: number[][], labels: number[], classes?: string[]): LabelledLogits => ({
  logits: Float32Array.from(rows.flat()),
  labels: Int32Array.from(labels),
  classes: classes ?? rows[0]!.map((_, k) => `c${k}`),
});

const codeOf = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    return error instanceof BeitError ? `${error.code} | ${error.message}` : String(error);
  }
  return "no error";
};

describe("classificationMetrics", () => {
  it("works a hand-sized case out", () => {
    const metrics = classificationMetrics(
      scored(
        [
          [2, 0],
          [0, 1],
          [3, 0],
          [0, 4],
        ],
        [0, 0, 1, 1],
        ["cat", "dog"],
      ),
    );
    expect(metrics).toMatchObject({
      samples: 4,
      accuracy: 0.5,
      balanced_accuracy: 0.5,
      confusion_matrix: [
        [1, 1],
        [1, 1],
      ],
    });
    const softplus = (x: number) => Math.log1p(Math.exp(x));
    expect(metrics.loss).toBeCloseTo((softplus(-2) + softplus(1) + softplus(3) + softplus(-4)) / 4, 14);
    expect(metrics.auroc).toBe(0.5); // margins −2, 1 | −3, 4: two of four pairs in order
  });

  it("takes the first of equal logits", () => {
    const metrics = classificationMetrics(
      scored(
        [
          [1, 1, 1],
          [0, 2, 2],
        ],
        [0, 2],
      ),
    );
    expect(metrics.confusion_matrix).toEqual([
      [1, 0, 0],
      [0, 0, 0],
      [0, 1, 0],
    ]);
  });

  it("says null, not 0, where a ratio is undefined", () => {
    const [first, second] = classificationMetrics(
      scored(
        [
          [1, 0],
          [2, 0],
        ],
        [0, 0],
      ),
    ).per_class;
    expect(first).toMatchObject({ support: 2, precision: 1, recall: 1, f1: 1, average_precision: 1 });
    expect(second).toMatchObject({ support: 0, precision: null, recall: null, f1: null, average_precision: null });
    expect(classificationMetrics(scored([[1, 0]], [0])).auroc).toBeNull();
  });

  it("survives large logits", () => {
    const metrics = classificationMetrics(
      scored(
        [
          [1e4, -1e4],
          [1e4, -1e4],
        ],
        [0, 1],
      ),
    );
    expect(metrics.loss).toBe(1e4);
    expect(metrics.expected_calibration_error).toBe(0.5);
    expect(metrics.reliability.at(-1)).toEqual({ from: 14 / 15, to: 1, samples: 2, confidence: 1, accuracy: 0.5 });
  });

  it("counts the true class among the five highest, ties by index", () => {
    const flat = new Array<number>(7).fill(0);
    expect(topAccuracy(scored([flat, flat, flat], [0, 4, 5]), 5)).toBeCloseTo(2 / 3, 15);
    expect(classificationMetrics(scored([flat], [6])).top_5_accuracy).toBe(0);
  });

  it("names what is wrong", () => {
    const bad = [
      scored([], [], ["a", "b"]),
      scored([[1, 2]], [0, 1]),
      scored([[1, 2]], [2]),
      scored(
        [
          [1, 2],
          [1, Number.NaN],
        ],
        [0, 1],
        ["mask", "bare"],
      ),
    ];
    expect(bad.map((input) => codeOf(() => classificationMetrics(input)))).toMatchInlineSnapshot(`
      [
        "evaluate/no-samples | evaluate: expected at least one labelled sample, got none",
        "evaluate/shape | evaluate: 2 labels × 2 classes need 4 logits, got 2",
        "evaluate/label-out-of-range | evaluate: label 2 of sample 0 is not one of the model's 2 classes (0..1)",
        "evaluate/not-finite | evaluate: sample 1 has logit NaN for class "bare"; expected finite numbers (diverged weights?)",
      ]
    `);
  });
});
