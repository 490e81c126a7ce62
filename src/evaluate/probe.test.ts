import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BeitError } from "../platform/errors.ts";
import { random } from "../tensor/random.ts";
import { linearLogits } from "./linear-probe.ts";
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

describe("nearestNeighbours", () => {
  it.each(fixture.nearest)("votes as NumPy does, k = $k", async ({ k, shares }) => {
    const logits = await nearestNeighbours(known, query, { classes: 3, k });
    for (const [i, share] of shares.flat().entries()) expect(Math.exp(logits[i]!)).toBeCloseTo(share, 5);
  });
});
