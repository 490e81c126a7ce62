import { mul } from "./elementwise.ts";
import { expand, reshape } from "./layout.ts";
import { dimProduct, normalizeAxis, padRank, sameDims } from "./shape.ts";
import { apply, integers, integersOf, type Op, type Shape, scalar, type Type, type Value } from "./value.ts";

function inferReduce(type: string) {
  return ([x, axes]: readonly Value[], { keepdims }: Readonly<Record<string, unknown>>): Type => {
    const reduced = new Set(integersOf(axes!).map((axis) => normalizeAxis(type, axis, x!.shape.length)));
    const kept = x!.shape.map((d, i) => (reduced.has(i) ? 1 : d));
    return { dtype: x!.dtype, shape: keepdims ? kept : kept.filter((_, i) => !reduced.has(i)) };
  };
}

/** A gradient of the reduced shape spread over the shape before the reduction. */
function spread(g: Value, x: Value, axes: Value): Value {
  const reduced = integersOf(axes);
  return expand(
    reshape(
      g,
      x.shape.map((d, i) => (reduced.includes(i) ? 1 : d)),
    ),
    x.shape,
  );
}

const reduceSumOp: Op = {
  type: "ReduceSum",
  infer: inferReduce("ReduceSum"),
  gradient: (g, { inputs: [x, axes] }) => [spread(g, x!, axes!), undefined],
};

const reduceMeanOp: Op = {
  type: "ReduceMean",
  infer: inferReduce("ReduceMean"),
  gradient: (g, { inputs: [x, axes] }) => {
    const count = dimProduct(integersOf(axes!).map((axis) => x!.shape[axis]!));
    return [spread(mul(g, scalar(1 / count)), x!, axes!), undefined];
  },
};

const reduceMaxOp: Op = {
  type: "ReduceMax",
  infer: inferReduce("ReduceMax"),
  gradient: "not needed: used for numerical stability and metrics only",
};

const reducer = (op: Op) => (x: Value, axes: readonly number[], keepDims: boolean) =>
  apply(op, [x, integers(axes.map((axis) => normalizeAxis(op.type, axis, x.shape.length)))], {
    keepdims: keepDims ? 1 : 0,
  });

/** Sum over axes. */
export const reduceSum: (x: Value, axes: readonly number[], keepDims: boolean) => Value = reducer(reduceSumOp);
/** Mean over axes. */
export const reduceMean: (x: Value, axes: readonly number[], keepDims: boolean) => Value = reducer(reduceMeanOp);
/** Maximum over axes. */
export const reduceMax: (x: Value, axes: readonly number[], keepDims: boolean) => Value = reducer(reduceMaxOp);

/** Sums a gradient over the axes along which a value of the given shape was broadcast. */
export function unbroadcast(g: Value, shape: Shape): Value {
  if (sameDims(g.shape, shape)) return g;
  const padded = padRank(shape, g.shape.length);
  const axes = g.shape.flatMap((d, i) => (padded[i] === 1 && d !== 1 ? [i] : []));
  return reshape(axes.length ? reduceSum(g, axes, true) : g, shape);
}

/** The ops of this file. */
export const reduceOps = { ReduceSum: reduceSumOp, ReduceMean: reduceMeanOp, ReduceMax: reduceMaxOp } as const;
