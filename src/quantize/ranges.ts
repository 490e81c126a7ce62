import { type ByteRange, byteRange } from "../tensor/quantize.ts";
import type { Histogram } from "./histogram.ts";

/** Lower end and width of a bin. */
const binsOf = ({ counts, reach }: Histogram) => ({ low: -reach, width: (2 * reach) / counts.length });

/** The extremes of a histogram without its outermost values: `tail` of all at either end. */
function quantiles(histogram: Histogram, tail: number): readonly [number, number] {
  const { counts, least, most } = histogram;
  const { low, width } = binsOf(histogram);
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

const TAILS = [0, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2];

/**
 * The range, of those that leave out from none to a hundredth of the values at either end, that loses least information:
 * Kullback-Leibler divergence of the values as bytes, those outside set to the ends, from the values as they are.
 * @see Migacz 2017, 8-bit Inference with TensorRT
 */
export function entropyRange(histogram: Histogram): ByteRange {
  const ranges = TAILS.map((tail) => byteRange(...quantiles(histogram, tail)));
  const divergences = ranges.map((range) => divergenceOf(histogram, range));
  return ranges[divergences.indexOf(Math.min(...divergences))]!;
}

/**
 * Σ p log(p / q): p the values, those outside the range set to the outermost bins inside; q the bytes, each spread evenly
 * over the bins it stands for.
 */
function divergenceOf(histogram: Histogram, { scale, zero }: ByteRange): number {
  const { low, width } = binsOf(histogram);
  const filled = Array.from(histogram.counts, (count, bin) => {
    return { count, byte: Math.round((low + (bin + 0.5) * width) / scale) + zero };
  }).filter(({ count }) => count > 0);
  const inside = filled.filter(({ byte }) => byte >= 0 && byte <= 255);
  const levels = new Map<number, { count: number; bins: number }>();
  for (const { count, byte } of inside) {
    const level = levels.get(byte) ?? { count: 0, bins: 0 };
    levels.set(byte, { count: level.count + count, bins: level.bins + 1 });
  }
  const [all, kept] = [total(filled), total(inside)];
  const below = total(filled.filter(({ byte }) => byte < 0));
  return inside.reduce((sum, { count, byte }, i) => {
    const moved = (i === 0 ? below : 0) + (i === inside.length - 1 ? all - kept - below : 0);
    const level = levels.get(byte)!;
    const [p, q] = [(count + moved) / all, level.count / level.bins / kept];
    return sum + p * Math.log(p / q);
  }, 0);
}

const total = (bins: readonly { count: number }[]) => bins.reduce((sum, { count }) => sum + count, 0);
