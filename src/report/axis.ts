/** Marks of an axis at round values. */
export interface Ticks {
  readonly values: readonly number[];
  /** Same order as `values`. */
  readonly labels: readonly string[];
  /** Ends of the axis: the range asked for, widened to whole steps when `nice`. */
  readonly low: number;
  readonly high: number;
}

/** A linear map from values to pixels. */
export type Scale = (value: number) => number;

/**
 * Ticks at multiples of 1, 2 or 5 × 10^n, about `count` of them.
 * @param nice widen the ends to whole steps.
 */
export function ticks(low: number, high: number, count: number, nice = true): Ticks {
  if (!(high > low)) return ticks(low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2, count, nice);
  const step = niceStep((high - low) / count);
  const first = nice ? Math.floor(low / step + 1e-9) : Math.ceil(low / step - 1e-9);
  const last = nice ? Math.ceil(high / step - 1e-9) : Math.floor(high / step + 1e-9);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(decimals)));
  return {
    values,
    labels: values.map((value) => tickLabel(value, decimals)),
    low: nice ? values[0]! : low,
    high: nice ? values.at(-1)! : high,
  };
}

function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

function tickLabel(value: number, decimals: number): string {
  if (decimals > 6 || Math.abs(value) >= 1e7)
    return value === 0 ? "0" : value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  return value.toFixed(decimals).replace(/\B(?=(\d{3})+$)(?<!\..*)/g, ",");
}

/** The linear map taking [low, high] to [from, to]. */
export function linear([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}
