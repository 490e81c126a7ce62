import type { Random } from "../tensor/random.ts";
import type { Pixels } from "./pixels.ts";

/** Strengths of a colour jitter: each factor is drawn from [max(0, 1 - strength), 1 + strength]. */
export interface JitterOptions {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
}

/**
 * Brightness, contrast and saturation changed by random factors in random order, a zero strength left out.
 * @see torchvision 0.14.1 `transforms.ColorJitter` (no hue)
 */
export function colorJitter(pixels: Pixels, options: JitterOptions, random: Random): Pixels {
  const steps = [
    { change: adjustBrightness, strength: options.brightness },
    { change: adjustContrast, strength: options.contrast },
    { change: adjustSaturation, strength: options.saturation },
  ];
  return random.shuffle(steps).reduce((out, { change, strength }) => {
    return strength > 0 ? change(out, random.uniform(Math.max(0, 1 - strength), 1 + strength)) : out;
  }, pixels);
}

/** Towards black (0), unchanged (1), beyond: equal to Pillow's `ImageEnhance.Brightness`. */
export function adjustBrightness(pixels: Pixels, factor: number): Pixels {
  return mapBytes(pixels, (value) => blend(0, value, Math.fround(factor)));
}

/** Towards the mean luma (0), unchanged (1), beyond: equal to Pillow's `ImageEnhance.Contrast`. */
export function adjustContrast(pixels: Pixels, factor: number): Pixels {
  const { data } = pixels;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luma(data[i]!, data[i + 1]!, data[i + 2]!);
  const mean = Math.trunc(sum / (data.length / 3) + 0.5);
  return mapBytes(pixels, (value) => blend(mean, value, Math.fround(factor)));
}

/** Towards grey (0), unchanged (1), beyond: equal to Pillow's `ImageEnhance.Color`. */
export function adjustSaturation({ data, width, height }: Pixels, factor: number): Pixels {
  const alpha = Math.fround(factor);
  const parts = Float32Array.from({ length: 511 }, (_, i) => alpha * (i - 255)); // of every difference to grey
  const out = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const r = data[i]!;
    const g = data[i + 1]!;
    const b = data[i + 2]!;
    const grey = luma(r, g, b);
    const zero = 255 - grey;
    out[i] = Math.fround(grey + parts[zero + r]!) | 0;
    out[i + 1] = Math.fround(grey + parts[zero + g]!) | 0;
    out[i + 2] = Math.fround(grey + parts[zero + b]!) | 0;
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

/** Pixel values to a power on [0, 1]: below 1 lightens, above 1 darkens. @see torchvision 0.14.1 `functional_pil.adjust_gamma` */
export function gamma(pixels: Pixels, exponent: number): Pixels {
  return mapBytes(pixels, (value) => (255 + 1 - 1e-3) * (value / 255) ** exponent);
}

/** Luma in all three channels: equal to Pillow's `convert("L").convert("RGB")`. */
export function grayscale({ data, width, height }: Pixels): Pixels {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const grey = luma(data[i]!, data[i + 1]!, data[i + 2]!);
    out[i] = grey;
    out[i + 1] = grey;
    out[i + 2] = grey;
  }
  return { width, height, data: out };
}

/** ITU-R 601-2 luma in 16-bit fixed point. @see Pillow 9.4 `src/libImaging/Convert.c` `L24` */
function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/** In float32, as Pillow's `ImagingBlend`; the caller clips and truncates. */
function blend(from: number, to: number, alpha: number): number {
  return Math.fround(from + Math.fround(alpha * (to - from)));
}

function mapBytes({ data, width, height }: Pixels, value: (byte: number) => number): Pixels {
  const table = Uint8ClampedArray.from({ length: 256 }, (_, byte) => Math.trunc(value(byte)));
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = table[data[i]!]!;
  return { width, height, data: out };
}
