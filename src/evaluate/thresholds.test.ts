import { describe, expect, it } from "vitest";
import { thresholdSweep } from "./thresholds.ts";

const sweep = (margins: number[], labels: number[], options = {}) =>
  thresholdSweep(
    {
      logits: Float32Array.from(margins.flatMap((margin) => [0, margin])),
      labels: Int32Array.from(labels),
      classes: ["bare", "mask"],
    },
    options,
  );

describe("thresholdSweep", () => {
  it("finds the separating threshold in the middle of the gap", () => {
    const { positive, best } = sweep([-3, -2, 1, 2], [0, 0, 1, 1]);
    const middle = (1 / (1 + Math.exp(2)) + 1 / (1 + Math.exp(-1))) / 2;
    expect(positive).toBe("mask");
    expect(best).toMatchObject({ precision: 1, recall: 1, specificity: 1, balanced_accuracy: 1 });
    expect(best.threshold).toBeCloseTo(middle, 14);
  });

  it("counts a score equal to the threshold as positive", () => {
    const { at } = sweep([0, -1, 1], [1, 0, 0], { thresholds: [0.5] });
    expect(at[0]).toEqual({
      threshold: 0.5,
      precision: 0.5,
      recall: 1,
      specificity: 0.5,
      accuracy: 2 / 3,
      balanced_accuracy: 0.75,
    });
  });

  it("has no precision where nothing is called positive, and all recall at 0", () => {
    const { at } = sweep([-1, -2], [1, 0], { thresholds: [0.99, 0] });
    expect(at.map(({ precision, recall }) => [precision, recall])).toEqual([
      [null, 0],
      [0.5, 1],
    ]);
  });

  it("can call the first class positive", () => {
    expect(sweep([-3, 2], [0, 1], { positive: 0, thresholds: [0.9] })).toMatchObject({
      positive: "bare",
      at: [{ precision: 1, recall: 1 }],
    });
  });

  it("refuses one-sided samples", () => {
    expect(() => sweep([1, 2], [1, 1])).toThrow("needs samples of exactly two classes");
  });
});
