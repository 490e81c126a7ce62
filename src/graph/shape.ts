import type { Shape } from "./value.ts";

/** Product of dimensions; negative when it holds the symbolic batch. @throws RangeError when it holds it twice. */
export function dimProduct(dims: Shape): number {
  if (dims.filter((d) => d < 0).length > 1) throw new RangeError(`shape [${dims}]: the symbolic batch appears twice`);
  return dims.reduce((a, b) => a * b, 1);
}

/** NumPy's broadcast of two shapes. @throws RangeError naming the op and both shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`${op}: shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** An axis counted from the front. @throws RangeError when it is outside the rank. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank) throw new RangeError(`${op}: axis ${axis} is outside rank ${rank}`);
  return positive;
}

/** The permutation that undoes another. */
export function invertPermutation(permutation: readonly number[]): number[] {
  const inverse: number[] = new Array(permutation.length);
  for (const [to, from] of permutation.entries()) inverse[from] = to;
  return inverse;
}

/** Whether two shapes are equal, a symbolic batch in the same places and multiples. */
export const sameDims = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Shape with leading 1s up to a rank. */
export const padRank = (shape: Shape, rank: number): number[] => [
  ...new Array<number>(Math.max(0, rank - shape.length)).fill(1),
  ...shape,
];
