import type { Pixels, Size } from "./pixels.ts";
import { type Filter, resize } from "./resize.ts";

export { parseImageProcessor, serializeImageProcessor } from "./preprocessor-config.ts";

/** How pictures become a model's input, in this order: resize, centre crop, rescale, normalise. */
export interface ImageProcessor {
  /** To an exact size, or so that the short edge has a length in pixels and the aspect ratio stays; absent: keep. */
  readonly resize?: Size | { readonly shortestEdge: number };
  readonly filter: Filter;
  /** Centre crop; what is missing of a smaller picture is black. */
  readonly crop?: Size;
  /** Bytes are multiplied by this; absent: they stay 0..255. */
  readonly rescaleFactor?: number;
  /** Per channel, (value - mean) / std, in units of rescaled values. */
  readonly normalize?: { readonly mean: Triple; readonly std: Triple };
}

/** One number for each of red, green and blue. */
export type Triple = readonly [number, number, number];

/**
 * The processor of the published BEiT checkpoints: bilinear to an exact size, no crop, bytes to [-1, 1].
 * @param imageSize edge of a square, or `[height, width]`, in pixels
 */
export function defaultProcessor(imageSize: number | readonly [number, number]): ImageProcessor {
  const [height, width] = typeof imageSize === "number" ? [imageSize, imageSize] : imageSize;
  return {
    resize: { height, width },
    filter: "bilinear",
    rescaleFactor: 1 / 255,
    normalize: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  };
}

/** The size every picture ends up with, or undefined where it depends on the picture. */
export function outputSize({ crop, resize }: ImageProcessor): Size | undefined {
  return crop ?? (resize && "width" in resize ? resize : undefined);
}

/** The same steps for another input size: where pictures are cropped, they are resized to the same multiple of it. */
export function processorOfSize(processor: ImageProcessor, size: Size): ImageProcessor {
  const { crop, resize } = processor;
  if (!crop || !resize) return { ...processor, ...(crop ? { crop: size } : { resize: size }) };
  const [y, x] = [size.height / crop.height, size.width / crop.width];
  const before =
    "width" in resize
      ? { height: Math.round(resize.height * y), width: Math.round(resize.width * x) }
      : { shortestEdge: Math.round(resize.shortestEdge * Math.max(y, x)) };
  return { ...processor, resize: before, crop: size };
}

/** A model's input: `data` is C, H, W. */
export interface ProcessedImage {
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

/**
 * A picture as a model's input, equal bit for bit to Hugging Face's Pillow-based processors.
 * @param out write into this array from `offset` on instead of a new one; the returned `data` is a view of it
 * @throws RangeError when `out` is too short
 */
export function preprocess(pixels: Pixels, processor: ImageProcessor, out?: Float32Array, offset = 0): ProcessedImage {
  const sized = processor.resize ? resize(pixels, targetSize(pixels, processor.resize), processor.filter) : pixels;
  const { width, height, data } = processor.crop ? centerCrop(sized, processor.crop) : sized;
  const plane = width * height;
  if (out && out.length < offset + 3 * plane) {
    throw new RangeError(`preprocess: 3 x ${height} x ${width} values from ${offset} on do not fit in ${out.length}`);
  }
  const target = out ? out.subarray(offset, offset + 3 * plane) : new Float32Array(3 * plane);
  toPlanes(data, byteValues(processor), target);
  return { data: target, height, width };
}

/** Four pixels at a time, little-endian, in two thirds of the time, where the bytes begin at a word; the rest one by one. */
function toPlanes(data: Uint8Array, [red, green, blue]: Tables, target: Float32Array): void {
  const plane = target.length / 3;
  const [second, third] = [plane, 2 * plane];
  const fours = data.byteOffset % 4 === 0 ? plane - (plane % 4) : 0;
  const words = new Uint32Array(data.buffer, fours === 0 ? 0 : data.byteOffset, (fours / 4) * 3);
  for (let i = 0, j = 0; i < fours; i += 4, j += 3) {
    const p = words[j]!; // not as a list: that would be a new one for each turn until the loop is compiled
    const q = words[j + 1]!;
    const r = words[j + 2]!;
    target[i] = red[p & 255]!;
    target[second + i] = green[(p >>> 8) & 255]!;
    target[third + i] = blue[(p >>> 16) & 255]!;
    target[i + 1] = red[p >>> 24]!;
    target[second + i + 1] = green[q & 255]!;
    target[third + i + 1] = blue[(q >>> 8) & 255]!;
    target[i + 2] = red[(q >>> 16) & 255]!;
    target[second + i + 2] = green[q >>> 24]!;
    target[third + i + 2] = blue[r & 255]!;
    target[i + 3] = red[(r >>> 8) & 255]!;
    target[second + i + 3] = green[(r >>> 16) & 255]!;
    target[third + i + 3] = blue[r >>> 24]!;
  }
  for (let i = fours, from = 3 * fours; i < plane; i++, from += 3) {
    target[i] = red[data[from]!]!;
    target[second + i] = green[data[from + 1]!]!;
    target[third + i] = blue[data[from + 2]!]!;
  }
}

/** Size after the resize step. @see Hugging Face transformers v4.30.2 `image_transforms.get_resize_output_image_size` */
export function targetSize({ width, height }: Size, resize: NonNullable<ImageProcessor["resize"]>): Size {
  if ("width" in resize) return resize;
  const { shortestEdge } = resize;
  const longest = Math.trunc((shortestEdge * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? { width: shortestEdge, height: longest } : { width: longest, height: shortestEdge };
}

/**
 * The middle of a picture, black where the picture is too small. The odd pixel goes to the left and top edge's side as
 * in Hugging Face (floor); torchvision rounds it to even.
 * @see Hugging Face transformers v4.30.2 `image_transforms.center_crop`
 */
export function centerCrop({ data, ...from }: Pixels, { width, height }: Size): Pixels {
  const left = Math.floor((from.width - width) / 2);
  const top = Math.floor((from.height - height) / 2);
  const out = new Uint8Array(width * height * 3);
  const first = Math.max(left, 0);
  const count = Math.min(left + width, from.width) - first;
  for (let y = Math.max(-top, 0); y < Math.min(height, from.height - top); y++) {
    const start = ((y + top) * from.width + first) * 3;
    out.set(data.subarray(start, start + count * 3), (y * width + first - left) * 3);
  }
  return { width, height, data: out };
}

type Tables = readonly [red: Float32Array, green: Float32Array, blue: Float32Array];

const tables = new WeakMap<ImageProcessor, Tables>();

/** What each byte becomes in each channel. */
function byteValues(processor: ImageProcessor): Tables {
  const found = tables.get(processor) ?? [
    channelValues(processor, 0),
    channelValues(processor, 1),
    channelValues(processor, 2),
  ];
  tables.set(processor, found);
  return found;
}

/** The product in float64, then every step in float32, as numpy has it. */
function channelValues({ rescaleFactor, normalize }: ImageProcessor, c: number): Float32Array {
  const mean = Math.fround(normalize?.mean[c] ?? 0);
  const std = Math.fround(normalize?.std[c] ?? 1);
  return Float32Array.from(
    { length: 256 },
    (_, byte) => Math.fround(Math.fround(byte * (rescaleFactor ?? 1)) - mean) / std,
  );
}
