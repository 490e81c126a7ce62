import { type Coefficients, coefficients } from "./coefficients.ts";
import type { Filter } from "./filters.ts";
import { horizontal, type View, vertical } from "./passes.ts";
import type { Pixels, Region, Size } from "./pixels.ts";

export type { Filter } from "./filters.ts";

/** A rectangle in pixel edges, `[left, top, right, bottom]`; need not be whole numbers. */
export type Box = readonly [number, number, number, number];

/**
 * A picture at another size, bit for bit as Pillow 9.4 and later do it: two passes, horizontal first, each rounded to
 * bytes; anti-aliased when shrinking. A pass that changes nothing is skipped.
 * @param box only this part of the picture, in pixel edges; neighbours outside it still take part at its edges
 * @throws RangeError when the size is not positive whole numbers or the box is not inside the picture
 * @see Pillow 9.4 `src/libImaging/Resample.c`, `src/_imaging.c` `_resize`
 */
export function resize(pixels: Pixels, size: Size, filter: Filter, box?: Box): Pixels {
  const { data, width, height } = pixels;
  return resample({ data, width, height, offset: 0, stride: width * 3 }, size, filter, box ?? [0, 0, width, height]);
}

/** Crop to a region, then {@link resize}, without copying the crop: nothing outside the region takes part. */
export function resizeRegion(pixels: Pixels, region: Region, size: Size, filter: Filter): Pixels {
  const { left, top, width, height } = region;
  if (left < 0 || top < 0 || left + width > pixels.width || top + height > pixels.height) {
    throw new RangeError(
      `resizeRegion: region ${left},${top} ${width}x${height} is not inside ${pixels.width}x${pixels.height}`,
    );
  }
  const stride = pixels.width * 3;
  const view = { data: pixels.data, width, height, offset: top * stride + left * 3, stride };
  return resample(view, size, filter, [0, 0, width, height]);
}

function resample(view: View, size: Size, filter: Filter, box: Box): Pixels {
  const { width, height } = size;
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new RangeError(`resize: expected a size of positive whole numbers, got ${width}x${height}`);
  }
  const [x0, y0, x1, y1] = box;
  if (!(x0 >= 0 && y0 >= 0 && x1 <= view.width && y1 <= view.height && x1 > x0 && y1 > y0)) {
    throw new RangeError(`resize: box [${box}] is empty or not inside ${view.width}x${view.height}`);
  }
  const wide = width !== view.width || x0 !== 0 || x1 !== width;
  const tall = height !== view.height || y0 !== 0 || y1 !== height;
  if (!wide && !tall) return copy(view);
  if (filter === "nearest") return pickNearest(view, size, box);
  if (!tall) return horizontal(view, coefficients(view.width, x0, x1, width, filter), width);
  const rows = coefficients(view.height, y0, y1, height, filter);
  if (!wide) return vertical(view, rows, height);
  const used = rowsUsed(view, rows);
  const narrowed = horizontal(used.view, coefficients(view.width, x0, x1, width, filter), width);
  return vertical({ ...narrowed, offset: 0, stride: width * 3 }, used.rows, height);
}

/** The rows the vertical pass reads, and its coefficients counted from the first of them. */
function rowsUsed(view: View, rows: Coefficients): { view: View; rows: Coefficients } {
  const top = rows.first.reduce((a, b) => Math.min(a, b)); // not always the first entry: zero weights are dropped
  const height = rows.first.reduce((a, b) => Math.max(a, b)) + rows.taps - top;
  const used = { ...view, height, offset: view.offset + top * view.stride };
  return { view: used, rows: top === 0 ? rows : { ...rows, first: rows.first.map((y) => y - top) } };
}

function copy({ data, width, height, offset, stride }: View): Pixels {
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = offset + y * stride;
    out.set(data.subarray(start, start + width * 3), y * width * 3);
  }
  return { width, height, data: out };
}

/** Pillow's nearest: a scale-only affine transform that samples at the centres, positions accumulated by addition. */
function pickNearest({ data, offset, stride, ...from }: View, { width, height }: Size, [x0, y0, x1, y1]: Box): Pixels {
  const columns = positions(x0, x1, width, from.width);
  const rows = positions(y0, y1, height, from.height);
  const out = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = offset + rows[y]! * stride;
    for (let x = 0; x < width; x++) {
      const at = row + columns[x]! * 3;
      out[to] = data[at]!;
      out[to + 1] = data[at + 1]!;
      out[to + 2] = data[at + 2]!;
      to += 3;
    }
  }
  return { width, height, data: out };
}

/** @see Pillow 9.4 `src/libImaging/Geometry.c` `ImagingScaleAffine` */
function positions(low: number, high: number, target: number, length: number): Int32Array {
  const step = Math.fround(Math.fround(high) - Math.fround(low)) / target;
  const out = new Int32Array(target);
  let at = Math.fround(low) + step * 0.5;
  for (let i = 0; i < target; i++) {
    out[i] = Math.min(Math.trunc(at), length - 1);
    at += step;
  }
  return out;
}
