/** The largest eigenvalues of a symmetric matrix, descending, and their unit eigenvectors. */
export interface Eigen {
  readonly values: Float64Array;
  /** One vector a row. */
  readonly vectors: readonly Float64Array[];
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** `below[i]` couples i and i + 1; the last is 0. */
  readonly below: Float64Array;
  /** Reflection k is I - v v^T with v zero up to k. */
  readonly reflections: readonly Float64Array[];
}

/** Sum of products of two rows from index `from` on. */
export function dot(x: Float64Array, y: Float64Array, from = 0): number {
  let sum = 0;
  for (let i = from; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** The v of norm sqrt(2) whose reflection I - v v^T takes `row` beyond k to a multiple of unit vector k + 1. */
function reflector(row: Float64Array, k: number): Float64Array {
  const v = new Float64Array(row.length);
  const norm = Math.sqrt(dot(row, row, k + 1));
  if (norm === 0) return v;
  v.set(row.subarray(k + 1), k + 1);
  v[k + 1]! += row[k + 1]! < 0 ? -norm : norm;
  const scale = Math.sqrt(2 / dot(v, v, k + 1));
  for (let i = k + 1; i < v.length; i++) v[i]! *= scale;
  return v;
}

/*
 * Householder: with H = I - v v^T, H A H = A - v w^T - w v^T for w = A v - (v^T A v / 2) v.
 */
function tridiagonalize(matrix: readonly Float64Array[]): Tridiagonal {
  const n = matrix.length;
  const rows = matrix.map((row) => Float64Array.from(row));
  const reflections: Float64Array[] = [];
  for (let k = 0; k < n - 2; k++) {
    const v = reflector(rows[k]!, k);
    const w = new Float64Array(n);
    for (let i = k; i < n; i++) w[i] = dot(rows[i]!, v, k + 1);
    const half = dot(v, w, k + 1) / 2;
    for (let i = k + 1; i < n; i++) w[i]! -= half * v[i]!;
    for (let i = k; i < n; i++) {
      const [row, vi, wi] = [rows[i]!, v[i]!, w[i]!];
      for (let j = k; j < n; j++) row[j]! -= vi * w[j]! + wi * v[j]!;
    }
    reflections.push(v);
  }
  const diagonal = Float64Array.from(rows, (row, i) => row[i]!);
  const below = Float64Array.from(rows, (row, i) => (i + 1 < n ? row[i + 1]! : 0));
  return { diagonal, below, reflections };
}

function rotate(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let k = 0; k < x.length; k++) {
    const [xk, yk] = [x[k]!, y[k]!];
    x[k] = cosine * xk - sine * yk;
    y[k] = sine * xk + cosine * yk;
  }
}

/** First index from `from` whose coupling to the next is negligible. */
function blockEnd(d: Float64Array, e: Float64Array, from: number): number {
  let m = from;
  while (m < d.length - 1 && Math.abs(e[m]!) > 2 ** -52 * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
  return m;
}

/** Diagonalises in place by QL steps with implicit shifts; returns the eigenvectors as rows. @see EISPACK tql2 */
function diagonalize(d: Float64Array, e: Float64Array): Float64Array[] {
  const n = d.length;
  const vectors = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n);
    row[i] = 1;
    return row;
  });
  for (let l = 0; l < n; l++) {
    for (let m = blockEnd(d, e, l); m !== l; m = blockEnd(d, e, l)) {
      const slope = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      const root = Math.sqrt(slope * slope + 1);
      let g = d[m]! - d[l]! + e[l]! / (slope < 0 ? slope - root : slope + root);
      let [sine, cosine, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const [f, b] = [sine * e[i]!, cosine * e[i]!];
        const r = Math.sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r === 0) break;
        sine = f / r;
        cosine = g / r;
        const before = d[i + 1]! - p;
        const mixed = (d[i]! - before) * sine + 2 * cosine * b;
        p = sine * mixed;
        d[i + 1] = before + p;
        g = cosine * mixed - b;
        rotate(vectors[i]!, vectors[i + 1]!, cosine, sine);
      }
      if (i >= l) d[i + 1]! -= p;
      else [d[l], e[l]] = [d[l]! - p, g];
      e[m] = 0;
    }
  }
  return vectors;
}

/** The `count` largest eigenvalues of a symmetric matrix, given as rows, and their eigenvectors. */
export function symmetricEigen(matrix: readonly Float64Array[], count: number = matrix.length): Eigen {
  const { diagonal, below, reflections } = tridiagonalize(matrix);
  const vectors = diagonalize(diagonal, below);
  const order = vectors.map((_, i) => i).sort((i, j) => diagonal[j]! - diagonal[i]!);
  const largest = order.slice(0, count);
  for (const i of largest) {
    for (let k = reflections.length - 1; k >= 0; k--) {
      const [v, z] = [reflections[k]!, vectors[i]!];
      const along = dot(v, z, k + 1);
      for (let j = k + 1; j < z.length; j++) z[j]! -= along * v[j]!;
    }
  }
  return {
    values: Float64Array.from(largest, (i) => diagonal[i]!),
    vectors: largest.map((i) => vectors[i]!),
  };
}
