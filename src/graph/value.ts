import type { DType, Tensor } from "../tensor/tensor.ts";

/**
 * Dimensions of a value. A negative dimension -k stands for k times the symbolic batch size, which is known only when
 * the graph runs (ONNX's own convention for an inferred dimension of Reshape).
 */
export type Shape = readonly number[];

/** What is known of a value before it is computed. */
export interface Type {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** An attribute of a node; whether a number is written as float or int is the op's business. */
export type Attribute = number | string | readonly number[] | Tensor;

/** The gradient rule of an op: from the gradient of its first output to those of its inputs (absent: none needed). */
export type GradientRule = (gradient: Value, node: Node) => readonly (Value | undefined)[];

/** One ONNX operator: its name, its type rule and its gradient rule. */
export interface Op {
  /** ONNX's operator name. */
  readonly type: string;
  /** Operator domain; the standard one when absent. */
  readonly domain?: string;
  /** Attributes that ONNX types as float. */
  readonly floats?: readonly string[];
  /** Output types from input types. @throws TypeError or RangeError naming the op and the shapes. */
  readonly infer: (inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>>) => Type | readonly Type[];
  /** The gradient rule, or in words why there is none. */
  readonly gradient: GradientRule | string;
}

/** One application of an op. */
export interface Node {
  readonly op: Op;
  readonly inputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outputs: readonly Value[];
}

/** A symbolic tensor: an output of a node. Values are compared by identity. */
export interface Value extends Type {
  readonly node: Node;
  readonly index: number;
}

/** Applies an op and returns all its outputs. */
export function applyAll(
  op: Op,
  inputs: readonly Value[],
  attributes: Readonly<Record<string, Attribute>> = {},
): readonly Value[] {
  const types = op.infer(inputs, attributes);
  const outputs: Value[] = [];
  const node: Node = { op, inputs, attributes, outputs };
  for (const [index, type] of (Array.isArray(types) ? (types as readonly Type[]) : [types as Type]).entries()) {
    outputs.push({ node, index, dtype: type.dtype, shape: type.shape });
  }
  return outputs;
}

/** Applies an op and returns its first output. */
export function apply(op: Op, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
  return applyAll(op, inputs, attributes)[0]!;
}

/**
 * The role of a graph input: `parameter` is constant within a step, `batch` changes with every micro-batch. Passes
 * split the graph by this.
 */
export type InputKind = "parameter" | "batch";

const inputOp: Op = {
  type: "Input",
  infer: (_, { dtype, shape }) => ({ dtype: dtype as DType, shape: shape as Shape }),
  gradient: "a graph input has no inputs",
};

const constantOp: Op = {
  type: "Constant",
  infer: (_, { value }) => value as Tensor,
  gradient: "a constant has no inputs",
};

/**
 * A named graph input.
 * @param count name of its symbolic batch, where that is another number than other inputs' batch
 */
export function input(
  name: string,
  shape: Shape,
  kind: InputKind,
  dtype: DType = "float32",
  count: string = "batch",
): Value {
  return apply(inputOp, [], { name, shape, kind, dtype, count });
}

/** A trainable or loaded parameter of the model, float32. */
export const parameter = (name: string, shape: Shape): Value => input(name, shape, "parameter");

/** A tensor known when the graph is built. */
export const constant = (value: Tensor): Value => apply(constantOp, [], { value });

/** A float32 scalar known when the graph is built. */
export const scalar = (value: number): Value => constant({ dtype: "float32", shape: [], data: Float32Array.of(value) });

/** A list of int64 known when the graph is built: shapes, axes, indices. */
export const integers = (values: readonly number[]): Value =>
  constant({ dtype: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) });

/** Whether a value is a graph input, not computed. */
export const isInput = (value: Value): boolean => value.node.op === inputOp;
/** Whether a value is known when the graph is built. */
export const isConstant = (value: Value): boolean => value.node.op === constantOp;

/** Name of a graph input. */
export const inputName = (value: Value): string => value.node.attributes.name as string;

/** Tensor of a constant; undefined for other values. */
export const constantTensor = (value: Value): Tensor | undefined =>
  isConstant(value) ? (value.node.attributes.value as Tensor) : undefined;

/** Integers of a constant (axes, starts …). @throws TypeError when the value is not a constant. */
export function integersOf(value: Value): number[] {
  const tensor = constantTensor(value);
  if (!tensor) throw new TypeError(`integersOf: expected a constant, got an output of ${value.node.op.type}`);
  return Array.from(tensor.data as BigInt64Array, Number);
}

/** Value of a constant float32 with one element; undefined for other values. */
export function scalarOf(value: Value): number | undefined {
  const tensor = constantTensor(value);
  return tensor?.dtype === "float32" && tensor.data.length === 1 ? (tensor.data as Float32Array)[0] : undefined;
}
