import { describe, expect, it } from "vitest";
import { accuracyIntervals, quantile } from "./bootstrap.ts";
import type { LabelledLogits } from "./logits.ts";
import { worstMistakes } from "./mistakes.ts";
import { bySubset } from "./subsets.ts";

const scored: LabelledLogits = {
  logits: Float32Array.of(1, 0, 0, 3, 0, 1, 2, 0, 0, 2),
  labels: Int32Array.of(0, 0, 1, 1, 0),
  classes: ["mask", "bare"],
};

describe("bySubset", () => {
  it("gives balanced accuracy only where classes meet", () => {
    expect(bySubset(scored, ["web", "web", "web", "studio", "web"])).toEqual([
      {
        name: "studio",
        samples: 1,
        accuracy: 0,
        balanced_accuracy: null,
        recall: [{ label: "bare", support: 1, recall: 0 }],
      },
      {
        name: "web",
        samples: 4,
        accuracy: 0.5,
        balanced_accuracy: (1 / 3 + 1) / 2,
        recall: [
          { label: "mask", support: 3, recall: 1 / 3 },
          { label: "bare", support: 1, recall: 1 },
        ],
      },
    ]);
  });

  it("accepts any name", () => {
    expect(bySubset(scored, ["__proto__", "", "a", "a", "constructor"]).map(({ name }) => name)).toEqual([
      "",
      "__proto__",
      "a",
      "constructor",
    ]);
  });

  it("wants one key per sample", () => {
    expect(() => bySubset(scored, ["a"])).toThrow("5 samples need as many subset keys, got 1");
  });
});

describe("worstMistakes", () => {
  it("lists wrong predictions, most confident first", () => {
    const mistakes = worstMistakes(scored);
    expect(mistakes.map(({ index, label, predicted }) => [index, label, predicted])).toEqual([
      [1, "mask", "bare"],
      [3, "bare", "mask"],
      [4, "mask", "bare"],
    ]);
    expect(mistakes[0]!.score).toBeCloseTo(1 / (1 + Math.exp(-3)), 14);
    expect(worstMistakes(scored, 1)).toHaveLength(1);
  });
});

describe("accuracyIntervals", () => {
  const many: LabelledLogits = {
    logits: Float32Array.from({ length: 4000 }, (_, i) => (i % 20 === 0 ? 1 : i % 2 === 1 ? 0.5 : 0)),
    labels: new Int32Array(2000).fill(1),
    classes: ["mask", "bare"],
  };

  it("is as wide as the normal approximation says", () => {
    const { accuracy, balanced_accuracy } = accuracyIntervals(many, { resamples: 4000 });
    const halfWidth = 1.959964 * Math.sqrt((0.9 * 0.1) / 2000);
    expect(Math.abs(accuracy[0] - (0.9 - halfWidth))).toBeLessThan(0.0015);
    expect(Math.abs(accuracy[1] - (0.9 + halfWidth))).toBeLessThan(0.0015);
    expect(balanced_accuracy).toEqual(accuracy); // one class only
  });

  it("repeats itself, and changes with the seed", () => {
    expect(accuracyIntervals(scored, { seed: 1 })).toEqual(accuracyIntervals(scored, { seed: 1 }));
    expect(accuracyIntervals(many, { seed: 1, resamples: 50 }).accuracy).not.toEqual(
      accuracyIntervals(many, { seed: 2, resamples: 50 }).accuracy,
    );
  });

  it("interpolates quantiles linearly", () => {
    expect(quantile(Float64Array.of(1, 2, 4), 0.75)).toBe(3);
    expect(quantile(Float64Array.of(1, 2, 4), 1)).toBe(4);
  });
});
