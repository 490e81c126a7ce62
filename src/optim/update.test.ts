import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ParameterGroup } from "./groups.ts";
import { updateParameters, zeroMoments } from "./update.ts";

interface LayerDecay {
  hyper: { betas: [number, number]; eps: number };
  lr: number[];
  names: string[];
  groups: Record<string, [number, number]>;
  initial: number[][];
  gradients: number[][][];
  parameters: Record<string, number[][]>;
}

const path = new URL("../../test/fixtures/optim/torch-adamw.json", import.meta.url);
const fixture: LayerDecay = JSON.parse(readFileSync(path, "utf8")).layerDecay;
const named = (names: readonly string[], rows: readonly number[][]) =>
  new Map(names.map((name, i) => [name, { data: Float32Array.from(rows[i]!) }]));

describe("updateParameters", () => {
  it("follows torch through warm-up, cosine and layer-wise rates", () => {
    const { hyper, names } = fixture;
    const entries = Object.entries(fixture.groups);
    const groups = new Map(entries.map(([name, [lrScale, weightDecay]]) => [name, { lrScale, weightDecay }]));
    const parameters = named(names, fixture.initial);
    const moments = zeroMoments(parameters, groups);
    for (const [t, lr] of fixture.lr.entries()) {
      const gradients = named(names, fixture.gradients[t]!);
      const [beta1, beta2] = hyper.betas;
      updateParameters({ parameters, gradients, moments, groups }, { lr, beta1, beta2, eps: hyper.eps, step: t + 1 });
      for (const [i, row] of (fixture.parameters[t + 1] ?? []).entries()) {
        for (const [j, value] of row.entries()) {
          expect(Math.abs(parameters.get(names[i]!)!.data[j]! - value), `${names[i]} step ${t + 1}`).toBeLessThan(1e-6);
        }
      }
    }
    expect(Object.keys(fixture.parameters)).toEqual(["1", "2", "5", "10"]);
  });

  const group: ParameterGroup = { lrScale: 1, weightDecay: 0.5 };
  const single = (name: string, ...data: number[]) => new Map([[name, { data: Float32Array.from(data) }]]);

  it("leaves a parameter without gradient alone, decay included", () => {
    const parameters = single("beit.embeddings.mask_token", 3);
    const groups = new Map([["beit.embeddings.mask_token", group]]);
    const moments = zeroMoments(parameters, groups);
    updateParameters({ parameters, gradients: new Map(), moments, groups }, { lr: 1, step: 1 });
    expect(parameters.get("beit.embeddings.mask_token")!.data[0]).toBe(3);
  });

  it("replaces the decay of decayed groups by a scheduled one", () => {
    const run = (weightDecay: number) => {
      const parameters = single("w", 4);
      const groups = new Map([["w", { lrScale: 0.5, weightDecay }]]);
      const moments = zeroMoments(parameters, groups);
      updateParameters(
        { parameters, gradients: single("w", 0), moments, groups },
        { lr: 1, step: 1, weightDecay: 0.25 },
      );
      return parameters.get("w")!.data[0];
    };
    expect(run(0.5)).toBe(3.5);
    expect(run(0)).toBe(4);
  });

  it("names a gradient of another size", () => {
    const parameters = single("w", 4);
    const groups = new Map([["w", group]]);
    const moments = zeroMoments(parameters, groups);
    expect(() =>
      updateParameters({ parameters, gradients: single("w", 0, 1), moments, groups }, { lr: 1, step: 1 }),
    ).toThrow("w: gradient of 2 values, parameter of 1 values, moments of 1");
  });
});
