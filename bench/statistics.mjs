// What is said about repeated measurements.

/** Middle value; the mean of the two middle ones of an even number. NaN for none. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2) return sorted[Math.floor(middle)];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, smallest and largest. */
export const summary = (values) => ({ median: median(values), low: Math.min(...values), high: Math.max(...values) });

/**
 * a / b round by round: each quotient compares neighbours in time, so that a machine that slows down for a while slows
 * both sides of a quotient.
 */
export const pairedRatios = (a, b) => a.map((value, i) => value / b[i]);

/** Orders of `count` contenders: one way and back again, so that nobody always follows the same neighbour. */
export function roundOrder(count, round) {
  const order = Array.from({ length: count }, (_, i) => i);
  return round % 2 ? order.reverse() : order;
}

/** Whether a ratio reaches its floor; undefined where there is no floor. */
export const verdict = ({ ratio, floor }) => (floor === undefined ? undefined : ratio.median >= floor);
