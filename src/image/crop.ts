import type { Random } from "../tensor/random.ts";
import { roundHalfEven } from "../tensor/round.ts";
import type { Pixels, Region, Size } from "./pixels.ts";
import { type Filter, resizeRegion } from "./resize.ts";

/** A lowest and a highest value. */
export type Range = readonly [number, number];

/** How much of a picture a random crop takes. */
export interface CropOptions {
  /** Share of the picture's area, in (0, 1]. */
  readonly scale: Range;
  /** Width over height, drawn log-uniformly. */
  readonly ratio: Range;
}

/** torchvision's RandomResizedCrop, as BEiT's recipes use it. */
export const STANDARD_CROP: CropOptions = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] };

const ATTEMPTS = 10; // torchvision 0.14.1 transforms.RandomResizedCrop.get_params

/**
 * A random region of a picture: ten tries for one that fits, then the largest centred one within the ratio's bounds.
 * @see torchvision 0.14.1 `transforms.RandomResizedCrop.get_params`
 */
export function randomRegion({ width, height }: Size, { scale, ratio }: CropOptions, random: Random): Region {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * random.uniform(scale[0], scale[1]);
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = random.integer(height - h + 1);
      return { left: random.integer(width - w + 1), top, width: w, height: h };
    }
  }
  const aspect = width / height;
  const w = aspect > ratio[1] ? Math.min(Math.max(roundHalfEven(height * ratio[1]), 1), width) : width;
  const h = aspect < ratio[0] ? Math.min(Math.max(roundHalfEven(width / ratio[0]), 1), height) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/** A random region at a given size: crop, then resize. */
export function randomResizedCrop(
  pixels: Pixels,
  size: Size,
  options: CropOptions & { readonly filter: Filter },
  random: Random,
): Pixels {
  return resizeRegion(pixels, randomRegion(pixels, options, random), size, options.filter);
}

/** The picture mirrored left to right. */
export function horizontalFlip({ data, width, height }: Pixels): Pixels {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    let from = ((y + 1) * width - 1) * 3;
    for (let to = y * width * 3, end = to + width * 3; to < end; to += 3, from -= 3) {
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { width, height, data: out };
}
