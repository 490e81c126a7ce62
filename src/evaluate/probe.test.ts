import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BeitError } from "../platform/errors.ts";
import { random } from "../tensor/random.ts";
import { fitLinearProbe, linearLogits } from "./linear-probe.ts";
import { nearestNeighbours } from "./nearest.ts";
import { fitRidge } from "./ridge.ts";

const path = new URL("../../test/fixtures/probe/probe.json", import.meta.url);
const fixture: {
  labels: number[];
  features: number[][];
  query: number[][];
  ridge: { strength: number; logits: number[][] }[];
  nearest: { k: number; shares: number[][] }[];
} = JSON.parse(readFileSync(path, "utf8"));
const known = { features: Float32Array.from(fixture.features.flat()), labels: Int32Array.from(fixture.labels) };
const query = Float32Array.from(fixture.query.flat());

describe("fitRidge", () => {
  it.each(fixture.ridge)("solves what NumPy solves, strength $strength", async ({ strength, logits }) => {
    const { layer, strength: chosen } = await fitRidge(known, { classes: 3, strengths: [strength] });
    expect(chosen).toBe(strength);
    const found = linearLogits(layer, query);
    for (const [i, value] of logits.flat().entries()) expect(found[i]).toBeCloseTo(value, 4);
  });

  it("chooses the strength that does best on what was left out", async () => {
    const stream = random(3);
    const n = 40;
    const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
    const D = 36; // one feature tells, the others are noise: nearly as many as samples
    const features = Float32Array.from({ length: n * D }, (_, i) =>
      i % D === 0 ? 2 * (Math.floor(i / D) % 2) - 1 + 0.9 * stream.normal() : stream.normal(),
    );
    const { strength, crossValidated } = await fitRidge({ features, labels }, { classes: 2 });
    expect(strength).toBeGreaterThanOrEqual(0.1);
    const weak = await fitRidge({ features, labels }, { classes: 2, strengths: [1e-4] });
    expect(crossValidated).toBeGreaterThan(weak.crossValidated);
  });

  it("refuses a class without samples", async () => {
    const error = await fitRidge(known, { classes: 4 }).catch((reason: BeitError) => reason);
    expect(error).toMatchObject({ code: "probe/too-few", message: expect.stringContaining("class 3 has none") });
  });
});

describe("fitLinearProbe", () => {
  const stream = random(5);
  const n = 600; // two batches and a part of one
  const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
  const features = Float32Array.from({ length: n * 3 }, (_, i) => {
    return i % 3 === 1 ? 2 * (Math.floor(i / 3) % 2) - 1 + 0.3 * stream.normal() : stream.normal();
  });

  it("learns what tells the classes, alike for the same seed only", () => {
    const layer = fitLinearProbe({ features, labels }, { classes: 2, seed: 1 });
    const logits = linearLogits(layer, features);
    const right = labels.filter((label, i) => Number(logits[2 * i + 1]! > logits[2 * i]!) === label).length;
    expect(right / n).toBeGreaterThan(0.98);
    expect(fitLinearProbe({ features, labels }, { classes: 2, seed: 1 })).toEqual(layer);
    expect(fitLinearProbe({ features, labels }, { classes: 2, seed: 2 })).not.toEqual(layer);
  });

  it("ends near the start, where the learning rate leaves it: 300 steps of 1e-3 on average half that", () => {
    const { weight, bias } = fitLinearProbe({ features, labels }, { classes: 2, seed: 1 });
    for (const value of [...weight, ...bias]) expect(Math.abs(value)).toBeLessThan(0.16 + 0.05);
    expect(weight[4]! - weight[1]!).toBeGreaterThan(0.2);
  });
});

describe("nearestNeighbours", () => {
  it.each(fixture.nearest)("votes as NumPy does, k = $k", async ({ k, shares }) => {
    const logits = await nearestNeighbours(known, query, { classes: 3, k });
    for (const [i, share] of shares.flat().entries()) expect(Math.exp(logits[i]!)).toBeCloseTo(share, 5);
  });
});
