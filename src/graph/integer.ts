import { apply, applyAll, type Op, type Value } from "./value.ts";

// Products of integers, made by the quantising pass only. A tensor of bytes q with a scale s and a zero point z stands
// for (q − z) s.

const inferenceOnly = "made for inference, by the quantising pass";

/** Bytes round(x / scale) + zero, ties to even, cut off at 0 and 255. */
const quantizeLinearOp: Op = {
  type: "QuantizeLinear",
  infer: ([x, , zero]) => ({ dtype: zero!.dtype, shape: x!.shape }),
  gradient: inferenceOnly,
};

/** The same with the scale and zero point that the values at hand need: outputs are bytes, scale and zero point. */
const dynamicQuantizeLinearOp: Op = {
  type: "DynamicQuantizeLinear",
  infer: ([x]) => [
    { dtype: "uint8", shape: x!.shape },
    { dtype: "float32", shape: [] },
    { dtype: "uint8", shape: [] },
  ],
  gradient: inferenceOnly,
};

/**
 * onnxruntime's product of bytes: (a − za) sa · b sb + bias in float32, summed in int32. b is signed and has one scale a
 * column; its zero point is 0.
 * @see onnxruntime docs/ContribOperators.md, com.microsoft.MatMulIntegerToFloat
 */
const matMulIntegerToFloatOp: Op = {
  type: "MatMulIntegerToFloat",
  domain: "com.microsoft",
  infer: ([a, b, , bScale]) => {
    const [rows, columns] = b!.shape as [number, number];
    if (a!.dtype !== "uint8" || b!.dtype !== "int8") {
      throw new TypeError(`MatMulIntegerToFloat: operands are ${a!.dtype} and ${b!.dtype}, expected uint8 and int8`);
    }
    if (b!.shape.length !== 2 || a!.shape.at(-1) !== rows || bScale!.shape[0] !== columns) {
      throw new RangeError(`MatMulIntegerToFloat: [${a!.shape}] times [${b!.shape}] with scales [${bScale!.shape}]`);
    }
    return { dtype: "float32", shape: [...a!.shape.slice(0, -1), columns] };
  },
  gradient: inferenceOnly,
};

/** Bytes with their scale and zero point, both scalars. */
export interface QuantizedValue {
  readonly bytes: Value;
  readonly scale: Value;
  readonly zero: Value;
}

/** x as bytes of a known scale and zero point. */
export function quantizeLinear(x: Value, scale: Value, zero: Value): QuantizedValue {
  return { bytes: apply(quantizeLinearOp, [x, scale, zero]), scale, zero };
}

/** x as bytes that just hold its smallest and largest value, and 0. */
export function dynamicQuantizeLinear(x: Value): QuantizedValue {
  const [bytes, scale, zero] = applyAll(dynamicQuantizeLinearOp, [x]) as [Value, Value, Value];
  return { bytes, scale, zero };
}

/** A signed matrix [in, out] with a scale and a zero point of 0 for each column. */
export interface QuantizedMatrix {
  readonly bytes: Value;
  readonly scales: Value;
  readonly zeros: Value;
}

/** a · b + bias [out] as float32: [..., in] × [in, out] → [..., out]. */
export const matMulIntegerToFloat = (a: QuantizedValue, b: QuantizedMatrix, bias?: Value): Value =>
  apply(matMulIntegerToFloatOp, [a.bytes, b.bytes, a.scale, b.scales, a.zero, b.zeros, ...(bias ? [bias] : [])]);

/** The ops of this file. */
export const integerOps = {
  QuantizeLinear: quantizeLinearOp,
  DynamicQuantizeLinear: dynamicQuantizeLinearOp,
  MatMulIntegerToFloat: matMulIntegerToFloatOp,
} as const;
