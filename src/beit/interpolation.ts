import { BeitError } from "../platform/errors.ts";

/**
 * Interpolation along one axis as a matrix: row i holds the weights that make output i from the inputs. Every scheme
 * here is linear in the values and separable, so two of these describe a resize of a grid.
 */
export type AxisWeights = readonly Float64Array[];

const clamp = (i: number, n: number) => Math.min(Math.max(i, 0), n - 1);

function rows(target: number, source: number, fill: (row: Float64Array, i: number) => void): AxisWeights {
  return Array.from({ length: target }, (_, i) => {
    const row = new Float64Array(source);
    fill(row, i);
    return row;
  });
}

/** torch's `mode="bilinear", align_corners=False` along one axis. */
export function linearWeights(source: number, target: number): AxisWeights {
  return rows(target, source, (row, i) => {
    const position = Math.max(((i + 0.5) * source) / target - 0.5, 0);
    const left = Math.floor(position);
    row[clamp(left, source)]! += 1 - (position - left);
    row[clamp(left + 1, source)]! += position - left;
  });
}

/** Keys' cubic kernel; a = -0.75 in torch's plain bicubic, -0.5 in Pillow and torch's antialiased one. */
function cubicKernel(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** torch's `mode="bicubic", align_corners=False` along one axis: four taps, clamped to the edge, no antialiasing. */
export function cubicWeights(source: number, target: number): AxisWeights {
  return rows(target, source, (row, i) => {
    const position = ((i + 0.5) * source) / target - 0.5;
    const left = Math.floor(position);
    for (let tap = left - 1; tap <= left + 2; tap++) row[clamp(tap, source)]! += cubicKernel(position - tap, -0.75);
  });
}

/** torch's `mode="bicubic", antialias=True` along one axis: the kernel widens when shrinking and is renormalised. */
export function antialiasedCubicWeights(source: number, target: number): AxisWeights {
  const widening = Math.max(source / target, 1);
  return rows(target, source, (row, i) => {
    const centre = ((i + 0.5) * source) / target;
    const from = Math.max(Math.trunc(centre - 2 * widening + 0.5), 0);
    const to = Math.min(Math.trunc(centre + 2 * widening + 0.5), source);
    for (let tap = from; tap < to; tap++) row[tap] = cubicKernel((tap + 0.5 - centre) / widening, -0.5);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let tap = from; tap < to; tap++) row[tap]! /= sum;
  });
}

/** Straight lines between values at increasing `positions`, constant outside. */
export function piecewiseLinearWeights(positions: readonly number[], targets: readonly number[]): AxisWeights {
  const n = positions.length;
  return rows(targets.length, n, (row, i) => {
    const t = Math.min(Math.max(targets[i]!, positions[0]!), positions[n - 1]!);
    const right = clamp(
      positions.findIndex((p) => p >= t),
      n,
    );
    const left = clamp(right - 1, n);
    const share = right === left ? 1 : (t - positions[left]!) / (positions[right]! - positions[left]!);
    row[left]! += 1 - share;
    row[right]! += share;
  });
}

/** Cubic B-splines over `knots` at `x`, by the Cox–de Boor recurrence; x at the last knot belongs to the last spline. */
function splineBasis(knots: readonly number[], x: number): Float64Array {
  const n = knots.length - 4;
  let span = 3;
  while (span < n - 1 && x >= knots[span + 1]!) span++;
  const basis = new Float64Array(n);
  basis[span] = 1;
  for (let degree = 1; degree <= 3; degree++) {
    for (let i = span - degree; i <= span; i++) {
      const before = knots[i + degree]! - knots[i]!;
      const after = knots[i + degree + 1]! - knots[i + 1]!;
      const rising = i >= span - degree + 1 && before > 0 ? ((x - knots[i]!) / before) * basis[i]! : 0;
      const falling = i < span && after > 0 ? ((knots[i + degree + 1]! - x) / after) * basis[i + 1]! : 0;
      basis[i] = rising + falling;
    }
  }
  return basis;
}

/** Solves `a x = b` for several right-hand sides by elimination with row exchanges; both arguments are consumed. */
function solve(a: Float64Array[], b: Float64Array[]): void {
  const n = a.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let r = column + 1; r < n; r++) if (Math.abs(a[r]![column]!) > Math.abs(a[pivot]![column]!)) pivot = r;
    [a[column], a[pivot]] = [a[pivot]!, a[column]!];
    [b[column], b[pivot]] = [b[pivot]!, b[column]!];
    for (let r = 0; r < n; r++) {
      const factor = a[r]![column]! / a[column]![column]!;
      if (r === column || factor === 0) continue;
      for (let c = column; c < n; c++) a[r]![c]! -= factor * a[column]![c]!;
      for (let c = 0; c < b[r]!.length; c++) b[r]![c]! -= factor * b[column]![c]!;
    }
  }
  for (let r = 0; r < n; r++) for (let c = 0; c < b[r]!.length; c++) b[r]![c]! /= a[r]![r]!;
}

/**
 * The cubic spline through values at increasing `positions` with not-a-knot ends, constant outside: what FITPACK's
 * regrid gives along one axis with s = 0, hence `scipy.interpolate.interp2d(kind="cubic")` on a grid.
 *
 * With C[i, j] = B_j(position i) the coefficients are C^-1 y, so the weights at t are B(t) C^-1: the columns solve
 * C^T w = B(t).
 * @throws BeitError `beit/table-too-small` for fewer than 4 positions
 */
export function splineWeights(positions: readonly number[], targets: readonly number[]): AxisWeights {
  const n = positions.length;
  if (n < 4) {
    const patches = (cells: number) => Math.ceil((cells + 1) / 2);
    const message = `a position table of ${patches(n)} patches a side cannot be resized: expected at least 4 cells along each axis (${patches(4)} patches), got ${n}`;
    throw new BeitError("beit/table-too-small", message);
  }
  const [first, last] = [positions[0]!, positions[n - 1]!];
  const knots = [first, first, first, first, ...positions.slice(2, n - 2), last, last, last, last];
  const collocation = positions.map((x) => splineBasis(knots, x));
  const wanted = targets.map((t) => splineBasis(knots, Math.min(Math.max(t, first), last)));
  const transpose = (m: readonly Float64Array[]) =>
    Array.from({ length: n }, (_, j) => Float64Array.from(m, (row) => row[j]!));
  const solution = transpose(wanted);
  solve(transpose(collocation), solution);
  return rows(targets.length, n, (row, i) => {
    for (let j = 0; j < n; j++) row[j] = solution[j]![i]!;
  });
}

/**
 * Where the `source` cells of one table axis (odd: 2 W - 1) lie on the axis of the `target` window: 0, ±1, ±(1 + q),
 * ±(1 + q + q²) …, so that near offsets keep their values and far ones spread; q is bisected in [1.01, 1.5] until the
 * outermost cell reaches the target's edge.
 * @see microsoft/unilm beit/run_class_finetuning.py, "interpolate position"
 */
export function geometricPositions(source: number, target: number): number[] {
  const half = Math.floor(source / 2);
  let [low, high, q] = [1.01, 1.5, 1.01];
  while (high - low > 1e-6) {
    q = (low + high) / 2;
    if ((1 - q ** half) / (1 - q) > Math.floor(target / 2)) high = q;
    else low = q;
  }
  const positive: number[] = [];
  for (let i = 0, position = 1; i < half; i++, position += q ** i) positive.push(position);
  return [...positive.map((p) => -p).reverse(), 0, ...positive];
}
