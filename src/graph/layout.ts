import { unbroadcast } from "./reduce.ts";
import { broadcastShapes, dimProduct, invertPermutation, normalizeAxis, sameDims } from "./shape.ts";
import { apply, integers, integersOf, type Op, type Shape, scalar, type Value } from "./value.ts";

const reshapeOp: Op = {
  type: "Reshape",
  infer: ([x, target]) => {
    const shape = integersOf(target!);
    if (dimProduct(x!.shape) !== dimProduct(shape)) {
      throw new RangeError(`Reshape: [${x!.shape}] has not as many elements as [${shape}]`);
    }
    return { dtype: x!.dtype, shape };
  },
  gradient: (g, { inputs: [x] }) => [reshape(g, x!.shape), undefined],
};

const transposeOp: Op = {
  type: "Transpose",
  infer: ([x], { perm }) => {
    const axes = perm as readonly number[];
    if (axes.length !== x!.shape.length) {
      throw new RangeError(`Transpose: permutation [${axes}] does not fit shape [${x!.shape}]`);
    }
    return { dtype: x!.dtype, shape: axes.map((axis) => x!.shape[axis]!) };
  },
  gradient: (g, { attributes: { perm } }) => [transpose(g, invertPermutation(perm as readonly number[]))],
};

const shapeOp: Op = {
  type: "Shape",
  infer: (_, { start, end }) => ({ dtype: "int64", shape: [(end as number) - (start as number)] }),
  gradient: "its output is a shape",
};

/** Dimensions that a target stands for: a constant, or some of a value's own, which may be the symbolic batch. */
function dimsOf(target: Value): Shape {
  const { op, inputs, attributes } = target.node;
  if (op !== shapeOp) return integersOf(target);
  return inputs[0]!.shape.slice(attributes.start as number, attributes.end as number);
}

const expandOp: Op = {
  type: "Expand",
  infer: ([x, target]) => ({ dtype: x!.dtype, shape: broadcastShapes("Expand", x!.shape, dimsOf(target!)) }),
  gradient: (g, { inputs: [x] }) => [unbroadcast(g, x!.shape), undefined],
};

const concatOp: Op = {
  type: "Concat",
  infer: (inputs, { axis }) => {
    const at = axis as number;
    const [first] = inputs;
    for (const { shape } of inputs) {
      if (shape.length !== first!.shape.length || shape.some((d, i) => i !== at && d !== first!.shape[i])) {
        throw new RangeError(`Concat: shapes [${first!.shape}] and [${shape}] differ off axis ${at}`);
      }
    }
    const total = inputs.reduce((sum, { shape }) => sum + shape[at]!, 0);
    return { dtype: first!.dtype, shape: first!.shape.map((d, i) => (i === at ? total : d)) };
  },
  gradient: (g, { inputs, attributes: { axis } }) => {
    let start = 0;
    return inputs.map((x) => {
      const size = x.shape[axis as number]!;
      start += size;
      return slice(g, axis as number, start - size, start);
    });
  },
};

const sliceOp: Op = {
  type: "Slice",
  infer: ([x, starts, ends, axes]) => {
    const [start, end, axis] = [integersOf(starts!)[0]!, integersOf(ends!)[0]!, integersOf(axes!)[0]!];
    if (start < 0 || end <= start || end > x!.shape[axis]!) {
      throw new RangeError(`Slice: ${start} to ${end} is outside axis ${axis} of [${x!.shape}]`);
    }
    return { dtype: x!.dtype, shape: x!.shape.map((d, i) => (i === axis ? end - start : d)) };
  },
  gradient: (g, { inputs: [x, starts, ends, axes] }) => {
    const [start, end, axis] = [integersOf(starts!)[0]!, integersOf(ends!)[0]!, integersOf(axes!)[0]!];
    return [pad(g, axis, start, x!.shape[axis]! - end)];
  },
};

const padOp: Op = {
  type: "Pad",
  infer: ([x, pads]) => {
    const amounts = integersOf(pads!);
    const rank = x!.shape.length;
    return { dtype: x!.dtype, shape: x!.shape.map((d, i) => d + amounts[i]! + amounts[rank + i]!) };
  },
  gradient: (g, { inputs: [x, pads] }) => {
    const amounts = integersOf(pads!);
    let out = g;
    for (const [axis, size] of x!.shape.entries()) {
      if (out.shape[axis] !== size) out = slice(out, axis, amounts[axis]!, amounts[axis]! + size);
    }
    return [out];
  },
};

/** x with the same elements in another shape. */
export function reshape(x: Value, shape: Shape): Value {
  return sameDims(x.shape, shape) ? x : apply(reshapeOp, [x, integers(shape)]);
}

/** x with axes reordered: output axis i is input axis `permutation[i]`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  return permutation.every((from, to) => from === to) ? x : apply(transposeOp, [x], { perm: permutation });
}

/** x broadcast to a shape (without symbolic batch). */
export function expand(x: Value, shape: Shape): Value {
  return sameDims(x.shape, shape) ? x : apply(expandOp, [x, integers(shape)]);
}

/** Ones, as many as x has along its first axis, [n]; n may hold the symbolic batch. */
export const onesAlong = (x: Value): Value => apply(expandOp, [scalar(1), apply(shapeOp, [x], { start: 0, end: 1 })]);

/** Values joined along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  return apply(concatOp, values, { axis: normalizeAxis("Concat", axis, values[0]!.shape.length) });
}

/** x from `start` (inclusive) to `end` (exclusive) along one axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = normalizeAxis("Slice", axis, x.shape.length);
  if (start === 0 && end === x.shape[at]) return x;
  return apply(sliceOp, [x, integers([start]), integers([end]), integers([at])]);
}

/** x with `before` and `after` zeros along one axis. */
export function pad(x: Value, axis: number, before: number, after: number): Value {
  const at = normalizeAxis("Pad", axis, x.shape.length);
  if (before === 0 && after === 0) return x;
  const amounts = new Array<number>(2 * x.shape.length).fill(0);
  amounts[at] = before;
  amounts[x.shape.length + at] = after;
  return apply(padOp, [x, integers(amounts), scalar(0)]);
}

/** The ops of this file. */
export const layoutOps = {
  Reshape: reshapeOp,
  Transpose: transposeOp,
  Shape: shapeOp,
  Expand: expandOp,
  Concat: concatOp,
  Slice: sliceOp,
  Pad: padOp,
} as const;
