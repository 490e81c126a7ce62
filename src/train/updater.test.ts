import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parameterGroups } from "../optim/groups.ts";
import { zeroMoments } from "../optim/update.ts";
import { float32 } from "../tensor/tensor.ts";
import { createUpdater } from "./updater.ts";

interface MuonCase {
  name: string;
  shape: [number, number];
  lr: number;
  weightDecay: number;
  gradScale: number;
  initial: number[];
  gradients: number[][];
  parameters: number[][];
  momentum: number[];
}

const path = new URL("../../test/fixtures/optim/muon.json", import.meta.url);
const cases: MuonCase[] = JSON.parse(readFileSync(path, "utf8"));
const layer = (i: number) => `beit.encoder.layer.${i}.output.dense.weight`;

function largestDifference(actual: Float32Array, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value)));
}

describe("createUpdater", () => {
  it.each(cases)(
    "follows NumPy's float64 steps of Muon: $name",
    async ({ shape, lr, weightDecay, gradScale, ...own }) => {
      const parameters = new Map([[layer(0), float32(Float32Array.from(own.initial), shape)]]);
      const groups = parameterGroups(parameters, { tradition: "beit", weightDecay, numLayers: 1, muon: true });
      const moments = zeroMoments(parameters, groups);
      const updater = await createUpdater({ parameters, moments }, groups, { threads: 1 });
      for (const [t, gradient] of own.gradients.entries()) {
        const gradients = new Map([[layer(0), { data: Float32Array.from(gradient) }]]);
        await updater.update(gradients, { lr, step: t + 1, gradScale });
        // float32 through five iterations that stretch small singular values about 3.4-fold each
        expect(largestDifference(parameters.get(layer(0))!.data, own.parameters[t]!)).toBeLessThan(2e-6);
      }
      expect(largestDifference(moments.get(layer(0))!.m, own.momentum)).toBeLessThan(1e-6);
      await updater.close();
    },
  );

  it("moves matrices of one shape together as it would alone, each with the rate of its layer", async () => {
    const [square] = cases.filter(({ name }) => name === "square");
    const { shape, initial, gradients } = square!;
    const run = async (numbers: readonly number[]) => {
      const parameters = new Map(numbers.map((i) => [layer(i), float32(Float32Array.from(initial), shape)]));
      const options = { tradition: "beit", weightDecay: 0, numLayers: 2, layerDecay: 0.5, muon: true } as const;
      const groups = parameterGroups(parameters, options);
      const updater = await createUpdater({ parameters, moments: zeroMoments(parameters, groups) }, groups, {
        threads: 1,
      });
      const rows = new Map(numbers.map((i) => [layer(i), { data: Float32Array.from(gradients[i]!) }]));
      await updater.update(rows, { lr: 0.1, step: 1 });
      await updater.close();
      return numbers.map((i) => parameters.get(layer(i))!.data.map((value, j) => value - initial[j]!));
    };
    const [first, second] = await run([0, 1]);
    const [alone] = await run([1]);
    expect([...second!]).toEqual([...alone!]);
    const length = (move: Float32Array) => Math.hypot(...move);
    expect(length(first!) / length(second!)).toBeGreaterThan(0.4); // 0.5 by layer decay, singular values 0.7 to 1.2
    expect(length(first!) / length(second!)).toBeLessThan(0.6);
  });

  it("leaves to AdamW what is not a weight matrix of a block", async () => {
    const names = ["classifier.weight", "beit.encoder.layer.0.output.dense.bias", layer(0)];
    const parameters = new Map(
      names.map((name) => [name, float32(new Float32Array(4).fill(1), name === names[1] ? [4] : [2, 2])]),
    );
    const groups = parameterGroups(parameters, { tradition: "beit", weightDecay: 0, numLayers: 1, muon: true });
    const moments = zeroMoments(parameters, groups);
    expect(names.map((name) => moments.get(name)!.v.length)).toEqual([4, 4, 0]);
    const updater = await createUpdater({ parameters, moments }, groups, { threads: 1 });
    const gradients = new Map(names.map((name) => [name, { data: Float32Array.of(8, -2, 4, 1) }]));
    await updater.update(gradients, { lr: 0.125, eps: 0, step: 1 });
    await updater.close();
    for (const name of names.slice(0, 2)) {
      expect([...parameters.get(name)!.data]).toEqual([0.875, 1.125, 0.875, 0.875]); // AdamW: the rate and a sign
    }
    expect([...parameters.get(layer(0))!.data]).not.toContain(0.875);
  });
});
