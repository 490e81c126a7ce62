import { describe, expect, it } from "vitest";
import { sizeOf } from "../tensor/tensor.ts";
import { codesPerSide, dvaePresets, isDvaePreset, parseDvaeConfig } from "./config.ts";
import { initialDvaeValues } from "./init.ts";
import { dvaeShapes } from "./outputs.ts";

describe("tokenizer configuration", () => {
  it.each([
    [{ image_size: 100 }, "image_size 100 px is not a multiple of 8 px"],
    [{ n_hid: 18 }, "n_hid 18 is not a multiple of 4"],
    [{ vocab_size: 0 }, "vocab_size"],
  ])("refuses %j", (json, reason) => {
    expect(() => parseDvaeConfig(json, "config.json")).toThrow(`config.json: `);
    expect(() => parseDvaeConfig(json, "config.json")).toThrow(reason);
  });

  it("is DALL-E's where nothing is said", () => {
    expect(parseDvaeConfig({}, "config.json")).toEqual(dvaePresets.full);
    expect(isDvaePreset("full") && !isDvaePreset("toString")).toBe(true);
  });

  it.each(Object.entries(dvaePresets))("%s sees 14 × 14 codes of 1,024 to 8,192 kinds", (_, preset) => {
    expect(codesPerSide(preset)).toBe(14);
    expect(preset.vocabSize).toBeGreaterThanOrEqual(1024);
    expect(preset.vocabSize).toBeLessThanOrEqual(8192);
  });
});

describe("initial values", () => {
  const values = initialDvaeValues(dvaeShapes(dvaePresets.tiny), 5);

  it("are N(0, 1 / fan in) for weights, within 5 standard errors, and zero for biases", () => {
    for (const [name, { shape, data }] of values) {
      if (name.endsWith(".b")) expect(data.every((v) => v === 0)).toBe(true);
      else {
        const scaled = data.map((v) => v * Math.sqrt(sizeOf(shape.slice(1))));
        const n = scaled.length;
        const mean = scaled.reduce((a, b) => a + b, 0) / n;
        const variance = scaled.reduce((a, b) => a + b * b, 0) / n;
        expect(Math.abs(mean), name).toBeLessThan(5 / Math.sqrt(n));
        expect(Math.abs(variance - 1), name).toBeLessThan(5 * Math.sqrt(2 / n));
      }
    }
  });

  it("depend on the seed and the name alone", () => {
    const again = initialDvaeValues(new Map([...dvaeShapes(dvaePresets.tiny)].reverse()), 5);
    const name = "decoder.blocks.input.w";
    expect(again.get(name)!.data).toEqual(values.get(name)!.data);
    expect(initialDvaeValues(dvaeShapes(dvaePresets.tiny), 6).get(name)!.data).not.toEqual(values.get(name)!.data);
  });
});
