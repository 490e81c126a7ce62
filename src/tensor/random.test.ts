import { describe, expect, it } from "vitest";
import { random, threefry2x32 } from "./random.ts";

describe("threefry2x32", () => {
  // Random123 distribution, tests/kat_vectors, "threefry2x32 20"
  it.each([
    ["zeros", [0, 0], [0, 0], [0x6b200159, 0x99ba4efe]],
    ["ones", [0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    ["digits of pi", [0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]],
  ] as const)("known answer: %s", (_, [k0, k1], [c0, c1], expected) => {
    expect(threefry2x32(k0, k1, c0, c1)).toEqual(expected);
  });
});

describe("random", () => {
  const first = (...key: (number | string)[]) => Array.from({ length: 4 }, random(...key).bits);

  it("is a function of its key alone", () => {
    expect(first(42, 3, "crop")).toEqual(first(42, 3, "crop"));
    const keys = [[], [0], [0, 0], [1], [-1], [2 ** 32], ["0"], [""], ["a", "b"], ["ab"], [1, 2], [2, 1]];
    expect(new Set(keys.map((key) => first(...key).join())).size).toBe(keys.length);
  });

  it("gives 32-bit words whose bits are each set half of the time", () => {
    const { bits } = random(1);
    const ones = new Array<number>(32).fill(0);
    for (let n = 0; n < 4096; n++) {
      const word = bits();
      if (word !== word >>> 0) throw new Error(`${word} is not an unsigned 32-bit integer`);
      for (let i = 0; i < 32; i++) ones[i]! += (word >>> i) & 1;
    }
    for (const count of ones) expect(Math.abs(count - 2048)).toBeLessThan(5 * 32); // σ = 32
  });

  it("uniform: in range, with the mean and variance of the law", () => {
    const stream = random(2);
    const values = Array.from({ length: 20_000 }, () => stream.uniform(-1, 3));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...values)).toBeLessThan(3);
    expect(mean(values)).toBeCloseTo(1, 1);
    expect(variance(values)).toBeCloseTo(16 / 12, 1);
  });

  it("integer: each value equally often", () => {
    const stream = random(3);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 7000; i++) counts[stream.integer(7)]!++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150); // σ = 29
  });

  it("normal: mean 0, variance 1, as much beyond 2 as the law says", () => {
    const stream = random(4);
    const values = Array.from({ length: 20_000 }, stream.normal);
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(variance(values)).toBeCloseTo(1, 1);
    expect(values.filter((v) => Math.abs(v) > 2).length / values.length).toBeCloseTo(0.0455, 2);
  });

  it("shuffle: a permutation of a copy, every place equally likely", () => {
    const stream = random(5);
    const items = ["a", "b", "c", "d"];
    const places = new Array<number>(4).fill(0);
    const seen = new Set<string>();
    for (let i = 0; i < 4000; i++) {
      const shuffled = stream.shuffle(items);
      seen.add([...shuffled].sort().join());
      places[shuffled.indexOf("a")]!++;
    }
    for (const count of places) expect(Math.abs(count - 1000)).toBeLessThan(150); // σ = 27
    expect([...seen]).toEqual(["a,b,c,d"]);
    expect(items).toEqual(["a", "b", "c", "d"]);
  });
});

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values: readonly number[], m = mean(values)) => mean(values.map((v) => (v - m) ** 2));
