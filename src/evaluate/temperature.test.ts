import { describe, expect, it } from "vitest";
import { fitTemperature } from "./temperature.ts";

const two = (margins: number[], labels: number[]) => ({
  logits: Float32Array.from(margins.flatMap((margin) => [0, margin])),
  labels: Int32Array.from(labels),
  classes: ["a", "b"],
});

describe("fitTemperature", () => {
  it("finds the closed form of one margin: a model right 3 times in 4 should say 3/4", () => {
    const { temperature, after } = fitTemperature(two([5, 5, 5, 5], [1, 1, 1, 0]));
    expect(temperature).toBeCloseTo(5 / Math.log(3), 10); // sigmoid(5/T) = 3/4
    expect(after.expected_calibration_error).toBeCloseTo(0, 10);
    expect(after.loss).toBeCloseTo(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25)), 12);
  });

  it("leaves a calibrated model alone", () => {
    const { temperature, before, after } = fitTemperature(two(new Array<number>(4).fill(Math.log(3)), [1, 1, 1, 0]));
    expect(temperature).toBeCloseTo(1, 6); // the margin is rounded to float32
    expect(after.loss).toBeCloseTo(before.loss, 12);
  });

  it("stops at a bound and says so when there is no optimum", () => {
    expect(fitTemperature(two([1, -1], [1, 0]))).toMatchObject({ temperature: 0.01, at_bound: true });
    expect(fitTemperature(two([1, -1], [0, 1]))).toMatchObject({ temperature: 100, at_bound: true });
  });

  it("does nothing when there is nothing to learn", () => {
    expect(fitTemperature(two([0, 0], [1, 0]))).toMatchObject({ temperature: 1, at_bound: false });
    expect(fitTemperature(two([5000, -5000], [1, 0]))).toMatchObject({ temperature: 1, at_bound: false });
  });
});
