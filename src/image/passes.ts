import { type Coefficients, PRECISION_BITS } from "./coefficients.ts";
import type { Pixels, Size } from "./pixels.ts";

/** Bytes of a rectangle inside a larger row-major RGB buffer: pixel (x, y) starts at `offset + y * stride + 3 * x`. */
export interface View extends Size {
  readonly data: Uint8Array;
  readonly offset: number;
  readonly stride: number;
}

const HALF = 1 << (PRECISION_BITS - 1);
const STRIP = 64; // rows: a strip of a large picture stays in the cache while its columns are walked

/*
 * Every sum is below 2^31 in magnitude (8 bits of pixel, 22 of weight, and the weights' magnitudes sum below 2), so
 * plain 32-bit integers hold it; the clamped array rounds negative lobes and overshoot to 0 and 255. Up to four taps,
 * the common case of moderate scaling, run in straight-line code, absent taps weighing nothing.
 */

/** Every row of the view at another width. */
export function horizontal(view: View, columns: Coefficients, width: number): Pixels {
  const out = new Uint8ClampedArray(width * view.height * 3);
  if (columns.taps > 4) manyColumns(view, columns, out);
  else for (let y = 0; y < view.height; y += STRIP) fewColumns(view, columns, out, y, Math.min(y + STRIP, view.height));
  return { width, height: view.height, data: new Uint8Array(out.buffer) };
}

/** Weights of up to four taps, and the byte distances of the later ones from the first; absent taps weigh nothing. */
type Four = Readonly<Record<"a" | "b" | "c" | "d" | "q" | "r" | "s", number>>;

function fourTaps(weights: Int32Array, k: number, count: number, step: number): Four {
  return {
    a: weights[k]!,
    b: count > 1 ? weights[k + 1]! : 0,
    c: count > 2 ? weights[k + 2]! : 0,
    d: count > 3 ? weights[k + 3]! : 0,
    q: count > 1 ? step : 0,
    r: count > 2 ? step * 2 : 0,
    s: count > 3 ? step * 3 : 0,
  };
}

/** At most four taps, column by column: the weights stay in registers. */
function fewColumns(view: View, columns: Coefficients, out: Uint8ClampedArray, top: number, end: number): void {
  const { data, stride } = view;
  const { taps, first, weights } = columns;
  const row = first.length * 3;
  for (let x = 0; x < first.length; x++) {
    const four = fourTaps(weights, x * taps, taps, 3);
    const { a, b, c, d } = four;
    let p = view.offset + top * stride + first[x]! * 3;
    let q = p + four.q;
    let r = p + four.r;
    let s = p + four.s;
    let to = top * row + x * 3;
    for (let y = top; y < end; y++) {
      out[to] =
        (HALF + Math.imul(a, data[p]!) + Math.imul(b, data[q]!) + Math.imul(c, data[r]!) + Math.imul(d, data[s]!)) >>
        PRECISION_BITS;
      out[to + 1] =
        (HALF +
          Math.imul(a, data[p + 1]!) +
          Math.imul(b, data[q + 1]!) +
          Math.imul(c, data[r + 1]!) +
          Math.imul(d, data[s + 1]!)) >>
        PRECISION_BITS;
      out[to + 2] =
        (HALF +
          Math.imul(a, data[p + 2]!) +
          Math.imul(b, data[q + 2]!) +
          Math.imul(c, data[r + 2]!) +
          Math.imul(d, data[s + 2]!)) >>
        PRECISION_BITS;
      p += stride;
      q += stride;
      r += stride;
      s += stride;
      to += row;
    }
  }
}

