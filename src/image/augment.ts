import { z } from "zod";
import type { Random } from "../tensor/random.ts";
import { gaussianBlur, lowResolution } from "./blur.ts";
import { colorJitter, gamma, grayscale } from "./colour.ts";
import { horizontalFlip, type Range, randomRegion } from "./crop.ts";
import { jpegArtifacts } from "./jpeg.ts";
import { noise } from "./noise.ts";
import type { Pixels, Size } from "./pixels.ts";
import { type Filter, resizeRegion } from "./resize.ts";

const probability = z.number().min(0).max(1);
const strength = z.number().min(0).default(0);
const range = (low: number, high: number) =>
  z
    .tuple([z.number().min(low).max(high), z.number().min(low).max(high)])
    .refine(([a, b]) => a <= b, "expected [low, high]");
const filter = z.enum(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]);

/**
 * Which augmentations a training picture gets, how often and how strongly; what is absent does not happen. A pair is
 * a range to draw from uniformly. Defaults of `crop` are torchvision's RandomResizedCrop, of `erasing` timm's.
 */
export const AugmentRecipe = z.strictObject({
  /** Random resized crop: share of the area, width over height. Absent: the whole picture, resized. */
  crop: z
    .strictObject({ scale: range(1e-6, 1).default([0.08, 1]), ratio: range(1e-3, 1e3).default([3 / 4, 4 / 3]) })
    .optional(),
  filter: filter.default("bicubic"),
  /** Probability of mirroring left to right. */
  flip: probability.default(0),
  colorJitter: z
    .strictObject({
      brightness: strength,
      contrast: strength,
      saturation: strength,
      probability: probability.default(1),
    })
    .optional(),
  /** Exponent below 1 lightens, above 1 darkens. */
  gamma: z.strictObject({ exponent: range(0.01, 100), probability }).optional(),
  /** Probability of losing all colour. */
  grayscale: probability.default(0),
  /** How many times smaller the picture is made before it is enlarged again. */
  lowResolution: z.strictObject({ factor: range(1, 1000), probability }).optional(),
  /** Standard deviation in pixels of the target size. */
  blur: z.strictObject({ radius: range(0, 100), probability }).optional(),
  /** Standard deviation in byte values. */
  noise: z.strictObject({ sigma: range(0, 255), probability }).optional(),
  jpeg: z.strictObject({ quality: range(1, 100), probability }).optional(),
  /** Random erasing of the model input: `augment` leaves it to `randomErasing`, after normalisation. */
  erasing: z
    .strictObject({
      area: range(0, 1).default([0.02, 1 / 3]),
      ratio: range(1e-3, 1e3).default([0.3, 1 / 0.3]),
      fill: z.enum(["noise", "zero"]).default("noise"),
      probability,
    })
    .optional(),
});
export type AugmentRecipe = z.infer<typeof AugmentRecipe>;

/**
 * A training view of a picture at the target size: crop and resize, flip, colours, then what cameras and networks do
 * to a picture, in that order (low resolution, blur, noise, JPEG). Pure in `random`: the same stream, the same view.
 */
export function augment(pixels: Pixels, recipe: AugmentRecipe, random: Random, size: Size): Pixels {
  const chance = (p: number | undefined) => p !== undefined && p > 0 && random.uniform() < p;
  const draw = ([low, high]: Range) => random.uniform(low, high);
  const { colorJitter: jitter, gamma: power, lowResolution: low, blur, noise: grain, jpeg } = recipe;
  const region = recipe.crop
    ? randomRegion(pixels, recipe.crop, random)
    : { left: 0, top: 0, width: pixels.width, height: pixels.height };

  let view = resizeRegion(pixels, region, size, recipe.filter);
  if (chance(recipe.flip)) view = horizontalFlip(view);
  if (jitter && chance(jitter.probability)) view = colorJitter(view, jitter, random);
  if (power && chance(power.probability)) view = gamma(view, draw(power.exponent));
  if (chance(recipe.grayscale)) view = grayscale(view);
  if (low && chance(low.probability)) view = lowResolution(view, draw(low.factor));
  if (blur && chance(blur.probability)) view = gaussianBlur(view, draw(blur.radius));
  if (grain && chance(grain.probability)) view = noise(view, draw(grain.sigma), random);
  if (jpeg && chance(jpeg.probability)) view = jpegArtifacts(view, draw(jpeg.quality));
  return view;
}

/** One of several views of the same crop. */
export interface ViewOptions extends Size {
  readonly filter: Filter;
}

/**
 * BEiT's pre-training views: jitter and flip the picture, draw ONE crop, and resize it once for each view (224 px
 * bicubic for the patches and 112 px lanczos for the tokenizer in the paper's setting). Only `colorJitter`, `flip` and
 * `crop` of the recipe are used.
 * @see microsoft/unilm `beit/datasets.py` `DataAugmentationForBEiT`, `beit/transforms.py`
 */
export function augmentViews(
  pixels: Pixels,
  recipe: AugmentRecipe,
  random: Random,
  views: readonly ViewOptions[],
): Pixels[] {
  const { colorJitter: jitter, crop, flip } = recipe;
  const jittered = jitter && random.uniform() < jitter.probability ? colorJitter(pixels, jitter, random) : pixels;
  const source = random.uniform() < flip ? horizontalFlip(jittered) : jittered;
  const region = crop
    ? randomRegion(source, crop, random)
    : { left: 0, top: 0, width: source.width, height: source.height };
  return views.map((view) => resizeRegion(source, region, view, view.filter));
}
