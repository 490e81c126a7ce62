import { expect, it } from "vitest";
import { random } from "./random.ts";
import { fillOpenUniforms } from "./uniforms.ts";

/** xoshiro128** in exact integers, written from the authors' xoshiro128starstar.c. */
function* reference(seed: readonly number[]): Generator<number> {
  const mask = 0xffffffffn;
  const s = seed.map(BigInt);
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  for (;;) {
    yield Number((rotl((s[1]! * 5n) & mask, 7n) * 9n) & mask);
    const t = (s[1]! << 9n) & mask;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11n);
  }
}

it("is xoshiro128**, the 23 highest bits of each", () => {
  const seed = [123456789, 362436069, 521288629, 88675123]; // the first is odd, so that it is used as it is
  const words = seed[Symbol.iterator]();
  const out = new Float32Array(1000);
  fillOpenUniforms(out, { bits: () => words.next().value! });
  const expected = reference(seed);
  for (const value of out) expect(value).toBe(((expected.next().value! >>> 9) + 0.5) / 2 ** 23);
});

it("lies strictly between 0 and 1 and is even", () => {
  const out = new Float32Array(100_000);
  fillOpenUniforms(out, random(7, "test"));
  const counts = new Array<number>(10).fill(0);
  for (const value of out) {
    expect(value > 0 && value < 1).toBe(true);
    counts[Math.floor(value * 10)]!++;
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(5 * Math.sqrt(9_000));
});
