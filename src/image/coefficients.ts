import { kernels, type WeightedFilter } from "./filters.ts";

/** Fixed-point fraction bits of a coefficient: 8 bits of pixel, 2 of headroom, 22 of weight. Pillow Resample.c. */
export const PRECISION_BITS = 22;

/**
 * One axis of a resize: target pixel i is the sum over t < taps of `weights[i * taps + t] * source[first[i] + t]`,
 * in units of 2^-22. Every target has the same number of taps; the missing ones at the edges weigh zero.
 */
export interface Coefficients {
  readonly taps: number;
  readonly first: Int32Array;
  readonly weights: Int32Array;
}

const CACHE_ENTRIES = 256; // random crops of one picture size need a few hundred (length, target) pairs
const CACHE_WEIGHTS = 2 ** 16; // of an entry: at 224 px pictures up to 29,000 px a side, so 64 MB in all
const cache = new Map<string, Coefficients>();

/**
 * The coefficients that take `[low, high]` of `length` source pixels to `target` pixels; the last few hundred sets
 * are kept. `low` and `high` are rounded to float32 as Pillow's box is.
 */
export function coefficients(
  length: number,
  low: number,
  high: number,
  target: number,
  filter: WeightedFilter,
): Coefficients {
  const key = `${filter} ${length} ${low} ${high} ${target}`;
  let found = cache.get(key);
  if (found) cache.delete(key);
  else found = compute(length, Math.fround(low), Math.fround(high), target, filter);
  if (found.weights.length > CACHE_WEIGHTS) return found;
  cache.set(key, found); // now the youngest
  if (cache.size > CACHE_ENTRIES) cache.delete(cache.keys().next().value!);
  return found;
}

function compute(length: number, low: number, high: number, target: number, filter: WeightedFilter): Coefficients {
  const { support: radius, weight } = kernels[filter];
  const scale = Math.fround(high - low) / target;
  const filterScale = Math.max(scale, 1);
  const support = radius * filterScale;
  const taps = Math.min(Math.ceil(support) * 2 + 1, length);
  const first = new Int32Array(target);
  const weights = new Int32Array(target * taps);
  const row = new Float64Array(Math.ceil(support) * 2 + 1);
  for (let i = 0; i < target; i++) {
    const center = low + (i + 0.5) * scale;
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const count = Math.min(Math.trunc(center + support + 0.5), length) - start;
    let total = 0;
    for (let t = 0; t < count; t++) {
      const w = weight((t + start - center + 0.5) * (1 / filterScale));
      row[t] = w;
      total += w;
    }
    const origin = Math.min(start, length - taps); // slide left so that all taps stay inside
    first[i] = origin;
    for (let t = 0; t < count; t++) {
      const w = total === 0 ? row[t]! : row[t]! / total;
      weights[i * taps + start - origin + t] = Math.trunc((w < 0 ? -0.5 : 0.5) + w * (1 << PRECISION_BITS));
    }
  }
  return tighten({ taps, first, weights }, length);
}

/** Drops taps that weigh nothing for every target: bilinear shrinking by 1.1 needs 4 of Pillow's 5. */
function tighten({ taps, first, weights }: Coefficients, length: number): Coefficients {
  let needed = 1;
  const lead = first.map((_, i) => {
    let low = 0;
    while (low < taps - 1 && weights[i * taps + low] === 0) low++;
    let high = taps;
    while (high > low + 1 && weights[i * taps + high - 1] === 0) high--;
    needed = Math.max(needed, high - low);
    return low;
  });
  const packed = new Int32Array(first.length * needed);
  const starts = first.map((start, i) => Math.min(start + lead[i]!, length - needed));
  for (let i = 0; i < first.length; i++) {
    for (let t = 0; t < needed; t++) {
      const from = starts[i]! + t - first[i]!;
      if (from >= 0 && from < taps) packed[i * needed + t] = weights[i * taps + from]!;
    }
  }
  return { taps: needed, first: starts, weights: packed };
}
