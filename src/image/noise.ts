import type { Random } from "../tensor/random.ts";
import { roundHalfEven } from "../tensor/round.ts";
import type { Range } from "./crop.ts";
import type { Pixels } from "./pixels.ts";

/*
 * Noise wants tens of thousands of normals a picture, more than the counter-based generator gives in the time a
 * picture may take. One key drawn from it seeds Mulberry32, and the sum of a word's four bytes stands for a normal
 * (Irwin-Hall: excess kurtosis -0.3, never beyond 3.45 standard deviations).
 */
const MEAN = 510; // of four uniform bytes
const DEVIATION = Math.sqrt((4 * (256 ** 2 - 1)) / 12);

function byteSums(random: Random): () => number {
  let state = random.bits();
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    t ^= t >>> 14;
    return (t & 255) + ((t >>> 8) & 255) + ((t >>> 16) & 255) + (t >>> 24);
  };
}

/** Independent near-normal noise on every channel of every pixel. @param sigma standard deviation in byte values */
export function noise({ data, width, height }: Pixels, sigma: number, random: Random): Pixels {
  const next = byteSums(random);
  const added = Int16Array.from({ length: 2 * MEAN + 1 }, (_, sum) => Math.round((sigma * (sum - MEAN)) / DEVIATION));
  const out = new Uint8ClampedArray(data.length);
  for (let i = 0; i < out.length; i++) out[i] = data[i]! + added[next()]!;
  return { width, height, data: new Uint8Array(out.buffer) };
}

/** What random erasing removes. */
export interface ErasingOptions {
  /** Share of the picture's area. */
  readonly area: Range;
  /** Height over width, drawn log-uniformly. */
  readonly ratio: Range;
  /** `noise`: a standard normal per value (timm's "pixel"); `zero`: the mean of normalised values. */
  readonly fill: "noise" | "zero";
}

/** timm's RandomErasing in BEiT's fine-tuning recipe. */
export const STANDARD_ERASING: ErasingOptions = { area: [0.02, 1 / 3], ratio: [0.3, 1 / 0.3], fill: "noise" };

/**
 * Overwrites a random rectangle of a model input in place, after normalisation; ten tries to fit one, else nothing.
 * @param data C, H, W values of one picture
 * @see timm v0.6.13 `data/random_erasing.py`
 */
export function randomErasing(
  data: Float32Array,
  height: number,
  width: number,
  options: ErasingOptions,
  random: Random,
): void {
  const { area, ratio, fill } = options;
  const next = byteSums(random);
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = random.uniform(area[0], area[1]) * height * width;
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const h = roundHalfEven(Math.sqrt(target * aspect));
    const w = roundHalfEven(Math.sqrt(target / aspect));
    if (w >= width || h >= height) continue;
    const corner = random.integer(height - h + 1) * width + random.integer(width - w + 1);
    for (let plane = 0; plane < data.length; plane += height * width) {
      for (let row = 0; row < h; row++) {
        const from = plane + corner + row * width;
        for (let i = from; i < from + w; i++) data[i] = fill === "zero" ? 0 : (next() - MEAN) / DEVIATION;
      }
    }
    return;
  }
}
