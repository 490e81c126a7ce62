import { describe, expect, it } from "vitest";
import { noisePicture, pillowCases, sha256 } from "../../test/fixtures/pillow/pictures.ts";
import { coefficients } from "./coefficients.ts";
import { type Box, type Filter, resize, resizeRegion } from "./resize.ts";

interface Case {
  seed: number;
  source: [number, number];
  target: [number, number];
  filter: Filter;
  box?: Box;
  sha256: string;
}

describe("resize", () => {
  it.each(pillowCases<Case>("resize"))(
    "is Pillow's: $source -> $target $filter $box",
    ({ seed, source, target, filter, box, sha256: expected }) => {
      const [width, height] = target;
      const out = resize(noisePicture(seed, ...source), { width, height }, filter, box);
      expect([out.width, out.height]).toEqual(target);
      expect(sha256(out.data)).toBe(expected);
    },
  );

  it("halves by averaging pairs: box filter, rounded to nearest", () => {
    const data = Uint8Array.from([0, 10, 20, 1, 10, 30, 100, 100, 100, 255, 0, 200]);
    expect([...resize({ width: 4, height: 1, data }, { width: 2, height: 1 }, "box").data]).toEqual([
      1, 10, 25, 178, 50, 150,
    ]);
  });

  it("returns a copy when nothing changes", () => {
    const picture = noisePicture(1, 5, 4);
    const out = resize(picture, { width: 5, height: 4 }, "lanczos");
    expect(out.data).toEqual(picture.data);
    expect(out.data.buffer).not.toBe(picture.data.buffer);
  });

  it.each([0, -1, 2.5, Number.NaN])("refuses a width of %s", (width) => {
    expect(() => resize(noisePicture(1, 3, 3), { width, height: 3 }, "bilinear")).toThrow(/positive whole numbers/);
  });

  it.each<Box>([
    [0, 0, 4, 3],
    [-1, 0, 3, 3],
    [2, 0, 2, 3],
    [0, 0, Number.NaN, 3],
  ])("refuses the box %j of a 3 x 3 picture", (...box) => {
    expect(() => resize(noisePicture(1, 3, 3), { width: 2, height: 2 }, "bilinear", box)).toThrow(/not inside 3x3/);
  });
});

describe("resizeRegion", () => {
  const picture = noisePicture(3, 20, 17);
  const region = { left: 4, top: 5, width: 11, height: 9 };
  const crop = { width: 11, height: 9, data: new Uint8Array(11 * 9 * 3) };
  for (let y = 0; y < 9; y++)
    for (let i = 0; i < 33; i++) crop.data[y * 33 + i] = picture.data[((y + 5) * 20 + 4) * 3 + i]!;

  it.each<Filter>(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])(
    "sees nothing outside the region: %s",
    (filter) => {
      for (const size of [
        { width: 7, height: 6 },
        { width: 30, height: 9 },
        { width: 11, height: 20 },
        { width: 11, height: 9 },
      ]) {
        expect(resizeRegion(picture, region, size, filter)).toEqual(resize(crop, size, filter));
      }
    },
  );

  it("refuses a region beyond the picture", () => {
    expect(() => resizeRegion(picture, { ...region, left: 10 }, { width: 2, height: 2 }, "box")).toThrow(
      /not inside 20x17/,
    );
  });
});

describe("coefficients", () => {
  it("keeps recent sets and sums to one", () => {
    const first = coefficients(50, 0, 50, 20, "bicubic");
    expect(coefficients(50, 0, 50, 20, "bicubic")).toBe(first);
    for (let i = 0; i < 20; i++) {
      const sum = first.weights.subarray(i * first.taps, (i + 1) * first.taps).reduce((a, b) => a + b, 0);
      expect(Math.abs(sum - 2 ** 22)).toBeLessThanOrEqual(first.taps);
    }
  });

  it("forgets the oldest", () => {
    const first = coefficients(50, 0, 50, 21, "bicubic");
    for (let target = 1; target <= 300; target++) coefficients(10, 0, 10, target, "box");
    expect(coefficients(50, 0, 50, 21, "bicubic")).not.toBe(first);
  });
});
