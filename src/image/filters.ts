/** Resampling filters by Pillow's names. */
export type Filter = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** A filter that weighs neighbours; `nearest` only picks one. */
export type WeightedFilter = Exclude<Filter, "nearest">;

/** A filter's kernel: zero outside `[-support, support]`, in units of source pixels (of target pixels when shrinking). */
export interface Kernel {
  readonly support: number;
  weight(x: number): number;
}

const CUBIC_A = -0.5; // Pillow Resample.c, bicubic_filter
const HAMMING_BASE = Math.fround(0.54); // Pillow Resample.c, hamming_filter: float32 constants in a float64 formula
const HAMMING_COSINE = Math.fround(0.46);

function sinc(x: number): number {
  if (x === 0) return 1;
  const t = x * Math.PI;
  return Math.sin(t) / t;
}

function triangle(x: number): number {
  const d = Math.abs(x);
  return d < 1 ? 1 - d : 0;
}

function hamming(x: number): number {
  const d = Math.abs(x);
  if (d === 0) return 1;
  if (d >= 1) return 0;
  const t = d * Math.PI;
  return (Math.sin(t) / t) * (HAMMING_BASE + HAMMING_COSINE * Math.cos(t));
}

function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((CUBIC_A + 2) * d - (CUBIC_A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * CUBIC_A;
  return 0;
}

/** The kernels of Pillow. @see Pillow 9.4 `src/libImaging/Resample.c`: same expressions in the same order of operations */
export const kernels: Record<WeightedFilter, Kernel> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: triangle },
  hamming: { support: 1, weight: hamming },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};
