import { int64, zeros } from "../tensor/tensor.ts";
import { add } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import { dimProduct } from "./shape.ts";
import { apply, constant, type Op, type Value } from "./value.ts";

const gatherOp: Op = {
  type: "Gather",
  infer: ([x, indices]) => ({ dtype: x!.dtype, shape: [...indices!.shape, ...x!.shape.slice(1)] }),
  // Rows taken several times add up: dx = 0 everywhere, plus g at the rows taken.
  gradient: (g, { inputs: [x, indices] }) => {
    const flat = reshape(indices!, [dimProduct(indices!.shape)]);
    const rows = reshape(g, [flat.shape[0]!, ...x!.shape.slice(1)]);
    return [addRows(constant(zeros(x!.shape)), flat, rows), undefined];
  },
};

const scatterNdOp: Op = {
  type: "ScatterND",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  gradient: (g, { inputs: [, indices] }) => [g, undefined, gather(g, reshape(indices!, [indices!.shape[0]!]))],
};

const gatherElementsOp: Op = {
  type: "GatherElements",
  infer: ([x, indices]) => ({ dtype: x!.dtype, shape: indices!.shape }),
  gradient: (g, { inputs: [x, indices], attributes: { axis } }) => [
    apply(scatterElementsOp, [constant(zeros(x!.shape)), indices!, g], { axis: axis as number, reduction: "add" }),
    undefined,
  ],
};

const scatterElementsOp: Op = {
  type: "ScatterElements",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  gradient: "it is itself the gradient of GatherElements; second derivatives are not needed",
};

const argMaxOp: Op = {
  type: "ArgMax",
  infer: ([x]) => ({ dtype: "int64", shape: x!.shape.slice(0, -1) }),
  gradient: "its output is an index",
};

/** Rows of x (axis 0) at int64 indices: [R, ...] at [I...] → [I..., ...]. */
export const gather = (x: Value, indices: Value): Value => apply(gatherOp, [x, indices], { axis: 0 });

/** x [R, ...] with rows [I, ...] added at int64 indices [I]. */
export const addRows = (x: Value, indices: Value, rows: Value): Value =>
  apply(scatterNdOp, [x, reshape(indices, [indices.shape[0]!, 1]), rows], { reduction: "add" });

/** Axes of x up to a counted one as rows: [..., B, D...] as [..B, D...], and the rows of some of the B samples. */
function sampleRows(x: Value, axis: number, samples: Value): { flat: Value; rows: Value } {
  const [outer, count] = [dimProduct(x.shape.slice(0, axis)), x.shape[axis]!];
  const flat = reshape(x, [outer * count, ...x.shape.slice(axis + 1)]);
  const starts = int64(
    Array.from({ length: outer }, (_, i) => i * count),
    [outer, 1],
  );
  return { flat, rows: reshape(add(constant(starts), samples), [outer * samples.shape[0]!]) };
}

/** Some samples of x, int64 [k] of the B along an axis: [..., B, ...] → [..., k, ...]. */
export function takeSamples(x: Value, axis: number, samples: Value): Value {
  const { flat, rows } = sampleRows(x, axis, samples);
  return reshape(gather(flat, rows), x.shape.with(axis, samples.shape[0]!));
}

/** x [..., B, ...] with y [..., k, ...] added at the samples int64 [k], each at most once, of an axis. */
export function addSamples(x: Value, axis: number, samples: Value, y: Value): Value {
  const { flat, rows } = sampleRows(x, axis, samples);
  return reshape(addRows(flat, rows, reshape(y, [rows.shape[0]!, ...flat.shape.slice(1)])), x.shape);
}

/** Elements of x along the last axis: [..., K] at int64 [..., k] → [..., k]. */
export const gatherElements = (x: Value, indices: Value): Value =>
  apply(gatherElementsOp, [x, indices], { axis: x.shape.length - 1 });

/** Index of the (first) maximum over the last axis, int64. */
export const argMax = (x: Value): Value => apply(argMaxOp, [x], { axis: -1, keepdims: 0 });

/** The ops of this file. */
export const indexingOps = {
  Gather: gatherOp,
  ScatterND: scatterNdOp,
  GatherElements: gatherElementsOp,
  ScatterElements: scatterElementsOp,
  ArgMax: argMaxOp,
} as const;
