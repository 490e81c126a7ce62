import { type ByteRange, byteRange } from "../tensor/quantize.ts";
import type { Histogram } from "./histogram.ts";

/** Lower end and width of a bin. */
const binsOf = ({ counts, reach }: Histogram) => ({ low: -reach, width: (2 * reach) / counts.length });

/** The extremes of a histogram without its outermost values: `tail` of all at either end. */
function quantiles({ counts, reach, least, most }: Histogram, tail: number): readonly [number, number] {
  const { low, width } = binsOf({ counts, reach, least, most });
  const spared = tail * counts.reduce((a, b) => a + b, 0);
  let [first, last] = [0, counts.length - 1];
  for (let sum = counts[first]!; sum <= spared; sum += counts[first]!) first++;
  for (let sum = counts[last]!; sum <= spared; sum += counts[last]!) last--;
  return [Math.max(least, low + first * width), Math.min(most, low + (last + 1) * width)];
}

const TAIL = 1e-5; // ORT's CalibrationMethod.Percentile has the same default, 99.999

/** The range of all values but the outermost 1 in 100,000 at either end. */
export function percentileRange(histogram: Histogram): ByteRange {
  return byteRange(...quantiles(histogram, TAIL));
}

const STEPS = 64;

/**
 * The range, from a 64th of the whole to all of it, that loses least information: Kullback-Leibler divergence of the
 * values as bytes, those outside set to the ends, from the values as they are.
 * @see Migacz 2017, 8-bit Inference with TensorRT
 */
export function entropyRange(histogram: Histogram): ByteRange {
  let best = byteRange(histogram.least, histogram.most);
  let lowest = Number.POSITIVE_INFINITY;
  for (let step = STEPS; step >= 1; step--) {
    const range = byteRange((histogram.least * step) / STEPS, (histogram.most * step) / STEPS);
    const divergence = divergenceOf(histogram, range);
    if (divergence < lowest) [lowest, best] = [divergence, range];
  }
  return best;
}

/** Σ p log(p / q), where p are the values cut off at the ends and q the bytes, spread evenly over the bins they came from. */
function divergenceOf(histogram: Histogram, { scale, zero }: ByteRange): number {
  const { low, width } = binsOf(histogram);
  const inside = new Float64Array(256);
  const clipped = new Float64Array(256); // with what was cut off
  const used = new Float64Array(256); // bins that hold something
  const byteAt = Int16Array.from(histogram.counts, (_, bin) => Math.round((low + (bin + 0.5) * width) / scale) + zero);
  for (const [bin, count] of histogram.counts.entries()) {
    if (count === 0) continue;
    const byte = Math.min(255, Math.max(0, byteAt[bin]!));
    clipped[byte]! += count;
    if (byte !== byteAt[bin]) continue;
    inside[byte]! += count;
    used[byte]!++;
  }
  const [all, kept] = [clipped, inside].map((counts) => counts.reduce((a, b) => a + b, 0)) as [number, number];
  let sum = 0;
  const last = new Set([0, 255].filter((end) => clipped[end]! > inside[end]!));
  for (const [bin, count] of histogram.counts.entries()) {
    const byte = byteAt[bin]!;
    if (count === 0 || byte < 0 || byte > 255) continue;
    const q = inside[byte]! / used[byte]! / kept;
    const p = (count + (last.has(byte) ? (clipped[byte]! - inside[byte]!) / used[byte]! : 0)) / all;
    sum += p * Math.log(p / q);
  }
  for (const end of last) if (used[end] === 0) return Number.POSITIVE_INFINITY; // nothing inside to set them to
  return sum;
}
