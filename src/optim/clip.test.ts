import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { clipCoefficient, firstNonFinite, globalNorm, sumOfSquares } from "./clip.ts";

interface Clip {
  a: number[];
  b: number[];
  maxNorm: number;
  norm: number;
  clippedA: number[];
}

const path = new URL("../../test/fixtures/optim/torch-adamw.json", import.meta.url);
const cases: Clip[] = JSON.parse(readFileSync(path, "utf8")).clip;
const normOf = (...tensors: readonly { data: Float32Array }[]) =>
  globalNorm(tensors.map(({ data }) => sumOfSquares(data)));
const values = (...data: number[]) => ({ data: Float32Array.from(data) });

describe("clipping", () => {
  it.each(cases)("agrees with torch's clip_grad_norm_ for norm $norm", ({ a, b, maxNorm, norm, clippedA }) => {
    const ours = normOf(values(...a), values(...b));
    expect(Math.abs(ours - norm)).toBeLessThan(1e-12 * norm);
    const coefficient = clipCoefficient(ours, maxNorm);
    for (const [i, x] of a.entries()) expect(x * coefficient).toBeCloseTo(clippedA[i]!, 12);
  });

  it("takes the norm of odd and even lengths", () => {
    expect(normOf(values(3), values(0, 4))).toBe(5);
    expect(sumOfSquares(Float32Array.of(1, 2, 3))).toBe(14);
    expect(sumOfSquares(new Float32Array(0))).toBe(0);
  });

  it("does not overflow where float32 would", () => {
    expect(normOf(values(3e38, 0), values(0)) / 3e38).toBeCloseTo(1, 6);
  });

  it("names the first tensor that is not finite", () => {
    const good: [string, { data: Float32Array }] = ["good", values(1, 3e38, -3e38)];
    expect(firstNonFinite(new Map([good]))).toBeUndefined();
    expect(firstNonFinite(new Map([good, ["nan", values(0, Number.NaN)], ["inf", values(Infinity)]]))).toBe("nan");
    expect(firstNonFinite(new Map([["inf", values(0, 0, -Infinity)]]))).toBe("inf");
  });
});
