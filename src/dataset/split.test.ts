import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Splittable, splitSamples } from "./split.ts";

const ids = (samples: readonly Splittable[]) => samples.map(({ id }) => id);

/** Samples of up to 4 labels; `pure` groups hold one label only. */
const samplesOf = (pure: boolean) =>
  fc
    .array(fc.record({ label: fc.nat(3), group: fc.option(fc.nat(12), { nil: undefined }) }), {
      minLength: 1,
      maxLength: 150,
    })
    .map((list) =>
      list.map(({ label, group }, i): Splittable => {
        const name = pure ? `${label}-${group}` : `${group}`;
        return group === undefined ? { id: `${i}.jpg`, label } : { id: `${i}.jpg`, label, group: name };
      }),
    );
const fraction = fc.double({ min: 0, max: 0.95, noNaN: true });

describe("splitSamples", () => {
  test("loses and doubles nothing, and no group lies on both sides", () => {
    fc.assert(
      fc.property(samplesOf(false), fraction, fc.nat(), (samples, share, seed) => {
        const { train, validation } = splitSamples(samples, share, seed);
        expect([...ids(train), ...ids(validation)].sort()).toEqual(ids(samples).sort());
        const trained = new Set(train.map(({ group }) => group).filter((group) => group !== undefined));
        expect(validation.filter(({ group }) => group !== undefined && trained.has(group))).toEqual([]);
      }),
    );
  });

  test("every label's share is within its largest group of the fraction, and on both sides if it can be", () => {
    fc.assert(
      fc.property(
        samplesOf(true),
        fraction.filter((f) => f > 0),
        fc.nat(),
        (samples, share, seed) => {
          const { validation } = splitSamples(samples, share, seed);
          for (const label of [0, 1, 2, 3]) {
            const own = samples.filter((sample) => sample.label === label);
            const units = new Map<string, number>();
            for (const { id, group } of own) units.set(group ?? id, (units.get(group ?? id) ?? 0) + 1);
            const largest = Math.max(0, ...units.values());
            const got = validation.filter((sample) => sample.label === label).length;
            expect(Math.abs(got - share * own.length)).toBeLessThanOrEqual(largest);
            if (units.size > 1) expect(got > 0 && got < own.length).toBe(true);
          }
        },
      ),
    );
  });

  test("groups that hold several labels leave neither side empty", () => {
    for (const groups of [2, 3, 4]) {
      const samples = Array.from({ length: 20 * groups }, (_, i) => ({
        id: `${i}.jpg`,
        label: i % 2,
        group: `g${Math.floor(i / 20)}`,
      }));
      const { train, validation } = splitSamples(samples, 0.15, 42);
      for (const side of [train, validation]) expect(new Set(side.map(({ label }) => label)).size).toBe(2);
    }
  });

  test("the order of the samples changes nothing", () => {
    const shuffles = samplesOf(false).chain((samples) =>
      fc.tuple(fc.constant(samples), fc.shuffledSubarray(samples, { minLength: samples.length })),
    );
    fc.assert(
      fc.property(shuffles, fraction, fc.nat(), ([samples, shuffled], share, seed) => {
        expect(splitSamples(shuffled, share, seed)).toEqual(splitSamples(samples, share, seed));
      }),
    );
  });

  test("one more sample moves few of the others", () => {
    const samples = Array.from({ length: 1000 }, (_, i) => ({ id: `${i}.jpg`, label: i % 2 }));
    const before = new Set(ids(splitSamples(samples, 0.2, 7).validation));
    const after = ids(splitSamples([...samples, { id: "new.jpg", label: 0 }], 0.2, 7).validation);
    expect(before.size).toBe(200);
    expect(after.filter((id) => !before.has(id)).length).toBeLessThanOrEqual(1);
  });

  test("fraction 0 keeps everything; 1 and nonsense are refused", () => {
    const samples = [
      { id: "a", label: 0 },
      { id: "b", label: 0 },
    ];
    expect(splitSamples(samples, 0, 1)).toEqual({ train: samples, validation: [] });
    for (const bad of [1, -0.1, Number.NaN]) expect(() => splitSamples(samples, bad, 1)).toThrow(RangeError);
  });
});
