import { forwardDct, inverseDct } from "./dct.ts";
import type { Pixels } from "./pixels.ts";

/** One channel of whole 8 x 8 blocks. */
interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

// ITU-T T.81 tables K.1 and K.2, row by row
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99,
];

const fix = (x: number) => Math.round(x * 65536);
const [YR, YG, YB] = [fix(0.299), fix(0.587), fix(0.114)]; // ITU-R BT.601, as JFIF has it
const [CB_R, CB_G, CR_G, CR_B, C_HALF] = [fix(0.16874), fix(0.33126), fix(0.41869), fix(0.08131), fix(0.5)];
const [R_CR, G_CB, G_CR, B_CB] = [fix(1.402), fix(0.34414), fix(0.71414), fix(1.772)];
const ROUND = 1 << 15;

/**
 * The picture as it comes back from a JPEG file (4:2:0): equal to Pillow's `save(quality=q)` and `open`. What loses
 * nothing, the entropy coding, is left out, so this stays synchronous and on one thread.
 * @param quality 1 (worst) to 100
 * @see ITU-T T.81; libjpeg's integer arithmetic throughout
 */
export function jpegArtifacts(pixels: Pixels, quality: number): Pixels {
  const { y, cb, cr } = toYcc(pixels);
  quantise(y, quantiser(LUMINANCE, quality));
  const halved = [cb, cr].map((plane) => {
    const half = halve(plane, pixels.height);
    quantise(half, quantiser(CHROMINANCE, quality));
    return double(half, Math.ceil(pixels.width / 2), Math.ceil(pixels.height / 2));
  });
  return fromPlanes(pixels, y, halved[0]!, halved[1]!);
}

/** libjpeg `jpeg_quality_scaling` and `jpeg_add_quant_table`, baseline. */
function quantiser(base: readonly number[], quality: number): Int32Array {
  const q = Math.min(Math.max(Math.round(quality), 1), 100);
  const scale = q < 50 ? Math.trunc(5000 / q) : 200 - q * 2;
  return Int32Array.from(base, (value) => Math.min(Math.max(Math.trunc((value * scale + 50) / 100), 1), 255));
}

/** Luma and chroma at full resolution on whole 16 x 16 blocks, the picture's last column and row repeated. */
function toYcc({ data, width, height }: Pixels): { y: Plane; cb: Plane; cr: Plane } {
  const w = (width + 15) & ~15;
  const h = (height + 15) & ~15;
  const [y, cb, cr] = [new Uint8Array(w * h), new Uint8Array(w * h), new Uint8Array(w * h)];
  for (let row = 0; row < height; row++) {
    for (let x = 0, to = row * w; x < w; x++, to++) {
      const from = (row * width + (x < width ? x : width - 1)) * 3;
      const r = data[from]!;
      const g = data[from + 1]!;
      const b = data[from + 2]!;
      y[to] = (YR * r + YG * g + YB * b + ROUND) >> 16;
      cb[to] = (C_HALF * b - CB_R * r - CB_G * g + (128 << 16) + ROUND - 1) >> 16;
      cr[to] = (C_HALF * r - CR_G * g - CR_B * b + (128 << 16) + ROUND - 1) >> 16;
    }
  }
  for (const plane of [y, cb, cr]) repeatLastRow(plane, w, height);
  return {
    y: { width: w, height: h, data: y },
    cb: { width: w, height: h, data: cb },
    cr: { width: w, height: h, data: cr },
  };
}

function repeatLastRow(data: Uint8Array, width: number, rows: number): void {
  for (let to = rows * width; to < data.length; to += width) data.copyWithin(to, (rows - 1) * width, rows * width);
}

/** 2 x 2 means, rounded down and up in turn. @see libjpeg-turbo `jcsample.c` `h2v2_downsample` */
function halve({ data, ...full }: Plane, rows: number): Plane {
  const width = full.width / 2;
  const height = full.height / 2;
  const out = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    let from = 2 * y * full.width;
    for (let x = 0; x < width; x++, from += 2) {
      out[to++] =
        (data[from]! + data[from + 1]! + data[from + full.width]! + data[from + full.width + 1]! + 1 + (x & 1)) >> 2;
    }
  }
  repeatLastRow(out, width, Math.ceil(rows / 2));
  return { width, height, data: out };
}

/** Every 8 x 8 block through the DCT, the quantiser and back, in place. */
function quantise({ data, width, height }: Plane, steps: Int32Array): void {
  const block = new Int32Array(64);
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      const corner = top * width + left;
      for (let i = 0; i < 64; i++) block[i] = data[corner + (i >> 3) * width + (i & 7)]! - 128;
      forwardDct(block);
      for (let i = 0; i < 64; i++) {
        const step = steps[i]!;
        const value = block[i]!; // 8 times the coefficient
        const level = ((Math.abs(value) + step * 4) / (step * 8)) | 0;
        block[i] = value < 0 ? -level * step : level * step;
      }
      inverseDct(block);
      for (let i = 0; i < 64; i++) {
        const value = block[i]! + 128;
        data[corner + (i >> 3) * width + (i & 7)] = Math.min(Math.max(value, 0), 255);
      }
    }
  }
}

/**
 * Chroma at full resolution by a triangle filter, 3/4 of the nearer and 1/4 of the further sample each way; planes of
 * at most two columns are repeated. @see libjpeg-turbo `jdsample.c` `h2v2_fancy_upsample`
 */
function double({ data, width: stride }: Plane, width: number, height: number): Plane {
  const out = new Uint8Array(width * 2 * height * 2);
  const sums = new Int32Array(width);
  for (let y = 0, to = 0; y < height * 2; y++) {
    const near = (y >> 1) * stride;
    const far = Math.min(Math.max((y >> 1) + (y & 1 ? 1 : -1), 0), height - 1) * stride;
    if (width <= 2) {
      for (let x = 0; x < width * 2; x++) out[to++] = data[near + (x >> 1)]!;
      continue;
    }
    for (let x = 0; x < width; x++) sums[x] = data[near + x]! * 3 + data[far + x]!;
    for (let x = 0; x < width; x++) {
      const middle = sums[x]! * 3;
      out[to++] = (middle + sums[x > 0 ? x - 1 : 0]! + 8) >> 4;
      out[to++] = (middle + sums[x < width - 1 ? x + 1 : x]! + 7) >> 4;
    }
  }
  return { width: width * 2, height: height * 2, data: out };
}

function fromPlanes({ width, height }: Pixels, y: Plane, cb: Plane, cr: Plane): Pixels {
  const out = new Uint8ClampedArray(width * height * 3);
  for (let row = 0, to = 0; row < height; row++) {
    for (let x = 0; x < width; x++, to += 3) {
      const luma = y.data[row * y.width + x]!;
      const b = cb.data[row * cb.width + x]! - 128;
      const r = cr.data[row * cr.width + x]! - 128;
      out[to] = luma + ((R_CR * r + ROUND) >> 16);
      out[to + 1] = luma + ((ROUND - G_CB * b - G_CR * r) >> 16);
      out[to + 2] = luma + ((B_CB * b + ROUND) >> 16);
    }
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}
