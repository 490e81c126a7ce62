import { zeros } from "../tensor/tensor.ts";
import { reshape } from "./layout.ts";
import { apply, constant, type Op, type Value } from "./value.ts";

const gatherOp: Op = {
  type: "Gather",
  infer: ([x, indices]) => ({ dtype: x!.dtype, shape: [...indices!.shape, ...x!.shape.slice(1)] }),
  // Rows taken several times add up: dx = 0 everywhere, plus g at the rows taken.
  gradient: (g, { inputs: [x, indices] }) => {
    const flat = reshape(indices!, [indices!.shape.reduce((a, b) => a * b, 1), 1]);
    const rows = reshape(g, [flat.shape[0]!, ...x!.shape.slice(1)]);
    return [scatterAdd(x!.shape, flat, rows), undefined];
  },
};

const scatterNdOp: Op = {
  type: "ScatterND",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  gradient: "it is itself the gradient of Gather; second derivatives are not needed",
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

/** Zeros of a shape with rows added at indices [I, 1]. */
export const scatterAdd = (shape: readonly number[], indices: Value, rows: Value): Value =>
  apply(scatterNdOp, [constant(zeros(shape)), indices, rows], { reduction: "add" });

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
