import type { Random } from "../tensor/random.ts";

const logSqrt2Pi = 0.9189385332046728;

/** Distribution function of the standard normal. @see Marsaglia 2004, "Evaluating the normal distribution", cPhi */
export function normalCdf(x: number): number {
  if (Math.abs(x) > 8) return x < 0 ? 0 : 1;
  let term = x;
  let sum = x;
  for (let previous = 0, i = 3; sum !== previous; i += 2) {
    previous = sum;
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x - logSqrt2Pi);
}

// Coefficients of P. J. Acklam 2003, "An algorithm for computing the inverse normal cumulative distribution function".
const a = [
  -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239,
] as const;
const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572] as const;
const c = [
  -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
] as const;
const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416] as const;

function tail(p: number): number {
  const q = Math.sqrt(-2 * Math.log(p));
  const top = ((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5];
  return top / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
}

/**
 * Quantile of the standard normal, sqrt(2) erfinv(2 p - 1), for p in [0, 1]: relative error below 1.2e-9, finer than
 * float32; infinite at the ends.
 */
export function normalQuantile(p: number): number {
  if (p <= 0) return Number.NEGATIVE_INFINITY;
  if (p >= 1) return Number.POSITIVE_INFINITY;
  if (p < 0.02425) return tail(p);
  if (p > 1 - 0.02425) return -tail(1 - p);
  const q = p - 0.5;
  const r = q * q;
  const top = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q;
  return top / (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

/**
 * Fills `out` from a normal distribution of mean 0 and standard deviation `std`, restricted to [-bound, bound]
 * (absolute, not in units of `std`), by inverting its distribution function.
 * @see timm trunc_normal_: u ~ U(Phi(-bound / std), Phi(bound / std)), then the quantile, then a clamp
 */
export function fillTruncatedNormal(out: Float32Array, std: number, bound: number, random: Random): void {
  const low = normalCdf(-bound / std);
  const high = 1 - low;
  const edge = Math.fround(bound) > bound ? bound * (1 - 2 ** -24) : bound; // so that float32 rounding stays inside
  for (let i = 0; i < out.length; i++) {
    const value = std * normalQuantile(random.uniform(low, high));
    out[i] = Math.min(Math.max(value, -edge), edge);
  }
}
