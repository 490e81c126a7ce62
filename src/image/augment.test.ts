import { describe, expect, it } from "vitest";
import { noisePicture } from "../../test/fixtures/pillow/pictures.ts";
import { random } from "../tensor/random.ts";
import { AugmentRecipe, augment, augmentViews } from "./augment.ts";
import { horizontalFlip } from "./crop.ts";
import { resize } from "./resize.ts";

const picture = noisePicture(9, 40, 30);
const everything = AugmentRecipe.parse({
  crop: {},
  flip: 0.5,
  colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
  gamma: { exponent: [0.7, 1.4], probability: 0.5 },
  grayscale: 0.2,
  lowResolution: { factor: [1, 4], probability: 0.5 },
  blur: { radius: [0.1, 2], probability: 0.5 },
  noise: { sigma: [0, 12], probability: 0.5 },
  jpeg: { quality: [20, 95], probability: 0.5 },
});

describe("AugmentRecipe", () => {
  it("fills in the published defaults", () => {
    expect(AugmentRecipe.parse({ crop: {}, erasing: { probability: 0.25 } })).toEqual({
      crop: { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
      filter: "bicubic",
      flip: 0,
      grayscale: 0,
      erasing: { area: [0.02, 1 / 3], ratio: [0.3, 1 / 0.3], fill: "noise", probability: 0.25 },
    });
  });

  it.each([
    { flip: 1.5 },
    { crop: { scale: [0.5, 0.1] } },
    { crop: { scale: [0, 1] } },
    { jpeg: { quality: [0, 50], probability: 1 } },
    { filter: "cubic" },
    { flips: 0.5 },
  ])("refuses %j", (recipe) => {
    expect(AugmentRecipe.safeParse(recipe).success).toBe(false);
  });
});

describe("augment", () => {
  it("only resizes when the recipe is empty", () => {
    const size = { width: 16, height: 12 };
    expect(augment(picture, AugmentRecipe.parse({}), random(1), size)).toEqual(resize(picture, size, "bicubic"));
  });

  it("flips about as often as asked", () => {
    const size = { width: 40, height: 30 };
    const mirrored = horizontalFlip(picture).data;
    const recipe = AugmentRecipe.parse({ flip: 0.3 });
    let flips = 0;
    for (let i = 0; i < 1000; i++)
      if (Buffer.from(augment(picture, recipe, random(i), size).data).equals(mirrored)) flips++;
    expect(Math.abs(flips / 1000 - 0.3)).toBeLessThan(0.05);
  });

  it("is a function of the stream: the same view again, another for another key, the picture untouched", () => {
    const before = picture.data.slice();
    const view = (key: number) => augment(picture, everything, random(key), { width: 24, height: 24 });
    const views = Array.from({ length: 20 }, (_, key) => view(key));
    expect(views.map((_, key) => view(key))).toEqual(views);
    expect(new Set(views.map(({ data }) => data.join())).size).toBe(20);
    expect(views.every(({ width, height, data }) => width === 24 && height === 24 && data.length === 1728)).toBe(true);
    expect(picture.data).toEqual(before);
  });

  it("takes a single pixel to any size", () => {
    expect(augment(noisePicture(1, 1, 1), everything, random(2), { width: 5, height: 3 }).data.length).toBe(45);
  });
});

describe("augmentViews", () => {
  it("gives one crop at several sizes, alike up to resampling", () => {
    const ramp = {
      width: 64,
      height: 64,
      data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (Math.floor(i / 3) % 64) + 100 * (i % 2)),
    };
    const recipe = AugmentRecipe.parse({ crop: { scale: [0.1, 0.3] }, flip: 0.5 });
    const views = [
      { width: 16, height: 16, filter: "box" },
      { width: 8, height: 8, filter: "box" },
    ] as const;
    for (let key = 0; key < 50; key++) {
      const [large, small] = augmentViews(ramp, recipe, random(key), views) as [typeof ramp, typeof ramp];
      const mean = ({ data }: typeof ramp) => data.reduce((a, b) => a + b) / data.length;
      expect(Math.abs(mean(large) - mean(small))).toBeLessThan(1);
    }
  });
});
