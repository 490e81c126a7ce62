import type { DType } from "../tensor/tensor.ts";
import { unbroadcast } from "./reduce.ts";
import { broadcastShapes } from "./shape.ts";
import { apply, type GradientRule, type Op, scalar, type Type, type Value } from "./value.ts";

function inferBinary(type: string, output?: DType) {
  return ([a, b]: readonly Value[]): Type => {
    if (a!.dtype !== b!.dtype) throw new TypeError(`${type}: operands are ${a!.dtype} and ${b!.dtype}`);
    return { dtype: output ?? a!.dtype, shape: broadcastShapes(type, a!.shape, b!.shape) };
  };
}

const binary = (type: string, gradient: GradientRule | string, output?: DType): Op => ({
  type,
  infer: inferBinary(type, output),
  gradient,
});

const unary = (type: string, gradient: GradientRule | string): Op => ({
  type,
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  gradient,
});

const discrete = "its output is piecewise constant";

const addOp = binary("Add", (g, { inputs: [a, b] }) => [unbroadcast(g, a!.shape), unbroadcast(g, b!.shape)]);
const subOp = binary("Sub", (g, { inputs: [a, b] }) => [unbroadcast(g, a!.shape), unbroadcast(neg(g), b!.shape)]);
const mulOp = binary("Mul", (g, { inputs: [a, b] }) => [
  unbroadcast(mul(g, b!), a!.shape),
  unbroadcast(mul(g, a!), b!.shape),
]);
// d(a/b) = da/b - (a/b) db/b
const divOp = binary("Div", (g, { inputs: [a, b], outputs: [y] }) => [
  unbroadcast(div(g, b!), a!.shape),
  unbroadcast(neg(div(mul(g, y!), b!)), b!.shape),
]);
const greaterOp = binary("Greater", discrete, "bool");

const negOp = unary("Neg", (g) => [neg(g)]);
const expOp = unary("Exp", (g, { outputs: [y] }) => [mul(g, y!)]);
const logOp = unary("Log", (g, { inputs: [x] }) => [div(g, x!)]);
const sqrtOp = unary("Sqrt", (g, { outputs: [y] }) => [div(mul(g, scalar(0.5)), y!)]);
const tanhOp = unary("Tanh", (g, { outputs: [y] }) => [mul(g, sub(scalar(1), mul(y!, y!)))]);
const sigmoidOp = unary("Sigmoid", (g, { outputs: [y] }) => [mul(g, mul(y!, sub(scalar(1), y!)))]);
const reluOp = unary("Relu", (g, { inputs: [x] }) => [mul(g, cast(greater(x!, scalar(0)), "float32"))]);
// erf'(x) = 2/sqrt(pi) exp(-x^2) = exp(log(2/sqrt(pi)) - x^2): the constant costs nothing inside the exponential
const erfOp = unary("Erf", (g, { inputs: [x] }) => [
  mul(g, exp(sub(scalar(Math.log(2 / Math.sqrt(Math.PI))), mul(x!, x!)))),
]);

/** ONNX's numbers of dtypes (onnx.proto, TensorProto.DataType). */
export const onnxTypes: Record<DType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};
const dtypeOf = (number: number) => (Object.keys(onnxTypes) as DType[]).find((name) => onnxTypes[name] === number)!;

const castOp: Op = {
  type: "Cast",
  infer: ([x], { to }) => ({ dtype: dtypeOf(to as number), shape: x!.shape }),
  gradient: (g, { inputs: [x] }) => [x!.dtype === "float32" ? cast(g, "float32") : undefined],
};

const whereOp: Op = {
  type: "Where",
  infer: ([condition, a, b]) => ({
    dtype: a!.dtype,
    shape: broadcastShapes("Where", condition!.shape, broadcastShapes("Where", a!.shape, b!.shape)),
  }),
  gradient: (g, { inputs: [condition, a, b] }) => [
    undefined,
    unbroadcast(where(condition!, g, scalar(0)), a!.shape),
    unbroadcast(where(condition!, scalar(0), g), b!.shape),
  ],
};

/** a + b, with broadcasting. */
export const add = (a: Value, b: Value): Value => apply(addOp, [a, b]);
/** a − b, with broadcasting. */
export const sub = (a: Value, b: Value): Value => apply(subOp, [a, b]);
/** a · b element by element, with broadcasting. */
export const mul = (a: Value, b: Value): Value => apply(mulOp, [a, b]);
/** a / b, with broadcasting. */
export const div = (a: Value, b: Value): Value => apply(divOp, [a, b]);
/** a > b as bool, with broadcasting. */
export const greater = (a: Value, b: Value): Value => apply(greaterOp, [a, b]);
/** −x. */
export const neg = (x: Value): Value => apply(negOp, [x]);
/** eˣ. */
export const exp = (x: Value): Value => apply(expOp, [x]);
/** Natural logarithm. */
export const log = (x: Value): Value => apply(logOp, [x]);
/** Square root. */
export const sqrt = (x: Value): Value => apply(sqrtOp, [x]);
/** Hyperbolic tangent. */
export const tanh = (x: Value): Value => apply(tanhOp, [x]);
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (x: Value): Value => apply(sigmoidOp, [x]);
/** max(x, 0). */
export const relu = (x: Value): Value => apply(reluOp, [x]);
/** Gauss error function. */
export const erf = (x: Value): Value => apply(erfOp, [x]);
/** x in another dtype. */
export const cast = (x: Value, to: DType): Value => (x.dtype === to ? x : apply(castOp, [x], { to: onnxTypes[to] }));
/** a where the condition holds, else b, with broadcasting. */
export const where = (condition: Value, a: Value, b: Value): Value => apply(whereOp, [condition, a, b]);

/** The ops of this file. */
export const elementwiseOps = {
  Add: addOp,
  Sub: subOp,
  Mul: mulOp,
  Div: divOp,
  Greater: greaterOp,
  Neg: negOp,
  Exp: expOp,
  Log: logOp,
  Sqrt: sqrtOp,
  Tanh: tanhOp,
  Sigmoid: sigmoidOp,
  Relu: reluOp,
  Erf: erfOp,
  Cast: castOp,
  Where: whereOp,
} as const satisfies Record<string, Op>;
