import { describe, expect, it } from "vitest";
import { emaStep, updateEma } from "./ema.ts";

describe("exponential moving average", () => {
  it("weighs the old by decay and the new by the rest", () => {
    const average = Float32Array.of(1, 2, 3);
    emaStep(average, Float32Array.of(5, 6, 7), 0.75);
    expect([...average]).toEqual([2, 3, 4]);
  });

  it("updates every averaged tensor and refuses one that does not fit", () => {
    const averages = new Map([["a", { data: Float32Array.of(0) }]]);
    updateEma(averages, new Map([["a", { data: Float32Array.of(8) }]]), 0.5);
    expect(averages.get("a")!.data[0]).toBe(4);
    expect(() => updateEma(averages, new Map(), 0.5)).toThrow("EMA of a: expected 1 values, got no such parameter");
    expect(() => updateEma(averages, new Map([["a", { data: new Float32Array(2) }]]), 0.5)).toThrow(
      "EMA of a: expected 1 values, got 2",
    );
  });
});
