import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { balanceWeights, epochOrder, planBatches } from "./sampler.ts";

const countsOf = (order: Int32Array, length: number) => {
  const counts = new Array<number>(length).fill(0);
  for (const i of order) counts[i]!++;
  return counts;
};

describe("epochOrder", () => {
  test("without weights: a permutation, the same for the same key, another for each epoch and seed", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(5), fc.nat(), (length, epoch, seed) => {
        const order = epochOrder({ length, epoch, seed });
        expect(countsOf(order, length)).toEqual(new Array(length).fill(1));
        expect(epochOrder({ length, epoch, seed })).toEqual(order);
      }),
    );
    const first = epochOrder({ length: 100, epoch: 0, seed: 1 });
    expect(epochOrder({ length: 100, epoch: 1, seed: 1 })).not.toEqual(first);
    expect(epochOrder({ length: 100, epoch: 0, seed: 2 })).not.toEqual(first);
  });

  test("with weights every sample comes as often as it should, rounded down or up", () => {
    const weight = fc.double({ min: 0, max: 10, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(weight, { minLength: 1, maxLength: 60 }),
        fc.nat(),
        fc.integer({ min: 1, max: 200 }),
        (weights, seed, count) => {
          const sum = weights.reduce((a, b) => a + b, 0);
          fc.pre(sum > 1e-3);
          const counts = countsOf(
            epochOrder({ length: weights.length, epoch: 0, seed, weights, count }),
            weights.length,
          );
          expect(counts.reduce((a, b) => a + b)).toBe(count);
          for (const [i, n] of counts.entries())
            expect(Math.abs(n - (count * weights[i]!) / sum)).toBeLessThan(1 + 1e-6);
        },
      ),
    );
  });

  test("the draws of an epoch are unbiased", () => {
    const weights = [0.1, 0.2, 0.3, 1.4]; // 2 draws per epoch: expectations are the weights themselves
    const totals = [0, 0, 0, 0];
    for (let epoch = 0; epoch < 4000; epoch++) {
      for (const i of epochOrder({ length: 4, epoch, seed: 9, weights, count: 2 })) totals[i]!++;
    }
    for (const [i, total] of totals.entries()) expect(total / 4000).toBeCloseTo(weights[i]!, 1.3);
  });

  test("weights without replacement: no sample twice, heavy ones first", () => {
    const weights = Array.from({ length: 100 }, (_, i) => (i < 50 ? 0 : i < 75 ? 1 : 50));
    const order = epochOrder({ length: 100, epoch: 0, seed: 1, weights, replacement: false, count: 50 });
    expect(new Set(order).size).toBe(50);
    expect(Math.min(...order)).toBeGreaterThanOrEqual(50);
    expect(order.slice(0, 25).filter((i) => i >= 75).length).toBeGreaterThan(20);
  });

  test("equal weights with replacement still show every sample", () => {
    const order = epochOrder({ length: 37, epoch: 0, seed: 1, weights: new Array(37).fill(0.3), replacement: true });
    expect(new Set(order).size).toBe(37);
  });

  test("arguments that do not fit are refused", () => {
    const bad = [[1], [1, -1], [0, 0], [1, Number.NaN], [1, Number.POSITIVE_INFINITY]];
    for (const weights of bad) expect(() => epochOrder({ length: 2, epoch: 0, seed: 0, weights })).toThrow(RangeError);
    expect(() => epochOrder({ length: 2, epoch: 0, seed: 0, count: 3 })).toThrow(/3 draws without replacement from 2/);
  });
});

describe("balanceWeights", () => {
  const sample = (label: number, source?: string) => ({
    label,
    attributes: source ? { source } : ({} as Record<string, string>),
  });
  const samples = [
    ...Array.from({ length: 16 }, () => sample(0, "a")),
    ...Array.from({ length: 4 }, () => sample(0, "b")),
    sample(1, "a"),
  ];

  test("every cell that occurs gets an equal share", () => {
    const weights = balanceWeights(samples, ["label", "source"]);
    expect(weights.slice(0, 16).reduce((a, b) => a + b)).toBeCloseTo(1 / 3, 12);
    expect(weights[20]).toBeCloseTo(1 / 3, 12);
    expect(balanceWeights(samples, ["label"])[20]).toBeCloseTo(1 / 2, 12);
  });

  test("tempering: shares go with n^(1 - temper)", () => {
    expect([...balanceWeights(samples, ["label", "source"], 0)]).toEqual(new Array(21).fill(1 / 21));
    const half = balanceWeights(samples, ["label", "source"], 0.5); // cells of 16, 4, 1: shares 4 : 2 : 1
    expect(half[20]).toBeCloseTo(1 / 7, 12);
    expect(half[0]! * 16).toBeCloseTo(4 / 7, 12);
  });

  test("a missing attribute is a cell of its own", () => {
    expect(balanceWeights([sample(0, "a"), sample(0), sample(0)], ["source"])).toEqual(
      Float64Array.of(0.5, 0.25, 0.25),
    );
  });
});

describe("planBatches", () => {
  const order = Int32Array.of(4, 2, 0, 1, 3);
  const indices = (options: { dropLast?: boolean; from?: number }) =>
    planBatches(order, { batchSize: 2, epoch: 6, ...options }).map((batch) => [batch.first, ...batch.indices]);

  test("keeps or drops the last, and resumes where it was", () => {
    expect(indices({})).toEqual([
      [0, 4, 2],
      [2, 0, 1],
      [4, 3],
    ]);
    expect(indices({ dropLast: true })).toEqual([
      [0, 4, 2],
      [2, 0, 1],
    ]);
    expect(indices({ from: 1 })).toEqual([
      [2, 0, 1],
      [4, 3],
    ]);
    expect(indices({ from: 3 })).toEqual([]);
    expect(() => planBatches(order, { batchSize: 0, epoch: 0 })).toThrow(RangeError);
  });
});
