import { describe, expect, it } from "vitest";
import { random } from "../tensor/random.ts";
import { blockMask, randomMask } from "./mask.ts";

describe("blockMask", () => {
  it("is the union of its blocks, none of which spans a whole row or column", () => {
    for (let draw = 0; draw < 200; draw++) {
      const { mask, count, blocks } = blockMask([6, 9], { count: 20, minBlock: 4 }, random(draw));
      const union = new Uint8Array(54);
      for (const { top, left, height, width } of blocks) {
        expect(height).toBeLessThan(6);
        expect(width).toBeLessThan(9);
        for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) union[y * 9 + x] = 1;
      }
      expect(mask).toEqual(union);
      expect(mask.reduce((a, b) => a + b)).toBe(count);
      expect(count).toBeLessThanOrEqual(20);
    }
  });

  it("is a function of its stream", () => {
    const draw = (seed: number) => blockMask([14, 14], { count: 75 }, random(seed, "mask")).mask;
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
  });

  it("obeys the bound on what one block adds", () => {
    const { blocks } = blockMask([14, 14], { count: 75, minBlock: 4, maxBlock: 9 }, random(1));
    expect(blocks.length).toBeGreaterThan(8);
    expect(Math.max(...blocks.map(({ height, width }) => height * width))).toBeLessThanOrEqual(30);
  });

  it("gives up where no block fits", () => {
    expect(blockMask([1, 8], { count: 3, minBlock: 1 }, random(1)).count).toBe(0);
  });

  it("refuses counts outside the window", () => {
    expect(() => blockMask([4, 4], { count: 17 }, random(1))).toThrow(
      "mask: expected a whole number of patches from 1 to 16 (4 x 4), got 17",
    );
    expect(() => randomMask([4, 4], 0, random(1))).toThrow("got 0");
  });
});

describe("randomMask", () => {
  it("masks exactly the count, every patch equally often", () => {
    const sums = new Float64Array(12);
    for (let draw = 0; draw < 4000; draw++) {
      const mask = randomMask([3, 4], 5, random(draw));
      expect(mask.reduce((a, b) => a + b)).toBe(5);
      for (const [i, masked] of mask.entries()) sums[i]! += masked;
    }
    for (const sum of sums) expect(Math.abs(sum / 4000 - 5 / 12)).toBeLessThan(0.035); // 4.5 sigma
  });
});
