import { describe, expect, it } from "vitest";
import { noisePicture } from "../../test/fixtures/pillow/pictures.ts";
import { random } from "../tensor/random.ts";
import { horizontalFlip, randomRegion, randomResizedCrop, STANDARD_CROP } from "./crop.ts";

describe("randomRegion", () => {
  const regions = Array.from({ length: 4000 }, (_, i) =>
    randomRegion({ width: 178, height: 218 }, STANDARD_CROP, random(i)),
  );

  it("stays inside, within the area and ratio asked for", () => {
    for (const { left, top, width, height } of regions) {
      expect(left >= 0 && top >= 0 && left + width <= 178 && top + height <= 218).toBe(true);
      expect(width / height).toBeGreaterThan(0.75 * 0.98); // rounded to whole pixels
      expect(width / height).toBeLessThan((4 / 3) * 1.02);
      expect((width * height) / (178 * 218)).toBeGreaterThan(0.078);
    }
  });

  it("spreads over positions and ratios: as many wide as tall while small, touching every border", () => {
    const small = regions.filter(({ width, height }) => width * height < 0.3 * 178 * 218);
    const wide = small.filter(({ width, height }) => width > height).length / small.length;
    expect(Math.abs(wide - 0.5)).toBeLessThan(0.05);
    expect(regions.some(({ left }) => left === 0) && regions.some(({ top }) => top === 0)).toBe(true);
    expect(
      regions.some(({ left, width }) => left + width === 178) &&
        regions.some(({ top, height }) => top + height === 218),
    ).toBe(true);
  });

  it.each([
    [
      { width: 1000, height: 2 },
      { left: 498, top: 0, width: 3, height: 2 },
    ], // 2 * 4/3 rounds to 3
    [
      { width: 3, height: 100 },
      { left: 0, top: 48, width: 3, height: 4 },
    ],
    [
      { width: 1, height: 1 },
      { left: 0, top: 0, width: 1, height: 1 },
    ],
  ])("falls back to the largest centred region of %j", (size, region) => {
    expect(randomRegion(size, { scale: [1, 1], ratio: [3 / 4, 4 / 3] }, random(1))).toEqual(region);
  });
});

describe("randomResizedCrop", () => {
  it("takes the whole picture when nothing else is allowed", () => {
    const picture = noisePicture(1, 9, 9);
    const options = { scale: [1, 1], ratio: [1, 1], filter: "bicubic" } as const;
    expect(randomResizedCrop(picture, { width: 9, height: 9 }, options, random(1))).toEqual(picture);
  });
});

describe("horizontalFlip", () => {
  it("mirrors columns and keeps rows and channels", () => {
    const flipped = horizontalFlip({ width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i) });
    expect([...flipped.data]).toEqual([6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11]);
  });
});
