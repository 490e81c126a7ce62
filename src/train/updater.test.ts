import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parameterGroups } from "../optim/groups.ts";
import { zeroMoments } from "../optim/update.ts";
import { random } from "../tensor/random.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { share } from "./shared.ts";
import { shareLive } from "./state.ts";
import type { Stepper } from "./stepper.ts";
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
const ONE = { threads: 1, parts: 1 };
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
      const gradients = new Map([[layer(0), { data: new Float32Array(own.initial.length) }]]);
      const updater = await createUpdater({ parameters, moments, average: undefined }, groups, [gradients], ONE);
      for (const [t, gradient] of own.gradients.entries()) {
        gradients.get(layer(0))!.data.set(gradient);
        await updater.update({ lr, step: t + 1, gradScale });
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
      const rows = new Map(numbers.map((i) => [layer(i), { data: Float32Array.from(gradients[i]!) }]));
      const live = { parameters, moments: zeroMoments(parameters, groups), average: undefined };
      const updater = await createUpdater(live, groups, [rows], ONE);
      await updater.update({ lr: 0.1, step: 1 });
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
    const gradients = new Map(names.map((name) => [name, { data: Float32Array.of(8, -2, 4, 1) }]));
    const updater = await createUpdater({ parameters, moments, average: undefined }, groups, [gradients], ONE);
    await updater.update({ lr: 0.125, eps: 0, step: 1 });
    await updater.close();
    for (const name of names.slice(0, 2)) {
      expect([...parameters.get(name)!.data]).toEqual([0.875, 1.125, 0.875, 0.875]); // AdamW: the rate and a sign
    }
    expect([...parameters.get(layer(0))!.data]).not.toContain(0.875);
  });

  it("gives the same bits on any number of threads: norm, parameters, moments and average", async () => {
    const names = [layer(0), "beit.embeddings.cls_token", "classifier.weight", "classifier.bias", layer(1)];
    const shapes = [[6, 4], [1, 1, 9], [2, 6], [2], [6, 4]];
    const stream = random("updater");
    const drawn = () => names.map((_, i) => Float32Array.from({ length: sizeOf(shapes[i]!) }, () => stream.normal()));
    const [initial, first, second] = [drawn(), drawn(), drawn()];
    const tensors = (rows: readonly Float32Array[]) =>
      new Map(names.map((name, i) => [name, float32(share(rows[i]!), shapes[i]!)]));
    const run = async (threads: number) => {
      const parameters = tensors(initial);
      const options = { tradition: "beit", weightDecay: 0.1, numLayers: 2, muon: true } as const;
      const groups = parameterGroups(parameters, options);
      const moments = zeroMoments(parameters, groups);
      const live = { parameters, moments, average: tensors(initial) };
      shareLive(live);
      const gradients: Stepper["gradients"] = [tensors(first), tensors(second)];
      const updater = await createUpdater(live, groups, gradients, { threads, parts: threads });
      const norm = await updater.addUp();
      await updater.update({ lr: 0.1, step: 1, gradScale: 1 / norm }, 0.75);
      await updater.close();
      const flat = (map: ReadonlyMap<string, { data: Float32Array }>) =>
        [...map.values()].flatMap(({ data }) => [...data]);
      const kept = [...live.moments.values()].flatMap(({ m, v }) => [...m, ...v]);
      return { norm, moved: flat(live.parameters), kept, averaged: flat(live.average), summed: flat(gradients[0]) };
    };
    const [one, ...more] = [await run(1), await run(2), await run(3), await run(8)];
    const sums = first.flatMap((row, i) => [...row.map((value, j) => value + second[i]![j]!)]);
    expect(one!.summed).toEqual(sums);
    expect(one!.norm).toBeCloseTo(Math.hypot(...sums), 12);
    const before = initial.flatMap((row) => [...row]);
    expect(one!.moved.filter((value, i) => value === before[i])).toEqual([]);
    const mean = one!.moved.map((value, i) => Math.fround(0.75 * before[i]! + 0.25 * value));
    expect(one!.averaged).toEqual(mean);
    for (const other of more) expect(other).toEqual(one);
  });
});
