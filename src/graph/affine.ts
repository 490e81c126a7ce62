import { add, mul } from "./elementwise.ts";
import { reshape, slice, transpose } from "./layout.ts";
import { dimProduct, padRank, sameDims } from "./shape.ts";
import { applyAll, integersOf, type Node, type Value } from "./value.ts";

/** A value seen as core · scale + shift, where scale and shift do not depend on the batch. */
export interface Affine {
  readonly core: Value;
  readonly scale?: Value;
  readonly shift?: Value;
}

/** A broadcast operand after the axes of the value it joins were reordered. */
const transposeOperand = (operand: Value, rank: number, permutation: readonly number[]) =>
  transpose(reshape(operand, padRank(operand.shape, rank)), permutation);

/** A broadcast operand after the value it joins was reshaped; undefined when it varies along axes that were mixed. */
function reshapeOperand(operand: Value, from: readonly number[], to: readonly number[]): Value | undefined {
  const padded = padRank(operand.shape, from.length);
  const first = padded.findIndex((d) => d !== 1);
  if (first < 0) return reshape(operand, []);
  const tail = dimProduct(padded.slice(first));
  if (tail !== dimProduct(from.slice(first))) return undefined;
  for (let start = to.length - 1; start >= 0; start--) {
    if (dimProduct(to.slice(start)) === tail) return reshape(operand, to.slice(start));
  }
  return undefined;
}

function sliceOperand(operand: Value, node: Node): Value {
  const rank = node.inputs[0]!.shape.length;
  const [start, end, axis] = [1, 2, 3].map((i) => integersOf(node.inputs[i]!)[0]!) as [number, number, number];
  const padded = reshape(operand, padRank(operand.shape, rank));
  return padded.shape[axis] === 1 ? operand : slice(padded, axis, start, end);
}

function moveOperand(operand: Value, node: Node): Value | undefined {
  const [x] = node.inputs;
  switch (node.op.type) {
    case "Reshape":
      return reshapeOperand(operand, x!.shape, node.outputs[0]!.shape);
    case "Transpose":
      return transposeOperand(operand, x!.shape.length, node.attributes.perm as readonly number[]);
    case "Slice":
      return sliceOperand(operand, node);
    default:
      return undefined;
  }
}

/** The operand that depends on the batch, and the other one; undefined unless there is one of each. */
function sides({ op, inputs }: Node, isBatch: (value: Value) => boolean): { x: Value; operand: Value } | undefined {
  if (op.type !== "Add" && op.type !== "Mul") return undefined;
  const [a, b] = inputs as [Value, Value];
  if (isBatch(a) === isBatch(b)) return undefined;
  return isBatch(a) ? { x: a, operand: b } : { x: b, operand: a };
}

/** What lies below the last operation of a value that can be peeled off; undefined at the core. */
function below(value: Value, isBatch: (value: Value) => boolean): Value | undefined {
  const { node } = value;
  if (["Reshape", "Transpose", "Slice"].includes(node.op.type)) return node.inputs[0];
  const x = sides(node, isBatch)?.x;
  return x && sameDims(x.shape, value.shape) ? x : undefined; // else x itself is broadcast
}

function throughLayout(inner: Affine, node: Node): Affine | undefined {
  const scale = inner.scale && moveOperand(inner.scale, node);
  const shift = inner.shift && moveOperand(inner.shift, node);
  if ((inner.scale && !scale) || (inner.shift && !shift)) return undefined;
  const core = applyAll(node.op, [inner.core, ...node.inputs.slice(1)], node.attributes)[0]!;
  return { core, ...(scale ? { scale } : {}), ...(shift ? { shift } : {}) };
}

function withOperand(inner: Affine, type: string, operand: Value): Affine {
  if (type === "Add") return { ...inner, shift: inner.shift ? add(inner.shift, operand) : operand };
  return {
    core: inner.core,
    scale: inner.scale ? mul(inner.scale, operand) : operand,
    ...(inner.shift ? { shift: mul(inner.shift, operand) } : {}),
  };
}

/**
 * Peels factors and terms that do not depend on the batch off a value, looking through Reshape, Transpose and Slice
 * (which are applied to the core and, as far as they broadcast, to scale and shift). Undefined when there are none.
 */
export function peelAffine(value: Value, isBatch: (value: Value) => boolean): Affine | undefined {
  const path: Node[] = [];
  for (let at: Value | undefined = value, next = below(at, isBatch); next; next = below(at, isBatch)) {
    path.push(at.node);
    at = next;
  }
  let affine: Affine | undefined;
  for (const node of path.reverse()) {
    const split = sides(node, isBatch);
    if (split) affine = withOperand(affine ?? { core: split.x }, node.op.type, split.operand);
    else affine = affine && throughLayout(affine, node);
  }
  return affine;
}

/** An operand that varies along the last axis only, as a vector [width] or scalar []; undefined when it varies elsewhere. */
export function lastAxisOnly(operand: Value, width: number): Value | undefined {
  if (dimProduct(operand.shape) === 1) return reshape(operand, []);
  return operand.shape.at(-1) === width && dimProduct(operand.shape) === width ? reshape(operand, [width]) : undefined;
}
