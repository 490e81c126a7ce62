import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { schedule, unilmWarmupSteps } from "./schedule.ts";

const path = new URL("../../test/fixtures/optim/torch-adamw.json", import.meta.url);
const huggingface: { lr: number[] } = JSON.parse(readFileSync(path, "utf8")).huggingface;
const values = (f: (step: number) => number, n: number) => Array.from({ length: n }, (_, step) => f(step));

describe("schedule", () => {
  it("is Hugging Face's straight line", () => {
    const lr = schedule("linear", { base: 0.005, totalSteps: 10, warmupSteps: 2 });
    for (const [step, expected] of huggingface.lr.entries()) expect(lr(step)).toBeCloseTo(expected, 15);
    expect(lr(10)).toBe(0);
    expect(lr(11)).toBe(0);
    expect(schedule("linear", { base: 2, totalSteps: 4 })(0)).toBe(2);
  });

  it("can be constant after the same warm-up", () => {
    expect(values(schedule("constant", { base: 4, totalSteps: 9, warmupSteps: 2 }), 4)).toEqual([0, 2, 4, 4]);
  });

  it("keeps cosine's last value beyond the end and stays at the start for a warm-up of one step", () => {
    const lr = schedule("cosine", { base: 1, final: 0.5, totalSteps: 3, warmupSteps: 1 });
    expect(values(lr, 5)).toEqual([0, 1, 0.75, 0.75, 0.75]);
  });

  it("moves a weight decay from one value to another", () => {
    expect(values(schedule("cosine", { base: 0.25, final: 0.75, totalSteps: 2 }), 2)).toEqual([0.25, 0.5]);
  });
});

describe("unilmWarmupSteps", () => {
  it("lets steps override epochs, but only when there are epochs", () => {
    expect(unilmWarmupSteps(10, 5)).toBe(50);
    expect(unilmWarmupSteps(10, 5, 7)).toBe(7);
    expect(unilmWarmupSteps(10, 0, 7)).toBe(0);
  });
});
