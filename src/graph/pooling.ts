import { float32 } from "../tensor/tensor.ts";
import { cast, div, greater, mul, sub } from "./elementwise.ts";
import { apply, constant, type Op, type Shape, scalar, type Value } from "./value.ts";

// Maps [B, C, H, W] by cells of 2 × 2 pixels that do not overlap.

/** Dimensions after pooling. @throws RangeError when the map cannot be cut into cells */
function pooledShape(type: string, shape: Shape): Shape {
  const [B, C, H, W] = shape as [number, number, number, number];
  if (shape.length !== 4 || H % 2 || W % 2) {
    throw new RangeError(`${type}: expected [B, C, H, W] of even height and width, got [${shape}]`);
  }
  return [B, C, H / 2, W / 2];
}

const pool = (type: string, gradient: Op["gradient"]): Op => ({
  type,
  infer: ([x]) => ({ dtype: x!.dtype, shape: pooledShape(type, x!.shape) }),
  gradient,
});

/**
 * Pixels that equal the maximum of their cell share its gradient equally. Ties are common: in an evenly coloured part of
 * a picture all four pixels are equal, and the whole gradient for each would count it four times.
 */
const maxPoolOp: Op = pool("MaxPool", (g, { inputs: [x], outputs: [y] }) => {
  const isMaximum = sub(scalar(1), cast(greater(upsample2(y!), x!), "float32"));
  const count = mul(averagePool2(isMaximum), scalar(4));
  return [mul(isMaximum, upsample2(div(g, count)))];
});

// y = ¼ Σ of a cell: each of its pixels gets a quarter of the gradient
const averagePoolOp: Op = pool("AveragePool", (g) => [upsample2(mul(g, scalar(0.25)))]);

const SCALES = [1, 1, 2, 2];

/** ONNX's Resize in the one form that is used: every pixel becomes a cell of four. Its gradient is their sum. */
const resizeOp: Op = {
  type: "Resize",
  infer: ([x]) => {
    const [B, C, H, W] = x!.shape as [number, number, number, number];
    if (x!.shape.length !== 4) throw new RangeError(`Resize: expected [B, C, H, W], got [${x!.shape}]`);
    return { dtype: x!.dtype, shape: [B, C, 2 * H, 2 * W] };
  },
  gradient: (g) => [mul(averagePool2(g), scalar(4))],
};

const cells = { kernel_shape: [2, 2], strides: [2, 2] };

/** Maximum of every cell: [B, C, H, W] → [B, C, H/2, W/2]. */
export const maxPool2 = (x: Value): Value => apply(maxPoolOp, [x], cells);

/** Mean of every cell: [B, C, H, W] → [B, C, H/2, W/2]. */
export const averagePool2 = (x: Value): Value => apply(averagePoolOp, [x], cells);

/** Every pixel as a cell of four (nearest neighbour): [B, C, H, W] → [B, C, 2H, 2W]. */
export function upsample2(x: Value): Value {
  const noRegion = constant(float32([], [0])); // Resize's second input; of use only when cropping
  const how = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
  return apply(resizeOp, [x, noRegion, constant(float32(SCALES, [4]))], how);
}

/** The ops of this file. */
export const poolingOps = { MaxPool: maxPoolOp, AveragePool: averagePoolOp, Resize: resizeOp } as const;