function manyColumns({ data, height, offset, stride }: View, columns: Coefficients, out: Uint8ClampedArray): void {
  const { taps, first, weights } = columns;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = offset + y * stride;
    let k = 0;
    for (let x = 0; x < first.length; x++) {
      let at = row + first[x]! * 3;
      let r = HALF;
      let g = HALF;
      let b = HALF;
      const end = k + taps;
      if (taps & 1) {
        const v = weights[k++]!;
        r = (r + Math.imul(v, data[at]!)) | 0;
        g = (g + Math.imul(v, data[at + 1]!)) | 0;
        b = (b + Math.imul(v, data[at + 2]!)) | 0;
        at += 3;
      }
      for (; k < end; k += 2) {
        const v = weights[k]!;
        const w = weights[k + 1]!;
        r = (r + Math.imul(v, data[at]!) + Math.imul(w, data[at + 3]!)) | 0;
        g = (g + Math.imul(v, data[at + 1]!) + Math.imul(w, data[at + 4]!)) | 0;
        b = (b + Math.imul(v, data[at + 2]!) + Math.imul(w, data[at + 5]!)) | 0;
        at += 6;
      }
      out[to] = r >> PRECISION_BITS;
      out[to + 1] = g >> PRECISION_BITS;
      out[to + 2] = b >> PRECISION_BITS;
      to += 3;
    }
  }
}

/** Every column of the view at another height. */
export function vertical(view: View, rows: Coefficients, height: number): Pixels {
  const length = view.width * 3;
  const out = new Uint8ClampedArray(length * height);
  if (rows.taps > 4) manyRows(view, rows, out);
  else fewRows(view, rows, out);
  return { width: view.width, height, data: new Uint8Array(out.buffer) };
}

function fewRows(
  { data, width, offset, stride }: View,
  { taps, first, weights }: Coefficients,
  out: Uint8ClampedArray,
): void {
  const length = width * 3;
  for (let y = 0; y < first.length; y++) {
    weighRows(out, y * length, length, data, offset + first[y]! * stride, fourTaps(weights, y * taps, taps, stride));
  }
}

/** One target row from up to four source rows. */
function weighRows(out: Uint8ClampedArray, to: number, length: number, data: Uint8Array, p: number, four: Four): void {
  const { a, b, c, d } = four;
  const q = p + four.q;
  const r = p + four.r;
  const s = p + four.s;
  for (let x = 0; x < length; x++) {
    out[to + x] =
      (HALF +
        Math.imul(a, data[p + x]!) +
        Math.imul(b, data[q + x]!) +
        Math.imul(c, data[r + x]!) +
        Math.imul(d, data[s + x]!)) >>
      PRECISION_BITS;
  }
}

function manyRows(
  { data, width, offset, stride }: View,
  { taps, first, weights }: Coefficients,
  out: Uint8ClampedArray,
): void {
  const sums = new Int32Array(width * 3);
  for (let y = 0; y < first.length; y++) {
    const from = offset + first[y]! * stride;
    sums.fill(HALF);
    let t = 0;
    for (; t + 4 < taps; t += 4) addRows(sums, data, from + t * stride, fourTaps(weights, y * taps + t, 4, stride));
    finishRows(out, y * sums.length, sums, data, from + t * stride, fourTaps(weights, y * taps + t, taps - t, stride));
  }
}

/** Four source rows onto the running sums. */
function addRows(sums: Int32Array, data: Uint8Array, p: number, four: Four): void {
  const { a, b, c, d } = four;
  const q = p + four.q;
  const r = p + four.r;
  const s = p + four.s;
  for (let x = 0; x < sums.length; x++) {
    sums[x] =
      sums[x]! +
      Math.imul(a, data[p + x]!) +
      Math.imul(b, data[q + x]!) +
      Math.imul(c, data[r + x]!) +
      Math.imul(d, data[s + x]!);
  }
}

/** The last source rows and the running sums to one target row. */
function finishRows(
  out: Uint8ClampedArray,
  to: number,
  sums: Int32Array,
  data: Uint8Array,
  p: number,
  four: Four,
): void {
  const { a, b, c, d } = four;
  const q = p + four.q;
  const r = p + four.r;
  const s = p + four.s;
  for (let x = 0; x < sums.length; x++) {
    out[to + x] =
      (sums[x]! +
        Math.imul(a, data[p + x]!) +
        Math.imul(b, data[q + x]!) +
        Math.imul(c, data[r + x]!) +
        Math.imul(d, data[s + x]!)) >>
      PRECISION_BITS;
  }
}
