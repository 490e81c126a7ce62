import type { Pixels } from "./pixels.ts";
import { type Filter, resize } from "./resize.ts";

const PASSES = 3; // Pillow 9.4 ImageFilter.GaussianBlur -> ImagingGaussianBlur

/**
 * Gaussian blur by three box blurs each way, equal to Pillow's `GaussianBlur`; its cost does not depend on the radius.
 * @param radius standard deviation in pixels; 0 changes nothing
 * @see Pillow 9.4 `src/libImaging/BoxBlur.c`
 */
export function gaussianBlur({ data, width, height }: Pixels, radius: number): Pixels {
  const box = boxWeights(boxRadius(radius));
  const row = width * 3;
  let from: Uint8Array = data;
  let to = new Uint8Array(data.length);
  let next = new Uint8Array(data.length);
  const swap = () => {
    from = to;
    [to, next] = [next, to];
  };
  for (let pass = 0; pass < PASSES; pass++, swap()) {
    for (let y = 0; y < height; y++) boxBlur(from, to, { offset: y * row, step: 3, length: width, lanes: 3 }, box);
  }
  for (let pass = 0; pass < PASSES; pass++, swap())
    boxBlur(from, to, { offset: 0, step: row, length: height, lanes: row }, box);
  return { width, height, data: from };
}

/**
 * Fewer details: shrunk by a factor and enlarged again (bilinear).
 * @param factor how many times smaller the edges become, at least 1
 */
export function lowResolution(pixels: Pixels, factor: number, filter: Filter = "box"): Pixels {
  const { width, height } = pixels;
  const edge = (length: number) => Math.max(1, Math.round(length / factor));
  return resize(resize(pixels, { width: edge(width), height: edge(height) }, filter), { width, height }, "bilinear");
}

/**
 * The fractional box radius whose repeated blur has a Gaussian's variance, in float32 as Pillow.
 * @see Gwosdek et al. 2011, "Theoretical foundations of Gaussian convolution by extended box filtering", eq. 7, 11, 14
 */
function boxRadius(radius: number): number {
  const f = Math.fround;
  const sigma2 = f(f(f(radius) * f(radius)) / PASSES);
  const length = f(Math.sqrt(12 * sigma2 + 1));
  const l = f(Math.floor((length - 1) / 2));
  const above = f(f(2 * l + 1) * f(f(l * f(l + 1)) - f(3 * sigma2)));
  return f(l + f(above / f(6 * f(sigma2 - f(f(l + 1) * f(l + 1))))));
}

/** A box blur: `whole` pixels to each side weigh `full`, the one beyond them `part`, in units of 2^-24. */
interface Box {
  readonly whole: number;
  readonly full: number;
  readonly part: number;
}

function boxWeights(radius: number): Box {
  const whole = Math.trunc(radius);
  const full = Math.trunc(Math.fround((1 << 24) / Math.fround(Math.fround(radius * 2) + 1)));
  return { whole, full, part: ((1 << 24) - (whole * 2 + 1) * full) >>> 1 };
}

/** Parallel lines of a picture: value i of a lane is at `offset + i * step + lane`. */
interface Lines {
  readonly offset: number;
  readonly step: number;
  readonly length: number;
  readonly lanes: number;
}

/** A running sum along every lane at once; pixels beyond the ends repeat the last one. */
function boxBlur(data: Uint8Array, out: Uint8Array, lines: Lines, { whole, full, part }: Box): void {
  const { offset, step, length, lanes } = lines;
  const at = (i: number) => offset + Math.min(Math.max(i, 0), length - 1) * step;
  const sums = new Int32Array(lanes);
  for (let i = -whole - 1; i < whole; i++) {
    const from = at(i);
    for (let lane = 0; lane < lanes; lane++) sums[lane] = sums[lane]! + data[from + lane]!;
  }
  for (let i = 0; i < length; i++) {
    const [to, leaving, entering, right] = [at(i), at(i - whole - 1), at(i + whole), at(i + whole + 1)];
    for (let lane = 0; lane < lanes; lane++) {
      const left = data[leaving + lane]!;
      const sum = sums[lane]! + data[entering + lane]! - left;
      sums[lane] = sum;
      out[to + lane] = (Math.imul(sum, full) + Math.imul(left + data[right + lane]!, part) + (1 << 23)) >>> 24;
    }
  }
}
