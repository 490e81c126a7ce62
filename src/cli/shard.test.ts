import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shard, takeShard } from "./shard.ts";

describe("shards", () => {
  it("one after the other are the whole list, and differ in size by one at most", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 40 }), (length, count) => {
        const items = Array.from({ length }, (_, i) => i);
        const parts = Array.from({ length: count }, (_, i) => takeShard(items, { index: i + 1, count }));
        expect(parts.flat()).toEqual(items);
        const sizes = parts.map((part) => part.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("are written i/n, from 1", () => {
    expect(shard("3/4")).toEqual({ index: 3, count: 4 });
    for (const text of ["0/4", "5/4", "1", "1/0", "-1/4", "1.5/4", "1/4/2", ""]) {
      expect(() => shard(text), text).toThrow("Expected i/n with i from 1 to n");
    }
  });
});
