import { describe, expect, it } from "vitest";
import { agreementOf, type Part, rootMeanSquare, searchPrecision } from "./search.ts";

const part = (name: string, macs: number): Part => ({ name, weights: [name], macs });
const parts = [part("early", 100), part("wide", 1000), part("late", 100)];

/** Two classes, 100 pictures whose margins are 0.01, 0.02 … 1; each part takes its error off the margin. */
function model(errors: Readonly<Record<string, number>>) {
  const asked: string[] = [];
  const logitsWith = async (quantized: readonly Part[], pictures: "all" | "few") => {
    asked.push(`${pictures}: ${quantized.map(({ name }) => name).join(" ")}`);
    const shift = quantized.reduce((sum, { name }) => sum + errors[name]!, 0);
    return Float32Array.from({ length: 200 }, (_, i) => (i % 2 ? 0 : ((i >> 1) + 1) / 100 - shift));
  };
  return { asked, logitsWith };
}
const precisions = (chosen: readonly { name: string; precision: string }[]) =>
  Object.fromEntries(chosen.map(({ name, precision }) => [name, precision]));

describe("searchPrecision", () => {
  it("quantises everything where the answers stay the same", async () => {
    const { asked, logitsWith } = model({ early: 0.001, wide: 0.002, late: 0.001 });
    const { parts: chosen, agreement } = await searchPrecision(parts, logitsWith, { aim: 1, least: 1, classes: 2 });
    expect(precisions(chosen)).toEqual({ early: "int8", wide: "int8", late: "int8" });
    expect(agreement).toBe(1);
    // A shift of one of two logits by e is a root mean square of e / √2.
    for (const [i, error] of [0.001, 0.002, 0.001].entries()) expect(chosen[i]!.error).toBeCloseTo(error / 2 ** 0.5, 6);
    expect(asked.filter((text) => text.startsWith("few"))).toEqual(["few: ", "few: early", "few: wide", "few: late"]);
    expect(asked.filter((text) => text.startsWith("all"))).toHaveLength(2);
  });

  it("leaves the part in float32 that changes the answers, and no other", async () => {
    const { logitsWith } = model({ early: 0.001, wide: 0.5, late: 0.002 });
    const { parts: chosen, agreement } = await searchPrecision(parts, logitsWith, { aim: 1, least: 1, classes: 2 });
    expect(precisions(chosen)).toEqual({ early: "int8", wide: "fp32", late: "int8" });
    expect(agreement).toBe(1);
  });

  it("weighs errors by what float32 costs", async () => {
    // 0.04² / 100 is more than 0.055² / 1000; without the first, the margins 0.01 to 0.05 change sign.
    const { logitsWith } = model({ early: 0.04, wide: 0.055, late: 0 });
    const options = { aim: 0.94, least: 0.94, classes: 2 };
    const { parts: chosen, agreement } = await searchPrecision(parts, logitsWith, options);
    expect(precisions(chosen)).toEqual({ early: "fp32", wide: "int8", late: "int8" });
    expect(agreement).toBe(0.95);
  });

  it("stops short of its aim where that is dear, not short of what is required", async () => {
    const { logitsWith } = model({ early: 0, wide: 0.025, late: 0 });
    const dear = await searchPrecision(parts, logitsWith, { aim: 1, least: 0.97, classes: 2 });
    expect(precisions(dear.parts).wide).toBe("int8");
    expect(dear.agreement).toBe(0.98);
    const required = await searchPrecision(parts, logitsWith, { aim: 1, least: 0.99, classes: 2 });
    expect(precisions(required.parts).wide).toBe("fp32");
    expect(required.agreement).toBe(1);
  });
});

describe("what it compares by", () => {
  it("agreement is the share of rows with the same largest logit", () => {
    const a = Float32Array.of(1, 2, 3, 4, 5, 0, 9, 8, 7);
    const b = Float32Array.of(0, 0, 9, 1, 3, 2, 1, 8, 7);
    expect(agreementOf(a, b, 3)).toBeCloseTo(2 / 3, 12);
  });

  it("root mean square", () => {
    expect(rootMeanSquare(Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 5, 3, 0))).toBe(2.5);
  });
});
